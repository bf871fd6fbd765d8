// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
import CascadeNN
public import CascadeTorch

/// Hierarchical sequential transduction over the history: the state of every position predicts the next item by its cosine.
///
/// - Source: Zhai et al., ICML 2024, arXiv:2402.17152, section 3.2 and table 4; temperature of the authors' published
///   configuration.
/// - Deviation: a position divides by the number of events that it sees; the time bias compares an event with those
///   before it, not the next event with them, whose time is unknown when serving; the default objective is the full
///   softmax. Buckets of time as in ``HSTU``.
public struct HSTURetrieval: VectorRetriever {
    public static let card = ModelCard(
        name: "hstu-retrieval",
        summary: "pointwise attention with gates and a bias for time, next item at every position",
        paper: "Zhai et al., ICML 2024, arXiv:2402.17152"
    )
    public static let padding = Padding.right
    public static let examples = ExampleKind.causal

    public struct Configuration: Settings {
        /// Features of each item.
        public var embeddingSize = 64
        /// Latest events that are read.
        public var maxSequenceLength = 200
        /// Layers of pointwise attention.
        public var numLayers = 2
        /// Attention heads of each layer.
        public var numHeads = 2
        /// Probability that a feature is zeroed while training.
        public var dropout = 0.2
        /// The score is a cosine divided by it.
        public var temperature = 0.05
        /// Whether the item table's gradients name rows, for sampled losses on large catalogs.
        public var sparseGradients = false
        public init() {}

        public static var bounds: [Bound<Self>] {
            [
                .atLeast(1, \.embeddingSize, \.maxSequenceLength, \.numLayers, \.numHeads),
                .multiple(\.embeddingSize, of: \.numHeads), .unit(\.dropout), .above(0, \.temperature),
            ]
        }
    }

    public let length: Int
    let items: Embedding
    let positions: Embedding
    let layers: [PointwiseAttentionLayer]
    let configuration: Configuration

    public init(_ c: Configuration, for data: DatasetShape, using generator: Generator) throws {
        let (width, drawn) = (c.embeddingSize, Initialization.normal(0.02))
        // Row 0 is padding.
        items = try Embedding(data.items + 1, width, drawn, isRowSparse: c.sparseGradients, using: generator)
        positions = try Embedding(c.maxSequenceLength, width, drawn, using: generator)
        layers = try (0..<c.numLayers).map { _ in
            try PointwiseAttentionLayer(
                width,
                heads: c.numHeads,
                limit: c.maxSequenceLength,
                byGroup: false,
                isLast: false,
                dropout: c.dropout,
                using: generator
            )
        }
        (length, configuration) = (c.maxSequenceLength, c)
    }

    public func itemVectors() throws -> Tensor { try items.weight.value.sliced(0, from: 1).unitLength() }

    public func itemVectors(_ numbers: Tensor) throws -> Tensor { try items(numbers + 1).unitLength() }

    public func userVectors(_ batch: Batch) throws -> Tensor {
        try sharpened(batch.last(of: encode(batch, .inference))).unsqueezed(1)
    }

    public func trainingOutput(_ batch: Batch) throws -> TrainingOutput {
        let states = try encode(batch, .training)
        return TrainingOutput(vectors: try sharpened(states.reshaped(-1, states.size(2)).rows(batch.positions)))
    }

    /// `[B, L, D]`.
    private func encode(_ batch: Batch, _ mode: Mode) throws -> Tensor {
        let places = try positions.weight.value.sliced(0, to: batch.length)
        let scale = Double(configuration.embeddingSize).squareRoot()
        let x = try dropout(items(batch.items) * scale + places, configuration.dropout, mode)
        let scope = try SequenceScope(causalTimes: batch.times, limit: length)
        return try layers.reduce(x) { try $1($0, scope, mode) }
    }

    private func sharpened(_ states: Tensor) throws -> Tensor {
        try states.unitLength() / configuration.temperature
    }
}

extension Tensor {
    /// Vectors of the last dimension at length 1, those of length 0 as they are.
    func unitLength() throws(TorchError) -> Tensor { try self / norm(-1, keep: true).clamped(from: 1e-6) }
}
