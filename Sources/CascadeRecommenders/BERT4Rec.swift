// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
import CascadeNN
public import CascadeTorch

/// A Transformer that reads in both directions and learns to fill in hidden items; the next item is one more hidden item.
///
/// - Source: Sun et al., CIKM 2019, arXiv:1904.06690, sections 3.2 to 3.7; sizes and shares of the authors' command for
///   MovieLens-1M.
/// - Deviation: pre-normalized blocks; items have no constant of their own in the output (equation 7); every item is
///   hidden by a draw of its own, so that the number of hidden items varies; positions count back from the latest event.
public struct BERT4Rec: VectorRetriever {
    public static let card = ModelCard(
        name: "bert4rec",
        summary: "bidirectional Transformer that fills in hidden items, the next one among them",
        paper: "Sun et al., CIKM 2019, arXiv:1904.06690"
    )
    // The last column then is the item to predict, in training and at inference.
    public static let padding = Padding.left
    public static let examples = ExampleKind.causal

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
        /// Probability that an item is hidden while training.
        public var maskRatio = 0.2
        /// Probability that a history hides its last item alone while training.
        public var lastItemMaskRatio = 0.1
        /// Whether the item table's gradients name rows, for sampled losses on large catalogs.
        public var sparseGradients = false
        public init() {}

        public static var bounds: [Bound<Self>] {
            [
                .atLeast(1, \.embeddingSize, \.maxSequenceLength, \.numLayers, \.numHeads, \.ffnSize),
                .multiple(\.embeddingSize, of: \.numHeads), .unit(\.dropout),
                .within(0...1, \.maskRatio, \.lastItemMaskRatio),
            ]
        }
    }

    public let length: Int
    let items: Embedding
    let positions: Embedding
    /// What stands in the place of a hidden item: `[D]`.
    let mask: Parameter
    let inputNorm: LayerNorm
    let blocks: [TransformerBlock]
    let norm: LayerNorm
    let output: Linear
    let outputNorm: LayerNorm
    let configuration: Configuration

    public init(_ c: Configuration, for data: DatasetShape, using generator: Generator) throws {
        let (width, drawn) = (c.embeddingSize, Initialization.normal(0.02))
        // Row 0 is padding.
        items = try Embedding(data.items + 1, width, drawn, isRowSparse: c.sparseGradients, using: generator)
        // The history, and the hidden item after it.
        positions = try Embedding(c.maxSequenceLength + 1, width, drawn, using: generator)
        mask = try Parameter(drawn([width], using: generator))
        inputNorm = try LayerNorm(width, on: generator.device)
        blocks = try (0..<c.numLayers).map { _ in
            try TransformerBlock(
                width: width,
                heads: c.numHeads,
                hidden: c.ffnSize,
                dropout: c.dropout,
                using: generator
            )
        }
        norm = try LayerNorm(width, on: generator.device)
        output = try Linear(width, width, using: generator)
        outputNorm = try LayerNorm(width, on: generator.device)
        (length, configuration) = (c.maxSequenceLength, c)
    }

    public func itemVectors() throws -> Tensor { try items.weight.value.sliced(0, from: 1) }

    public func itemVectors(_ numbers: Tensor) throws -> Tensor { try items(numbers + 1) }

    public func userVectors(_ batch: Batch) throws -> Tensor {
        let sequence = try batch.items.padded(before: 0, after: 1)
        let hidden = try isLast(sequence).expanded(sequence.shape)
        return try vectors(encode(sequence, hiding: hidden, .inference).sliced(1, from: -1))
    }

    public func trainingOutput(_ batch: Batch) throws -> TrainingOutput {
        let sequence = try wholeSequences(batch)
        let hidden = try hiddenItems(sequence, batch.noise)
        let places = try hidden.reshaped(-1).nonzero().squeezed(1)
        let states = try encode(sequence, hiding: hidden, .training)
        return TrainingOutput(
            vectors: try vectors(states.reshaped(-1, states.size(2)).rows(places)),
            targets: try sequence.reshaped(-1).rows(places) - 1
        )
    }

    /// The histories and, behind them, the last target: int64 `[B, S]` with S = L + 1.
    func wholeSequences(_ batch: Batch) throws -> Tensor {
        let history = try batch.items.to(.int64)
        let next = try Tensor.zeros([history.count], .int64, on: history.device)
            .scattered(0, batch.positions, batch.targets + 1).reshaped(history.shape)
        return try .concatenated([history, next.sliced(1, from: -1)], 1)
    }

    /// The items that training hides, at least one of each row: bool `[B, S]`.
    func hiddenItems(_ sequence: Tensor, _ noise: Noise) throws -> Tensor {
        let (rows, length) = (sequence.size(0), sequence.size(1))
        func drawn(_ size: Int, _ probability: Double, stream: Int) throws -> Tensor {
            try noise.mask(rows: rows, [size], dropping: probability, stream: stream).equal(0)
        }
        let some = try drawn(length, configuration.maskRatio, stream: 0).and(sequence.notEqual(0))
        let isLastAlone = try drawn(1, configuration.lastItemMaskRatio, stream: 1).or(some.any(1, keep: true).not())
        return try .where(isLastAlone, isLast(sequence), some)
    }

    /// Where the last column is: bool `[1, S]`.
    private func isLast(_ sequence: Tensor) throws -> Tensor {
        let length = sequence.size(1)
        return try Tensor.range(0..<length, on: sequence.device).equal(Double(length - 1)).unsqueezed(0)
    }

    /// Items `[B, S]`, 0 at padding, of which some are hidden, bool `[B, S]`, to states `[B, S, D]`.
    func encode(_ sequence: Tensor, hiding hidden: Tensor, _ mode: Mode) throws -> Tensor {
        let known = try Tensor.where(hidden.unsqueezed(2), mask.value, items(sequence))
        let places = try positions.weight.value.sliced(0, from: length + 1 - sequence.size(1))
        let x = try dropout(inputNorm(known + places), configuration.dropout, mode)
        let scope = AttentionScope.keys(try sequence.notEqual(0).or(hidden))
        return try norm(blocks.reduce(x) { try $1($0, scope, mode) })
    }

    /// States of hidden items to what they are held against the catalog with, both `[..., D]` (equation 7).
    private func vectors(_ states: Tensor) throws -> Tensor { try outputNorm(output(states).gelu()) }
}
