// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeNN
public import CascadeTorch

/// Searches the history for what fits the query, then for what fits the candidate, and attends to what is left.
///
/// - Source: Guo et al., CIKM 2023, arXiv:2310.06444: relevance search unit, fused attention unit.
/// - Deviation: G13: see `Documentation/paper-readings.md`.
public struct QIN: EncodedQueryRanker {
    public static let card = ModelCard(
        name: "qin",
        summary: "searches the history by the query, then by the candidate; attention of ids and of features is fused",
        paper: "Guo et al., CIKM 2023, arXiv:2310.06444"
    )

    public struct Configuration: QueryRankerSettings {
        public var base = QuerySettings()
        /// Behaviors that fit the query best and are kept.
        public var relevantTopK = 50
        /// Of those, behaviors that fit the candidate best and are kept.
        public var topK = 20
        public init() {}

        public static var bounds: [Bound<Self>] {
            [
                .atLeast(1, \.topK), .atLeast(\.relevantTopK, \.topK),
            ]
        }

        public static var formerNames: [String: String] {
            ["relevant": "relevantTopK", "kept": "topK"]
        }
    }

    public let configuration: Configuration
    let encoder: QueryEncoder
    let relevance: SoftSearch
    let similarity: SoftSearch
    let engagement: Embedding
    let mixture: Linear
    let head: QueryHead

    public init(_ c: Configuration, for data: DatasetShape, using generator: Generator) throws {
        configuration = c
        encoder = try QueryEncoder(c, for: data, using: generator)
        relevance = try SoftSearch(c.embeddingSize, using: generator)
        similarity = try SoftSearch(c.embeddingSize, using: generator)
        engagement = try Embedding(encoder.actions.weight.value.size(0), 2, .zeros, using: generator)
        mixture = try Linear(2 * c.embeddingSize, c.embeddingSize, using: generator)
        head = try QueryHead(c.embeddingSize, perCandidate: true, c.head, using: generator)
    }

    public func predict(_ batch: QueryBatch, _ mode: Mode) throws -> QueryPrediction {
        let r = try encoder(batch, mode)
        let (rows, width, length) = (batch.rows, batch.width, batch.length)
        let scale = Double(configuration.embeddingSize).squareRoot()
        let real = try r.mask.squeezed(-1).greater(0)  // [B, L]
        // What fits the query, for the request as a whole.
        let fitting = try relevance(r.tokens, r.query.unsqueezed(1)) / scale  // [B, 1, L]
        let relevant = try chosen(fitting, real.unsqueezed(1), configuration.relevantTopK)
        // Of that, what fits each candidate.
        let content = try similarity(r.tokens, r.targets) / scale  // [B, C, L]
        let kept = try chosen(content, relevant.expanded([rows, width, length]), configuration.topK)
        // Attention by ids and by everything else, each weighed by how deep the engagement was.
        let ids = try encoder.items(batch.candidates).matmul(encoder.items(batch.items).transposed())
        let depth = try engagement(batch.actions)  // [B, L, 2]
        let byID = try maskedSoftmax(ids + fitting + depth.selected(2, 0).unsqueezed(1), kept)
        let byContent = try maskedSoftmax(content + fitting + depth.selected(2, 1).unsqueezed(1), kept)
        let fused = try mixture(.concatenated([byID.matmul(r.tokens), byContent.matmul(r.tokens)], -1))
        return try head(r, interest: fused, mode)
    }

    /// Which of the allowed behaviors have the highest scores: bool, shaped like `scores`.
    private func chosen(_ scores: Tensor, _ allowed: Tensor, _ count: Int) throws -> Tensor {
        let kept = try KeptBehaviors(
            best: count,
            of: scores.filled(where: allowed.not(), with: KeptBehaviors.nothing)
        )
        return try Tensor.zeros(scores.shape, on: scores.device)
            .scattered(2, kept.columns, kept.mask.to(.float32), adding: true).greater(0)
    }
}
