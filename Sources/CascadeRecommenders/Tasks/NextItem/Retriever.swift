// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
public import CascadeTorch

/// A model that finds a user's next item by scoring the whole catalog for a history.
public protocol Retriever: CatalogScorer where Task == NextItemTask {}

extension Retriever {
    public func task(in context: TaskContext) -> NextItemTask { NextItemTask(self, context) }
}

/// A retriever that only counts: it is fitted in one pass over the training events, without gradients.
public protocol FittedRetriever: Retriever {
    /// Takes the training events in.
    func fit(to data: SplitDataset) throws
    /// What fitting will take; nil when it is done in seconds.
    func effort() throws -> FittingEffort?
}

extension FittedRetriever {
    public static var capabilities: Capabilities<Self> {
        Capabilities(catalogScorer: { $0 }, fittedRetriever: { $0 })
    }

    /// Nothing worth saying.
    public func effort() throws -> FittingEffort? { nil }
}

/// What a vector retriever makes of a training batch.
public struct TrainingOutput {
    /// User vectors that the objective holds against the catalog.
    public struct Prediction {
        /// What the loss is called in the log; `main` for a model with one prediction.
        public let name: String
        /// One row for each target: `[M, D]`.
        public let vectors: Tensor
        /// What the loss is multiplied with.
        public let weight: Double
        /// The items that the vectors predict, numbered from 0: int64 `[M]`; nil for the batch's targets.
        public let targets: Tensor?

        /// Names user vectors.
        public init(_ name: String, _ vectors: Tensor, weight: Double = 1, targets: Tensor? = nil) {
            (self.name, self.vectors, self.weight, self.targets) = (name, vectors, weight, targets)
        }
    }

    /// What the objective is applied to; none for a model that learns from its own terms alone.
    public var predictions: [Prediction]
    /// Further loss terms by name, each a scalar, already weighted.
    public var terms: [(name: String, loss: Tensor)]

    /// Gathers the outputs.
    public init(predictions: [Prediction], terms: [(name: String, loss: Tensor)] = []) {
        (self.predictions, self.terms) = (predictions, terms)
    }

    /// Gathers the outputs of a model with one prediction.
    ///
    /// - Parameters:
    ///   - vectors: `[M, D]`.
    ///   - targets: What they predict, numbered from 0, int64 `[M]`; nil for the batch's targets.
    ///   - terms: Further loss terms by name, already weighted.
    public init(vectors: Tensor, targets: Tensor? = nil, terms: [(name: String, loss: Tensor)] = []) {
        self.init(predictions: [Prediction("main", vectors, targets: targets)], terms: terms)
    }
}

/// A retriever whose score is a dot product of a user vector and an item vector; an index can serve it.
///
/// It supplies vectors; the objective, the scoring of the catalog and the export are shared.
public protocol VectorRetriever: Retriever {
    /// How its training examples are laid out.
    static var examples: ExampleKind { get }
    /// Vectors of all items: `[N, D]`.
    func itemVectors() throws -> Tensor
    /// Vectors of some items, numbered from 0: int64 `[...]` to `[..., D]`. A row-sparse table's gradient stays sparse.
    func itemVectors(_ numbers: Tensor) throws -> Tensor
    /// Vectors of the histories' owners, in inference mode: `[B, Q, D]`; the score is the maximum over Q.
    func userVectors(_ batch: Batch) throws -> Tensor
    /// The training pass.
    func trainingOutput(_ batch: Batch) throws -> TrainingOutput
}

extension VectorRetriever {
    public static var capabilities: Capabilities<Self> {
        Capabilities(catalogScorer: { $0 }, vectorRetriever: { $0 })
    }

    /// Those of ``examples``.
    public static var trainingExamples: ExampleKind? { examples }

    public func task(in context: TaskContext) -> NextItemTask { NextItemTask(vectors: self, context) }

    /// Rows of all items' vectors.
    public func itemVectors(_ numbers: Tensor) throws -> Tensor { try itemVectors().embedding(numbers) }

    /// The largest dot product over the user's vectors, in double precision so that ranks do not hang on rounding.
    public func scores(_ batch: Batch) throws -> Tensor {
        try dotProductScores(userVectors(batch), itemVectors())
    }

    /// Dot products with item vectors that are computed once.
    public func batchScorer() throws -> (Batch) throws -> Tensor {
        let items = try withoutGradients { try itemVectors().to(.float64) }
        return { try dotProductScores(userVectors($0), items) }
    }
}

/// Scores `[B, N]` (float64) of user vectors `[B, Q, D]` against item vectors `[N, D]`.
public func dotProductScores(_ users: Tensor, _ items: Tensor) throws(TorchError) -> Tensor {
    let products = try users.to(.float64).matmul(items.to(.float64).transposed())
    return try products.size(1) == 1 ? products.squeezed(1) : products.max(1)
}
