// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeNN
public import CascadeTorch

/// HSTU with cross features of candidate and history, tokens for the person, and a normalization for each kind of token.
///
/// - Source: Han et al. 2025, arXiv:2505.18654; as a baseline of DiffusionGS, section 5.1.4.
/// - Deviation: G15: see `Documentation/paper-readings.md`.
public struct MTGR: EncodedQueryRanker {
    public static let card = ModelCard(
        name: "mtgr",
        summary: "HSTU with cross features, tokens for the person, and group layer normalization",
        paper: "Han et al. 2025, arXiv:2505.18654"
    )

    public struct Configuration: QueryRankerSettings {
        public var base = QuerySettings(crossFeatures: true)
        public var attention = AttentionStackSettings()
        /// Whether tokens of each kind are normalized by themselves.
        public var groupNorm = true
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
                limit: c.maxSequenceLength + 3,
                byGroup: c.groupNorm,
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
        let (one, now) = (try Tensor.ones([batch.rows, 1], on: r.mask.device), try batch.requestTimes.unsqueezed(1))
        let scope = try PointwiseScope(
            mask: .concatenated([one, r.mask.squeezed(-1), one], 1),
            times: .concatenated([now, batch.times, now], 1),
            now: batch.requestTimes,
            persons: 1,
            limit: configuration.maxSequenceLength + 3
        )
        var x = PointwiseTokens(
            person: try r.profile.unsqueezed(1),
            history: try .concatenated([r.tokens, r.query.unsqueezed(1)], 1),
            candidates: r.targets
        )
        for layer in layers { x = try layer(x, scope, mode) }
        return try head(r, interest: norm(x.candidates), mode)
    }
}
