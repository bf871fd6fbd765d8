// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeNN
public import CascadeTorch

/// Enhanced SASRec: gated Transformer layers and, by `training.loss`, the sampled softmax.
///
/// - Source: Tikhonovich et al., RecSys 2025, arXiv:2508.06450: SASRec's training objective, LiGR layers, sampled softmax.
/// - Deviation: the loss is `training.loss`, as everywhere, and by default the full softmax; its negatives are shared by a
///   batch; items are scaled as in ``SASRec`` and positions count from the start.
public struct ESASRec: CausalEncoder {
    public static let card = ModelCard(
        name: "esasrec",
        summary: "causal Transformer with gated residuals, next item at every position",
        paper: "Tikhonovich et al., RecSys 2025, arXiv:2508.06450"
    )

    public struct Configuration: Settings {
        /// Features of each item.
        public var embeddingSize = 64
        /// Latest events that are read.
        public var maxSequenceLength = 200
        /// Transformer layers.
        public var numLayers = 2
        /// Attention heads of each layer.
        public var numHeads = 2
        /// Features inside the feed-forward network.
        public var ffnSize = 256
        /// Probability that a feature is zeroed while training.
        public var dropout = 0.1
        /// Whether the item table's gradients name rows, for sampled losses on large catalogs.
        public var sparseGradients = false
        public init() {}

        public static var bounds: [Bound<Self>] {
            [
                .atLeast(1, \.embeddingSize, \.maxSequenceLength, \.numLayers, \.numHeads, \.ffnSize),
                .multiple(\.embeddingSize, of: \.numHeads), .unit(\.dropout),
            ]
        }
    }

    public let length: Int
    let items: Embedding
    let positions: Embedding
    let layers: [LiGRLayer]
    let rate: Double

    public init(_ c: Configuration, for data: DatasetShape, using generator: Generator) throws {
        let (width, drawn) = (c.embeddingSize, Initialization.normal(0.02))
        // Row 0 is padding.
        items = try Embedding(data.items + 1, width, drawn, isRowSparse: c.sparseGradients, using: generator)
        positions = try Embedding(c.maxSequenceLength, width, drawn, using: generator)
        layers = try (0..<c.numLayers).map { _ in try LiGRLayer(c, using: generator) }
        (length, rate) = (c.maxSequenceLength, c.dropout)
    }

    /// int32 `[B, L]` to `[B, L, D]`.
    func encode(_ history: Tensor, _ mode: Mode) throws -> Tensor {
        let width = Double(items.weight.value.size(1))
        let places = try positions.weight.value.sliced(0, to: history.size(1))
        let x = try dropout(items(history) * width.squareRoot() + places, rate, mode)
        return try layers.reduce(x) { try $1($0, mode) }
    }
}

/// Causal attention and a SwiGLU network, each normalized before, and added as far as a gate on the layer's input lets it.
///
/// - Source: Borisyuk et al. 2025, arXiv:2502.03417 (LiGR), with the feed-forward network of eSASRec, arXiv:2508.06450.
struct LiGRLayer: Module {
    let attentionNorm: LayerNorm
    let attention: SelfAttention
    let attentionGate: Linear
    let feedForwardNorm: LayerNorm
    let feedForward: SwiGLU
    let feedForwardGate: Linear
    let rate: Double

    init(_ c: ESASRec.Configuration, using generator: Generator) throws {
        let width = c.embeddingSize
        attentionNorm = try LayerNorm(width, on: generator.device)
        attention = try SelfAttention(width: width, heads: c.numHeads, using: generator)
        attentionGate = try Linear(width, width, using: generator)
        feedForwardNorm = try LayerNorm(width, on: generator.device)
        feedForward = try SwiGLU(width, hidden: c.ffnSize, dropout: c.dropout, using: generator)
        feedForwardGate = try Linear(width, width, using: generator)
        rate = c.dropout
    }

    /// `[B, L, D]` to the same shape.
    func callAsFunction(_ x: Tensor, _ mode: Mode) throws -> Tensor {
        let attended = try dropout(attention(attentionNorm(x), .causal), rate, mode)
        let y = try x + attentionGate(x).sigmoid() * attended
        let transformed = try dropout(feedForward(feedForwardNorm(y), mode), rate, mode)
        return try y + feedForwardGate(y).sigmoid() * transformed
    }
}

/// Feed-forward network with a gated hidden layer, without constants: `down(silu(gate(x)) up(x))`.
///
/// - Source: Shazeer 2020, arXiv:2002.05202, equation 6.
struct SwiGLU: Module {
    let gate: Linear
    let up: Linear
    let down: Linear
    let rate: Double

    init(_ width: Int, hidden: Int, dropout rate: Double, using generator: Generator) throws {
        gate = try Linear(width, hidden, bias: false, using: generator)
        up = try Linear(width, hidden, bias: false, using: generator)
        down = try Linear(hidden, width, bias: false, using: generator)
        self.rate = rate
    }

    /// `[..., D]` to the same shape.
    func callAsFunction(_ x: Tensor, _ mode: Mode) throws -> Tensor {
        try down(dropout(gate(x).silu() * up(x), rate, mode))
    }
}
