// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeNN
public import CascadeTorch

/// Hierarchical sequential transduction: the query ends the history, and every candidate is a token that sees both.
///
/// - Source: Zhai et al., ICML 2024, arXiv:2402.17152; as a baseline of DiffusionGS, section 5.1.4.
/// - Deviation: G14: see `Documentation/paper-readings.md`.
public struct HSTU: EncodedQueryRanker {
    public static let card = ModelCard(
        name: "hstu",
        summary: "pointwise attention with gates and a bias for time; candidates are tokens behind the query",
        paper: "Zhai et al., ICML 2024, arXiv:2402.17152"
    )

    public struct Configuration: QueryRankerSettings {
        public var base = QuerySettings()
        public var attention = AttentionStackSettings()
        public init() {}

        public static var bounds: [Bound<Self>] { [.multiple(\.base.embeddingSize, of: \.attention.numHeads)] }
    }

    public let configuration: Configuration
    let encoder: QueryEncoder
    let layers: [PointwiseAttentionLayer]
    let norm: LayerNorm
    let head: QueryHead

    public init(_ c: Configuration, for data: DatasetShape, using generator: Generator) throws {
        configuration = c
        encoder = try QueryEncoder(c, for: data, using: generator)
        layers = try (1...c.attention.numLayers).map { number in
            try PointwiseAttentionLayer(
                c.embeddingSize,
                heads: c.attention.numHeads,
                limit: c.maxSequenceLength + 2,
                byGroup: false,
                isLast: number == c.attention.numLayers,
                dropout: c.attention.dropout,
                using: generator
            )
        }
        norm = try LayerNorm(c.embeddingSize, on: generator.device)
        head = try QueryHead(c.embeddingSize, perCandidate: true, c.head, using: generator)
    }

    public func predict(_ batch: QueryBatch, _ mode: Mode) throws -> QueryPrediction {
        let r = try encoder(batch, mode)
        let scope = try PointwiseScope(
            mask: .concatenated([r.mask.squeezed(-1), .ones([batch.rows, 1], on: r.mask.device)], 1),
            times: .concatenated([batch.times, batch.requestTimes.unsqueezed(1)], 1),
            now: batch.requestTimes,
            persons: 0,
            limit: configuration.maxSequenceLength + 2
        )
        var x = PointwiseTokens(
            person: try r.tokens.sliced(1, to: 0),
            history: try .concatenated([r.tokens, r.query.unsqueezed(1)], 1),
            candidates: r.targets
        )
        for layer in layers { x = try layer(x, scope, mode) }
        return try head(r, interest: norm(x.candidates), mode)
    }
}
