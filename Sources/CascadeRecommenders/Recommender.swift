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
        self.name = name
        self.summary = summary
        self.paper = paper
    }
}

/// A model with settings and a task.
///
/// A model conforms to the protocol of a role instead, ``VectorRetriever``, ``FittedRetriever``, ``CTRRanker`` or
/// ``QueryRanker``, which names the task and the capabilities.
public protocol Recommender: Module, SendableMetatype {
    /// Its settings, with defaults.
    associatedtype Configuration: Settings
    /// What it is trained for.
    associatedtype Task: RecommendationTask

    /// Its name and source.
    static var card: ModelCard { get }
    /// What it can do beside its task; the role protocols say it.
    static var capabilities: Capabilities<Self> { get }
    /// How its training examples are laid out; nil for one that counts, or reads requests.
    static var trainingExamples: ExampleKind? { get }
    /// On which side short histories are padded.
    static var padding: Padding { get }
    /// Whether it reads categories of items although its task needs none; see ``DatasetShape/categories``.
    static var readsCategories: Bool { get }
    /// Creates the model with fresh weights on the generator's device.
    init(_ configuration: Configuration, for data: DatasetShape, using generator: Generator) throws
    /// How many of the latest events it reads; 0 when it reads none.
    var length: Int { get }
    /// Whether its answer depends on the moment that is asked about, beside the history.
    var readsMoment: Bool { get }
    /// The model at its task, on some data.
    func task(in context: TaskContext) -> Task
}

extension Recommender {
    /// Nothing beside the task.
    public static var capabilities: Capabilities<Self> { Capabilities() }
    /// None.
    public static var trainingExamples: ExampleKind? { nil }
    /// It does not.
    public var readsMoment: Bool { false }
    /// It does not.
    public static var readsCategories: Bool { false }
}

/// What models of a type can do beside their task, by the role protocols that the type conforms to.
///
/// Known from the type, without an instance.
public struct Capabilities<Model> {
    /// Scores the whole catalog.
    public var catalogScorer: ((Model) -> any CatalogScorer)?
    /// Is fitted in one pass.
    public var fittedRetriever: ((Model) -> any FittedRetriever)?
    /// Compares vectors.
    public var vectorRetriever: ((Model) -> any VectorRetriever)?
    /// Rebuilds the next item from noise.
    public var diffusionRetriever: ((Model) -> any DiffusionRetriever)?
    /// Can be distilled.
    public var distillable: ((Model) -> any Distillable)?
    /// Predicts click-through rates.
    public var ctrRanker: ((Model) -> any CTRRanker)?
    /// Retrieves the part of a lifelong history that matters.
    public var lifelongRanker: ((Model) -> any LifelongRanker)?
    /// Reads queries.
    public var queryRanker: ((Model) -> any QueryRanker)?

    /// Gathers them.
    public init(
        catalogScorer: ((Model) -> any CatalogScorer)? = nil,
        fittedRetriever: ((Model) -> any FittedRetriever)? = nil,
        vectorRetriever: ((Model) -> any VectorRetriever)? = nil,
        diffusionRetriever: ((Model) -> any DiffusionRetriever)? = nil,
        distillable: ((Model) -> any Distillable)? = nil,
        ctrRanker: ((Model) -> any CTRRanker)? = nil,
        lifelongRanker: ((Model) -> any LifelongRanker)? = nil,
        queryRanker: ((Model) -> any QueryRanker)? = nil
    ) {
        self.catalogScorer = catalogScorer
        self.fittedRetriever = fittedRetriever
        self.vectorRetriever = vectorRetriever
        self.diffusionRetriever = diffusionRetriever
        self.distillable = distillable
        self.ctrRanker = ctrRanker
        self.lifelongRanker = lifelongRanker
        self.queryRanker = queryRanker
    }

    /// Their names, as ``ModelEntry`` keeps them.
    public var names: Set<Capability> {
        let all: [(Capability, Bool)] = [
            (.catalogScores, catalogScorer != nil), (.fitting, fittedRetriever != nil),
            (.itemVectors, vectorRetriever != nil), (.diffusion, diffusionRetriever != nil),
            (.distillation, distillable != nil), (.clickThroughRate, ctrRanker != nil),
            (.historyRetrieval, lifelongRanker != nil), (.queries, queryRanker != nil),
        ]
        return Set(all.filter(\.1).map(\.0))
    }
}

/// The name of something that a model can do beside its task.
public enum Capability: String, Sendable, CaseIterable {
    case catalogScores = "catalog scores"
    case fitting = "fitting in one pass"
    case itemVectors = "item vectors"
    case diffusion
    case distillation
    case clickThroughRate = "click-through rates"
    case historyRetrieval = "history retrieval"
    case queries
}

extension Recommender {
    /// The model as one that scores the whole catalog; nil when it does not.
    public var catalogScorer: (any CatalogScorer)? { Self.capabilities.catalogScorer?(self) }
    /// The model as one that is fitted in one pass; nil when it is not.
    public var fittedRetriever: (any FittedRetriever)? { Self.capabilities.fittedRetriever?(self) }
    /// The model as one that compares vectors; nil when it does not.
    public var vectorRetriever: (any VectorRetriever)? { Self.capabilities.vectorRetriever?(self) }
    /// The model as one that rebuilds the next item from noise; nil when it does not.
    public var diffusionRetriever: (any DiffusionRetriever)? { Self.capabilities.diffusionRetriever?(self) }
    /// The model as one that can be distilled; nil when it cannot.
    public var distillable: (any Distillable)? { Self.capabilities.distillable?(self) }
    /// The model as one that predicts click-through rates; nil when it does not.
    public var ctrRanker: (any CTRRanker)? { Self.capabilities.ctrRanker?(self) }
    /// The model as one that retrieves from lifelong histories; nil when it does not.
    public var lifelongRanker: (any LifelongRanker)? { Self.capabilities.lifelongRanker?(self) }
    /// The model as one that reads queries; nil when it does not.
    public var queryRanker: (any QueryRanker)? { Self.capabilities.queryRanker?(self) }
}

/// A model that scores every item of the catalog for a history.
public protocol CatalogScorer: Recommender {
    /// Scores of all items without gradients: `[B, N]`, higher is better.
    func scores(_ batch: Batch) throws -> Tensor
    /// A function that scores batch after batch into storage of their own: what does not depend on the batch is computed
    /// once.
    func batchScorer() throws -> (Batch) throws -> Tensor
}

extension CatalogScorer {
    public static var capabilities: Capabilities<Self> { Capabilities(catalogScorer: { $0 }) }

    /// Copies of ``scores(_:)``.
    public func batchScorer() throws -> (Batch) throws -> Tensor { { try scores($0).copy() } }
}
