// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
import CascadeNN
public import CascadeTorch

/// Convolutions over the latest few items as over an image: filters of every height, and filters of one feature's width.
///
/// - Source: Tang & Wang, WSDM 2018, arXiv:1809.07226, section 3; sizes of the authors' published code.
/// - Deviation: the next item alone is predicted, not several that follow (T = 1); items have no constant of their own in
///   the output (equation 8); the user's embedding is optional and off, since a service meets users unknown in training,
///   whose embedding is zero.
public struct Caser: VectorRetriever {
    public static let card = ModelCard(
        name: "caser",
        summary: "horizontal and vertical convolutions over the latest items",
        paper: "Tang & Wang, WSDM 2018, arXiv:1809.07226"
    )
    public static let padding = Padding.left
    public static let examples = ExampleKind.prefixes

    public struct Configuration: Settings {
        /// Features of each item.
        public var embeddingSize = 64
        /// L: latest events that are read.
        public var maxSequenceLength = 5
        /// Horizontal filters of each height from 1 to L.
        public var horizontalFilters = 16
        /// Vertical filters.
        public var verticalFilters = 4
        /// Probability that a feature is zeroed while training.
        public var dropout = 0.5
        /// Whether users known in training have an embedding.
        public var userEmbedding = false
        /// Whether the tables' gradients name rows, for sampled losses on large catalogs.
        public var sparseGradients = false
        public init() {}

        public static var bounds: [Bound<Self>] {
            [
                .atLeast(1, \.embeddingSize, \.maxSequenceLength, \.horizontalFilters, \.verticalFilters),
                .unit(\.dropout),
            ]
        }
    }

    public let length: Int
    let items: Embedding
    let users: Embedding?
    /// One for each height h: `[F, h D]`.
    let horizontal: [Linear]
    /// `[F', L]`.
    let vertical: Linear
    let hidden: Linear
    /// What scores the catalog: `[N, D]`, or `[N, 2 D]` with users.
    let outputs: Embedding
    let rate: Double

    public init(_ c: Configuration, for data: DatasetShape, using generator: Generator) throws {
        let (width, length) = (c.embeddingSize, c.maxSequenceLength)
        func table(_ rows: Int, _ width: Int) throws -> Embedding {
            try Embedding(
                rows,
                width,
                .normal(1 / Double(width)),
                isRowSparse: c.sparseGradients,
                using: generator
            )
        }
        items = try table(data.items + 1, width)  // row 0 is padding
        users = c.userEmbedding ? try table(data.users + 1, width) : nil  // row 0 is an unknown user
        horizontal = try (1...length).map { try Linear($0 * width, c.horizontalFilters, using: generator) }
        vertical = try Linear(length, c.verticalFilters, using: generator)
        hidden = try Linear(length * c.horizontalFilters + width * c.verticalFilters, width, using: generator)
        outputs = try table(data.items, c.userEmbedding ? 2 * width : width)
        (self.length, rate) = (length, c.dropout)
    }

    public func itemVectors() throws -> Tensor { outputs.weight.value }

    public func itemVectors(_ numbers: Tensor) throws -> Tensor { try outputs(numbers) }

    public func userVectors(_ batch: Batch) throws -> Tensor { try encode(batch, .inference).unsqueezed(1) }

    public func trainingOutput(_ batch: Batch) throws -> TrainingOutput {
        TrainingOutput(vectors: try encode(batch, .training))
    }

    /// `[B, D]`, or `[B, 2 D]` with users.
    private func encode(_ batch: Batch, _ mode: Mode) throws -> Tensor {
        let history = try batch.items.padded(before: length - batch.length, after: 0)
        let image = try items(history) * history.notEqual(0).to(.float32).unsqueezed(2)  // [B, L, D]
        var found = try horizontal.enumerated().map { index, filters in
            try filters(windows(image, height: index + 1)).relu().max(1)
        }
        found.append(try vertical(image.transposed()).reshaped(batch.rows, -1))
        let convolved = try hidden(dropout(.concatenated(found, 1), rate, mode)).relu()
        guard let users else { return convolved }
        let isKnown = try batch.users.notEqual(-1).to(.float32).unsqueezed(1)
        return try .concatenated([convolved, users(batch.users + 1) * isKnown], 1)
    }

    /// Neighboring rows side by side: `[B, L, D]` to `[B, L - h + 1, h D]`.
    private func windows(_ image: Tensor, height: Int) throws -> Tensor {
        try .concatenated((0..<height).map { try image.sliced(1, from: $0, to: length - height + 1 + $0) }, 2)
    }
}
