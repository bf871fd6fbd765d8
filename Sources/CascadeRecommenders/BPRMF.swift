// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
import CascadeNN
public import CascadeTorch

/// Matrix factorization: a vector for every user and item, whose product is the score.
///
/// Its loss is that of the experiment; `training.loss: {kind: bpr}` is the paper's, with weight decay as the regularization,
/// where gradients are dense.
/// A user without training examples, such as one who was held out or who came later, has the mean of the history's item
/// vectors behind a linear map. Training meets that map in one example of twenty, by `unknown_user_rate`.
///
/// - Source: Rendle et al., UAI 2009, arXiv:1205.2618, sections 4.3.1 (matrix factorization) and 4.1 (the loss).
/// - Deviation: C1, C2: see `Documentation/paper-readings.md`; `itemBias` is not in the paper.
public struct BPRMF: VectorRetriever {
    public static let card = ModelCard(
        name: "bpr-mf",
        summary: "matrix factorization: the product of a user's vector and an item's",
        paper: "Rendle et al., UAI 2009, arXiv:1205.2618"
    )
    public static let padding = Padding.left
    public static let examples = ExampleKind.prefixes

    public struct Configuration: Settings {
        /// Features of each user and item.
        public var embeddingSize = 64
        /// Latest events that stand for a user without training examples.
        public var maxSequenceLength = 50
        /// Whether every item has a number of its own that is added to its scores.
        public var itemBias = false
        /// Probability that a training example's user is unknown.
        public var unknownUserRate = 0.05
        /// Whether the tables' gradients name rows, for sampled losses on large catalogs.
        public var sparseGradients = false
        public init() {}

        public static var bounds: [Bound<Self>] {
            [.atLeast(1, \.embeddingSize, \.maxSequenceLength), .unit(\.unknownUserRate)]
        }
    }

    public let length: Int
    let users: Embedding  // row 0 is padding, as everywhere
    let trained: Buffer  // [U + 1, 1] float32: 1 for a user who had a training example
    let items: Embedding  // row 0 is padding
    let biases: Embedding?
    let unknown: Linear
    let rate: Double

    public init(_ c: Configuration, for data: DatasetShape, using generator: Generator) throws {
        // Weight decay is the paper's regularization, so that the tables are what it is for.
        func table(_ count: Int, _ width: Int, _ initialization: Initialization) throws -> Embedding {
            try Embedding(
                count,
                width,
                initialization,
                isRowSparse: c.sparseGradients,
                isDecayed: true,
                using: generator
            )
        }
        users = try table(data.users + 1, c.embeddingSize, .normal(0.1))
        trained = try Buffer(.zeros([data.users + 1, 1], on: generator.device))
        items = try table(data.items + 1, c.embeddingSize, .normal(0.1))
        biases = c.itemBias ? try table(data.items, 1, .zeros) : nil
        unknown = try Linear(c.embeddingSize, c.embeddingSize, bias: false, using: generator)
        (length, rate) = (c.maxSequenceLength, c.unknownUserRate)
    }

    public func itemVectors() throws -> Tensor {
        let vectors = try items.weight.value.sliced(0, from: 1)
        return if let biases { try .concatenated([vectors, biases.weight.value], 1) } else { vectors }
    }

    public func itemVectors(_ numbers: Tensor) throws -> Tensor {
        let vectors = try items(numbers + 1)
        return if let biases { try .concatenated([vectors, biases(numbers)], -1) } else { vectors }
    }

    public func userVectors(_ batch: Batch) throws -> Tensor {
        let rows = try batch.users + 1
        let isTrained = try trained.value.rows(rows).notEqual(0)  // [B, 1]
        return try finished(.where(isTrained, users(rows), foldedIn(batch.items, batch.lengths))).unsqueezed(1)
    }

    public func trainingOutput(_ batch: Batch) throws -> TrainingOutput {
        let rows = try batch.users + 1
        try trained.value.fill(rows: rows, columns: .zeros([batch.rows], .int64, on: rows.device), 1)
        // Of most rows the history is not read; an item outside the catalog is an error all the same.
        _ = try items.weight.value.detached().sliced(1, to: 1).embedding(batch.items)
        let isKnown = try batch.noise.mask(rows: batch.rows, [1], dropping: rate, stream: 0)  // [B, 1]
        let places = try isKnown.squeezed(1).equal(0).nonzero().squeezed(1)
        let unknown = try foldedIn(batch.items.rows(places), batch.lengths.rows(places))
        return TrainingOutput(vectors: try finished((users(rows) * isKnown).addingRows(places, unknown)))
    }

    /// The vectors of users by their histories alone: int32 `[B, L]` and int64 `[B]` to `[B, D]`.
    private func foldedIn(_ history: Tensor, _ lengths: Tensor) throws -> Tensor {
        let isReal = try history.notEqual(0).to(.float32).unsqueezed(2)
        let sum = try (items(history) * isReal).sum(1)
        return try unknown(sum / lengths.to(.float32).unsqueezed(1).clamped(from: 1))
    }

    /// With a 1 for the items' biases, where there are any.
    private func finished(_ vectors: Tensor) throws -> Tensor {
        guard biases != nil else { return vectors }
        return try .concatenated([vectors, .ones([vectors.size(0), 1], on: vectors.device)], 1)
    }
}
