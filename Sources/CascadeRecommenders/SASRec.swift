// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeNN
public import CascadeTorch

/// Self-attentive sequential recommendation: a causal Transformer that predicts the next item at every position.
///
/// - Deviation: pre-normalized blocks with GELU; the default objective is the full softmax (Klenitskiy & Vasilev 2023,
///   arXiv:2309.07602); short histories are padded on the right, so that positions count from the start.
public struct SASRec: CausalEncoder {
    public static let card = ModelCard(
        name: "sasrec",
        summary: "causal Transformer over the history, next item at every position",
        paper: "Kang & McAuley, ICDM 2018, arXiv:1808.09781"
    )

    public struct Configuration: Settings {
        /// Features of each item.
        public var embeddingSize = 64
        /// Latest events that are read.
        public var maxSequenceLength = 200
        /// Transformer blocks.
        public var numLayers = 2
        /// Attention heads of each block.
        public var numHeads = 2
        /// Features inside the feed-forward network.
        public var ffnSize = 256
        /// Probability that a feature is zeroed while training.
        public var dropout = 0.2
        /// Whether the item table's gradients name rows, for sampled losses on large catalogs.
        public var sparseGradients = false
        public init() {}

        public static var bounds: [Bound<Self>] {
            [
                .atLeast(1, \.embeddingSize, \.maxSequenceLength, \.numLayers, \.numHeads, \.ffnSize),
                .multiple(\.embeddingSize, of: \.numHeads), .unit(\.dropout),
            ]
        }

        public static var formerNames: [String: String] {
            [
                "width": "embeddingSize", "length": "maxSequenceLength", "blocks": "numLayers", "heads": "numHeads",
                "hidden": "ffnSize",
            ]
        }
    }

    public let length: Int
    let items: Embedding
    let positions: Embedding
    let blocks: [TransformerBlock]
    let norm: LayerNorm
    let rate: Double

    public init(_ c: Configuration, for data: DatasetShape, using generator: Generator) throws {
        // Row 0 is padding.
        items = try Embedding(
            data.items + 1,
            c.embeddingSize,
            .normal(0.02),
            isRowSparse: c.sparseGradients,
            using: generator
        )
        positions = try Embedding(c.maxSequenceLength, c.embeddingSize, .normal(0.02), using: generator)
        blocks = try (0..<c.numLayers).map { _ in
            try TransformerBlock(
                width: c.embeddingSize,
                heads: c.numHeads,
                hidden: c.ffnSize,
                dropout: c.dropout,
                using: generator
            )
        }
        norm = try LayerNorm(c.embeddingSize, on: generator.device)
        (length, rate) = (c.maxSequenceLength, c.dropout)
    }

    /// int32 `[B, L]` to `[B, L, D]`.
    func encode(_ history: Tensor, _ mode: Mode) throws -> Tensor {
        let width = Double(items.weight.value.size(1))
        let places = try positions.weight.value.sliced(0, to: history.size(1))
        let x = try dropout(items(history) * width.squareRoot() + places, rate, mode)
        return try norm(blocks.reduce(x) { try $1($0, .causal, mode) })
    }
}
