// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeNN
public import CascadeTorch

/// Selective state spaces over the history, whose output at every position predicts the next item.
///
/// - Source: Liu et al. 2024, arXiv:2403.03900, section 3; sizes of the authors' published configuration.
/// - Deviation: every position of a history is a training example, instead of the last one of every prefix; the state
///   space begins with the steps of its own paper (see `SelectiveStateSpace`), where the authors' code resets them.
public struct Mamba4Rec: CausalEncoder {
    public static let card = ModelCard(
        name: "mamba4rec",
        summary: "selective state spaces over the history, next item at every position",
        paper: "Liu et al. 2024, arXiv:2403.03900"
    )

    public struct Configuration: Settings {
        /// Features of each item.
        public var embeddingSize = 64
        /// Latest events that are read.
        public var maxSequenceLength = 200
        /// Layers, each a selective state space and a feed-forward network.
        public var numLayers = 1
        /// Numbers that each feature's state holds.
        public var stateSize = 32
        /// Features inside the feed-forward network.
        public var ffnSize = 256
        /// Probability that a feature is zeroed while training.
        public var dropout = 0.2
        /// Whether the item table's gradients name rows, for sampled losses on large catalogs.
        public var sparseGradients = false
        public init() {}

        public static var bounds: [Bound<Self>] {
            [
                .atLeast(1, \.embeddingSize, \.maxSequenceLength, \.numLayers, \.stateSize, \.ffnSize),
                .unit(\.dropout),
            ]
        }
    }

    public let length: Int
    let items: Embedding
    let norm: LayerNorm
    let layers: [MambaLayer]
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
        norm = try LayerNorm(c.embeddingSize, on: generator.device)
        layers = try (0..<c.numLayers).map { _ in try MambaLayer(c, using: generator) }
        (length, rate) = (c.maxSequenceLength, c.dropout)
    }

    /// int32 `[B, L]` to `[B, L, D]`.
    func encode(_ history: Tensor, _ mode: Mode) throws -> Tensor {
        // Inside, positions come first, because the scan takes them one after the other.
        let x = try norm(dropout(items(history.transposed()), rate, mode))
        return try layers.reduce(x) { try $1($0, mode) }.transposed(0, 1)
    }
}

/// A selective state space and a feed-forward network, each normalized afterwards.
///
/// - Source: Liu et al. 2024, arXiv:2403.03900, sections 3.3 and 3.4; a single layer does not add its input.
struct MambaLayer: Module {
    let mixer: SelectiveStateSpace
    let mixerNorm: LayerNorm
    let feedForward: FeedForward
    let feedForwardNorm: LayerNorm
    let rate: Double
    let isResidual: Bool

    init(_ c: Mamba4Rec.Configuration, using generator: Generator) throws {
        mixer = try SelectiveStateSpace(
            width: c.embeddingSize,
            stateSize: c.stateSize,
            directions: 1,
            using: generator
        )
        mixerNorm = try LayerNorm(c.embeddingSize, on: generator.device)
        feedForward = try FeedForward(
            c.embeddingSize,
            hidden: c.ffnSize,
            c.embeddingSize,
            dropout: c.dropout,
            using: generator
        )
        feedForwardNorm = try LayerNorm(c.embeddingSize, on: generator.device)
        (rate, isResidual) = (c.dropout, c.numLayers > 1)
    }

    /// `[L, B, D]` to the same shape.
    func callAsFunction(_ x: Tensor, _ mode: Mode) throws -> Tensor {
        let mixed = try dropout(mixer(x), rate, mode)
        let y = try mixerNorm(isResidual ? x + mixed : mixed)
        return try feedForwardNorm(y + dropout(feedForward(y, mode), rate, mode))
    }
}
