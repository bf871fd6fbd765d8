// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeNN
public import CascadeTorch

/// Retrieval first, by category or by a product that an auxiliary loss trains; then attention to what was found.
///
/// - Source: Pi et al., Search-based User Interest Modeling, CIKM 2020, arXiv:2006.05639.
/// - Deviation: A8: see `Documentation/paper-readings.md`.
public struct SIM: TwoStageRanker {
    public static let card = ModelCard(
        name: "sim",
        summary: "lifelong histories, searched by category or by a product trained on the side",
        paper: "Pi et al., CIKM 2020, arXiv:2006.05639"
    )

    public struct Configuration: TwoStageSettings {
        public var history = BehaviorSettings(timeDeltas: true)
        public var stages = StageSettings()
        /// What the retrieval stage (general search unit) goes by; the auxiliary loss trains the soft one.
        public var retrieval = TWIN.Retrieval.soft
        public init() {}

        public static var formerNames: [String: String] {
            ["search": "retrieval"]
        }

        public func validate() throws {
            guard auxiliaryLoss || retrieval == .hard else {
                throw ConfigurationError(
                    "model.auxiliary_loss: soft retrieval learns from it alone; set it, or retrieval: hard"
                )
            }
        }
    }

    public let length: Int
    let network: TwoStage

    public init(_ c: Configuration, for data: DatasetShape, using generator: Generator) throws {
        let shared = try BehaviorEncoder(c.shape(data), using: generator)
        let retrieval: any HistoryRetrieval =
            switch c.retrieval {
            case .soft: SoftRetrieval(product: try SoftSearch(shared.semanticWidth, using: generator))
            case .hard: CategoryRetrieval()
            }
        network = try TwoStage(
            c,
            for: data,
            sharing: shared,
            retrieval: retrieval,
            using: generator
        )
        length = c.maxSequenceLength
    }
}

/// Hard retrieval: keeps behaviors of the candidate's category, the latest first; without categories, what the attention
/// weighs most.
struct CategoryRetrieval: HistoryRetrieval {
    func ranking(_ b: Behaviors, _ v: TwoStage.Vectors, attention scores: Tensor) throws
        -> (ranking: Tensor, weights: Tensor?)
    {
        guard let own = b.categories, let wanted = b.candidateCategories else { return (scores, nil) }
        let isOther = try own.unsqueezed(1).equal(wanted.unsqueezed(2)).not().or(b.padding())
        let places = try b.recency().expanded([b.rows, b.width, b.length])
        return (try places.filled(where: isOther, with: KeptBehaviors.nothing), nil)
    }
}

/// Soft retrieval: a product of its own, behind maps that an auxiliary loss trains.
struct SoftRetrieval: HistoryRetrieval {
    let product: SoftSearch

    func ranking(_ b: Behaviors, _ v: TwoStage.Vectors, attention scores: Tensor) throws
        -> (ranking: Tensor, weights: Tensor?)
    {
        let products = try product(v.keys, v.queries)
        let masked = try products.filled(where: b.padding(), with: KeptBehaviors.nothing)
        let real = try b.mask.to(.float32).unsqueezed(1)
        return (masked, try products * real / real.sum(2, keep: true).clamped(from: 1))
    }
}

/// A retrieval score of its own: `(W_b e_i) . (W_a e_t)`.
///
/// - Source: SIM, Pi et al. 2020, arXiv:2006.05639, section 3.1, eq 1.
struct SoftSearch: Module {
    let behaviour: Linear
    let candidate: Linear

    init(_ width: Int, using generator: Generator) throws {
        behaviour = try Linear(width, width, bias: false, using: generator)
        candidate = try Linear(width, width, bias: false, using: generator)
        // Equal at first: what resembles the candidate is found from the start (A8).
        try candidate.weight.value.assign(behaviour.weight.value)
    }

    /// `[B, L, D]`, `[B, C, D]` to `[B, C, L]`.
    func callAsFunction(_ behaviors: Tensor, _ candidates: Tensor) throws -> Tensor {
        // Both maps on the candidates' side: there are fewer of them.
        try pairProducts(candidate(candidates).matmul(behaviour.weight.value), behaviors)
    }
}
