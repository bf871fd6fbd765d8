// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
public import CascadeNN
public import CascadeTorch

/// A model's name and where it comes from.
public struct ModelCard: Sendable, Equatable {
    /// What the command line calls it.
    public let name: String
    /// One line about what it does.
    public let summary: String
    /// Authors, venue, identifier.
    public let paper: String

    /// Describes a model.
    public init(name: String, summary: String, paper: String) {
        (self.name, self.summary, self.paper) = (name, summary, paper)
    }
}

/// What a model must know of the data to size its tables.
public struct DatasetShape: Sendable, Equatable {
    /// U, number of users.
    public let users: Int
    /// N, number of items.
    public let items: Int
    /// `[N]`: the category of each item, from 0; empty when items have none.
    public let categories: [Int32]
    /// K, number of categories.
    public let categoryCount: Int
    /// Features of the items, for models that read search requests.
    public var itemFeatures: [FeatureCodes] = []
    /// Features of the users, for the same.
    public var userFeatures: [FeatureCodes] = []
    /// The number of values of each feature of the moment.
    public var contextSizes: [Int] = []
    /// The numbers that come with every shown item.
    public var shownFeatures: [String] = []

    /// Gives the counts, and the items' categories when there are any.
    public init(users: Int, items: Int, categories: [Int32] = []) {
        precondition(categories.isEmpty || categories.count == items, "each item needs a category")
        (self.users, self.items, self.categories) = (users, items, categories)
        categoryCount = Int(categories.max() ?? -1) + 1
    }
}

/// A categorical feature as one number for each item or user.
public struct FeatureCodes: Sendable, Equatable {
    /// The feature's name.
    public let name: String
    /// The value of each item or user, from 0.
    public let codes: [Int32]
    /// The number of values.
    public let count: Int

    /// Counts the values.
    public init(_ name: String, _ codes: [Int32]) {
        (self.name, self.codes, count) = (name, codes, Int(codes.max() ?? -1) + 1)
    }
}

extension DatasetShape {
    /// What a model that reads search requests must know of a data set.
    public init(requestsOf dataset: Dataset) throws {
        self.init(users: dataset.userCount, items: dataset.itemCount)
        itemFeatures = try dataset.itemFeatureNames.map { FeatureCodes($0, try dataset.itemCombinations($0)) }
        userFeatures = dataset.userFeatureNames.map { FeatureCodes($0, dataset.userCombinations($0)) }
        contextSizes = dataset.requestFeatureNames.map { Int(dataset.requestCombinations($0).max() ?? -1) + 1 }
        shownFeatures = dataset.requests?.featureNames ?? []
    }
}

/// A model with a configuration and a place in the catalogue.
public protocol Recommender: Module, SendableMetatype {
    /// Its settings, with defaults.
    associatedtype Configuration: Settings
    /// Its name and source.
    static var card: ModelCard { get }
    /// Creates the model with fresh weights on the generator's device.
    init(_ configuration: Configuration, for data: DatasetShape, using generator: Generator) throws
}

/// A model that scores the whole catalogue for a history.
public protocol Retriever: Recommender {
    /// How many of the latest events it reads; 0 when it reads none.
    var length: Int { get }
    /// On which side short histories are padded.
    static var padding: Padding { get }
    /// Scores of all items without gradients: `[B, N]`, higher is better.
    func scores(_ batch: Batch) throws -> Tensor
}

/// A retriever that only counts: it is fitted in one pass over the training events, without gradients.
public protocol FittedRetriever: Retriever {
    /// Takes the training events in.
    func fit(to data: SplitDataset) throws
    /// What fitting will take; nil when it is done in seconds.
    func effort() throws -> FittingEffort?
}

extension FittedRetriever {
    /// Nothing worth saying.
    public func effort() throws -> FittingEffort? { nil }
}

/// What a vector retriever makes of a training batch.
public struct TrainingOutput {
    /// User vectors that the objective holds against the catalogue.
    public struct Prediction {
        /// What the loss is called in the log; `main` for a model with one prediction.
        public let name: String
        /// One row for each of the batch's targets: `[M, D]`.
        public let vectors: Tensor
        /// What the loss is multiplied with.
        public let weight: Double

        /// Names user vectors.
        public init(_ name: String, _ vectors: Tensor, weight: Double = 1) {
            (self.name, self.vectors, self.weight) = (name, vectors, weight)
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

    /// Gathers the outputs of a model with one prediction: `[M, D]`.
    public init(vectors: Tensor, terms: [(name: String, loss: Tensor)] = []) {
        self.init(predictions: [Prediction("main", vectors)], terms: terms)
    }
}

/// A retriever whose score is a dot product of a user vector and an item vector; an index can serve it.
///
/// It supplies vectors; the objective, the scoring of the catalogue and the export are shared.
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
    /// Rows of all items' vectors.
    public func itemVectors(_ numbers: Tensor) throws -> Tensor { try itemVectors().embedding(numbers) }

    /// The largest dot product over the user's vectors, in double precision so that ranks do not hang on rounding.
    public func scores(_ batch: Batch) throws -> Tensor {
        try dotProductScores(userVectors(batch), itemVectors())
    }
}

/// Scores `[B, N]` (float64) of user vectors `[B, Q, D]` against item vectors `[N, D]`.
public func dotProductScores(_ users: Tensor, _ items: Tensor) throws(TorchError) -> Tensor {
    let products = try users.to(.float64).matmul(items.to(.float64).transposed())
    return try products.size(1) == 1 ? products.squeezed(1) : products.max(1)
}
