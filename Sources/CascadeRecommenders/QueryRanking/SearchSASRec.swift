// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeNN
public import CascadeTorch

/// SASRec as a ranker: the query is the last token of a causal Transformer, whose last state is the interest.
///
/// - Source: Kang & McAuley, ICDM 2018, arXiv:1808.09781; as a baseline of DiffusionGS, section 5.1.4 (reading G11).
public struct SearchSASRec: EncodedQueryRanker {
    public static let card = ModelCard(
        name: "search-sasrec",
        summary: "causal self-attention over the history, the query as its last token",
        paper: "Kang & McAuley, ICDM 2018, arXiv:1808.09781"
    )

    public struct Configuration: QueryRankerSettings {
        public var base = QuerySettings()
        public var attention = AttentionStackSettings(numLayers: 2)
        public init() {}

        public static var bounds: [Bound<Self>] { [.multiple(\.base.embeddingSize, of: \.attention.numHeads)] }
    }

    public let configuration: Configuration
    let encoder: QueryEncoder
    let blocks: [TransformerBlock]
    let norm: LayerNorm
    let head: QueryHead

    public init(_ c: Configuration, for data: DatasetShape, using generator: Generator) throws {
        configuration = c
        encoder = try QueryEncoder(c, for: data, using: generator)
        blocks = try (0..<c.attention.numLayers).map { _ in
            try TransformerBlock(
                width: c.embeddingSize,
                heads: c.attention.numHeads,
                hidden: 4 * c.embeddingSize,
                dropout: c.attention.dropout,
                using: generator
            )
        }
        norm = try LayerNorm(c.embeddingSize, on: generator.device)
        head = try QueryHead(c.embeddingSize, perCandidate: false, c.head, using: generator)
    }

    public func predict(_ batch: QueryBatch, _ mode: Mode) throws -> QueryPrediction {
        let r = try encoder(batch, mode)
        // Padding goes to the end, where nothing real looks at it.
        let length = batch.length + 1
        let lengths = try r.mask.sum(1).to(.int64)  // [B, 1]
        let shifted = try Tensor.range(0..<length, on: r.tokens.device).unsqueezed(0) + (Double(batch.length) - lengths)
        let turned = try Tensor.where(shifted.less(Double(length)), shifted, shifted - Double(length))
        let index = try turned.to(.int64).unsqueezed(-1).expanded([batch.rows, length, configuration.embeddingSize])
        var x = try Tensor.concatenated([r.tokens, r.query.unsqueezed(1)], 1).gathered(1, index)
        for block in blocks { x = try block(x, .causal, mode) }
        let last = try lengths.unsqueezed(-1).expanded([batch.rows, 1, configuration.embeddingSize])
        return try head(r, interest: norm(x.gathered(1, last).squeezed(1)), mode)
    }
}
