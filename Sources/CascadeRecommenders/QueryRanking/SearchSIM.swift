// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeNN
public import CascadeTorch

/// SIM in search: behaviors like the candidate are searched for, then attended to.
///
/// - Source: Pi et al., CIKM 2020, arXiv:2006.05639, section 3; as a baseline of DiffusionGS, section 5.1.4.
/// - Deviation: G12: see `Documentation/paper-readings.md`.
public struct SearchSIM: EncodedQueryRanker {
    public static let card = ModelCard(
        name: "search-sim",
        summary: "finds the behaviors that resemble the candidate and attends to them",
        paper: "Pi et al., CIKM 2020, arXiv:2006.05639"
    )

    /// By what behaviors are found.
    public enum Retrieval: String, Codable, Sendable, CaseIterable {
        /// A product that an auxiliary loss trains.
        case soft
        /// An equal value of the first item feature, the latest first.
        case hard
    }

    public struct Configuration: QueryRankerSettings {
        public var base = QuerySettings()
        /// Behaviors that the retrieval stage keeps for each candidate.
        public var topK = 20
        /// Attention heads.
        public var numHeads = 2
        /// What the retrieval stage (general search unit) goes by.
        public var retrieval = Retrieval.soft
        public init() {}

        public static var bounds: [Bound<Self>] {
            [
                .atLeast(1, \.topK, \.numHeads), .multiple(\.base.embeddingSize, of: \.numHeads),
            ]
        }

        public static var formerNames: [String: String] {
            ["kept": "topK", "heads": "numHeads", "search": "retrieval"]
        }
    }

    public let configuration: Configuration
    let encoder: QueryEncoder
    let search: SoftSearch?
    let attention: TargetAttention
    let head: QueryHead
    let auxiliary: QueryHead?

    public init(_ c: Configuration, for data: DatasetShape, using generator: Generator) throws {
        guard c.retrieval == .soft || !data.itemFeatures.isEmpty else {
            throw ConfigurationError("model.retrieval: hard needs an item feature, and items have none; take soft")
        }
        configuration = c
        encoder = try QueryEncoder(c, for: data, using: generator)
        search = c.retrieval == .soft ? try SoftSearch(c.embeddingSize, using: generator) : nil
        attention = try TargetAttention(c.embeddingSize, heads: c.numHeads, using: generator)
        head = try QueryHead(c.embeddingSize, perCandidate: true, c.head, using: generator)
        auxiliary =
            c.retrieval == .soft ? try QueryHead(c.embeddingSize, perCandidate: true, c.head, using: generator) : nil
    }

    public func predict(_ batch: QueryBatch, _ mode: Mode) throws -> QueryPrediction {
        let r = try encoder(batch, mode)
        let real = try r.mask.squeezed(-1).greater(0).unsqueezed(1).expanded([batch.rows, batch.width, batch.length])
        let products = try search?(r.tokens, r.targets)
        let ranking = try products?.filled(where: real.not(), with: KeptBehaviors.nothing) ?? hardRanking(batch, real)
        let kept = try KeptBehaviors(best: configuration.topK, of: ranking)
        var score = try head(r, interest: attention(r.targets, r.tokens, kept), mode)
        if mode == .training, let auxiliary, let products {
            let scale = Double(configuration.embeddingSize).squareRoot()
            let interest = try maskedSoftmax(products / scale, real).matmul(r.tokens)
            let terms = try auxiliary(r, interest: interest, mode).terms(
                batch,
                purchaseWeight: configuration.purchaseLossWeight
            )
            score.terms = [("auxiliary", try terms.dropFirst().reduce(terms[0].loss) { try $0 + $1.loss })]
        }
        return score
    }

    /// Behaviors with the candidate's value of the first item feature, the latest first: `[B, C, L]`.
    private func hardRanking(_ batch: QueryBatch, _ real: Tensor) throws -> Tensor {
        let feature = encoder.features[0]
        let same = try feature.values(batch.candidates).unsqueezed(-1).equal(feature.values(batch.items).unsqueezed(1))
        let columns = try Tensor.range(0..<batch.length, on: batch.items.device).to(.float32)
        return try columns.reshaped(1, 1, batch.length).expanded(real.shape)
            .filled(where: same.and(real).not(), with: KeptBehaviors.nothing)
    }
}

/// Attention from each candidate to the behaviors that were kept for it, with several heads.
///
/// - Source: Vaswani et al. 2017, section 3.2.2; SIM, section 3.2, eq 6.
struct TargetAttention: Module {
    let query: Linear
    let key: Linear
    let value: Linear
    let heads: Int

    init(_ width: Int, heads: Int, using generator: Generator) throws {
        query = try Linear(width, width, bias: false, using: generator)
        key = try Linear(width, width, bias: false, using: generator)
        value = try Linear(width, width, bias: false, using: generator)
        self.heads = heads
    }

    /// Candidates `[B, C, D]` and behaviors `[B, L, D]` to what each candidate finds: `[B, C, D]`.
    ///
    /// The products are made with every behavior and then cut to the kept ones: at some hundred behaviors that is cheaper than
    /// gathering keys and values for each candidate.
    func callAsFunction(_ candidates: Tensor, _ behaviors: Tensor, _ kept: KeptBehaviors) throws -> Tensor {
        let (rows, count, length, width) = (
            candidates.size(0), candidates.size(1), behaviors.size(1), behaviors.size(2)
        )
        func split(_ x: Tensor) throws -> Tensor {
            try x.reshaped(rows, x.size(1), heads, width / heads).transposed(1, 2)
        }
        let scores = try split(query(candidates)).matmul(split(key(behaviors)).transposed())
        // 1 where a behavior was kept for the candidate: [B, 1, C, L].
        let chosen = try Tensor.zeros([rows, count, length], on: behaviors.device)
            .scattered(2, kept.columns, kept.mask.to(.float32), adding: true).greater(0).unsqueezed(1)
        let weights = try maskedSoftmax(scores / Double(width / heads).squareRoot(), chosen.expanded(scores.shape))
        return try weights.matmul(split(value(behaviors))).transposed(1, 2).reshaped(rows, count, width)
    }
}
