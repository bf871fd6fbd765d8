// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
public import CascadeEvaluation
public import CascadeTorch
public import Foundation

/// A kind of model: what it reads, what it learns from, how it is evaluated, what it becomes when it is served.
///
/// A value holds one model and the data that it is used on. Cascade brings three, ``NextItemTask``, ``CTRTask`` and
/// ``QueryRankingTask``; another package can bring a fourth. Training, benchmarks, export, serving and analysis know
/// tasks and capabilities alone.
public protocol RecommendationTask: SendableMetatype {
    /// A training batch in host memory.
    associatedtype HostBatch: Sendable

    /// What holds for every model of the task.
    static var traits: TaskTraits { get }
    /// The data set divided as models of the task read it; by default by its events.
    static func split(_ dataset: Dataset, _ split: Split) throws -> SplitDataset
    /// What a model must know of a data set to size its tables; by default counts and categories.
    ///
    /// - Parameters:
    ///   - dataset: What the model is trained on.
    ///   - categories: `[N]`: the category of each item; empty without.
    static func shape(of dataset: Dataset, categories: [Int32]) throws -> DatasetShape

    /// The model.
    var model: any Recommender { get }
    /// The data, and how models are evaluated on it.
    var context: TaskContext { get }

    /// The batches and losses of gradient descent.
    ///
    /// - Throws: ``ConfigurationError`` for a model that does not learn by gradients.
    func training(_ settings: TrainingSettings, seed: UInt64) throws -> GradientTraining<HostBatch>
    /// Metrics of a part, as the training loop needs them.
    ///
    /// - Parameters:
    ///   - part: Validation or test.
    ///   - limit: At most so many cases, spread evenly; 0 means all.
    /// - Throws: ``DatasetError`` when the part is empty; ``DivergenceError`` when a score is not a number.
    func validate(_ part: Part, limit: Int) throws -> ValidationResult
    /// Everything that a report says of a part.
    ///
    /// - Throws: ``ConfigurationError`` for options that the task has no use for; otherwise as ``validate(_:limit:)``.
    func evaluate(_ part: Part, _ options: EvaluationOptions) throws -> EvaluationResult
    /// Writes what an outsider needs to recompute the metrics of a part into a folder that exists.
    func export(_ part: Part, to folder: URL) throws
    /// What the model becomes when it is served.
    var served: ServedForm { get }
}

extension RecommendationTask {
    /// Divided by events.
    public static func split(_ dataset: Dataset, _ split: Split) throws -> SplitDataset {
        try SplitDataset(dataset, split)
    }

    /// Counts and categories.
    public static func shape(of dataset: Dataset, categories: [Int32]) throws -> DatasetShape {
        DatasetShape(users: dataset.userCount, items: dataset.itemCount, categories: categories)
    }
}

/// What holds for every model of a task, before there is a model.
public struct TaskTraits: Sendable {
    /// What files and `cascade models` call the task, for example `next-item`.
    public let name: String
    /// One line about it.
    public let summary: String
    /// The metrics that can select weights; the first selects them by default.
    public let metrics: [String]
    /// How requests get their candidates; nil for a task that ranks the whole catalog.
    public let candidates: CandidateTraits?

    /// The candidates of a task's requests.
    public struct CandidateTraits: Sendable {
        /// Negatives that are drawn for a request where nothing else is set; nil leaves the general default.
        public let negatives: Int?
        /// The fewest that make sense.
        public let minimumNegatives: Int
        /// The item feature that is the category where nothing else is set; empty for none.
        public let category: String

        /// Describes candidates.
        public init(negatives: Int? = nil, minimumNegatives: Int, category: String) {
            self.negatives = negatives
            self.minimumNegatives = minimumNegatives
            self.category = category
        }
    }

    /// Describes a task.
    public init(name: String, summary: String, metrics: [String], candidates: CandidateTraits? = nil) {
        self.name = name
        self.summary = summary
        self.metrics = metrics
        self.candidates = candidates
    }
}

/// The data that a model is used on, and how models are evaluated there.
public struct TaskContext {
    /// The divided data.
    public var data: SplitDataset
    /// Whether items of the history are candidates, for a task that ranks the whole catalog.
    public var seen: SeenPolicy
    /// How a request's negatives are drawn, for a task that scores candidates.
    public var candidates: CandidateSettings
    /// `[N]`: the category of each item; empty without.
    public var categories: [Int32]
    /// Where the model is.
    public var device: Device

    /// Gathers them.
    public init(
        data: SplitDataset,
        seen: SeenPolicy = .exclude,
        candidates: CandidateSettings = CandidateSettings(),
        categories: [Int32] = [],
        device: Device = .cpu
    ) {
        self.data = data
        self.seen = seen
        self.candidates = candidates
        self.categories = categories
        self.device = device
    }
}

/// What gradient descent needs: the batches of every epoch, and the losses of a batch.
public struct GradientTraining<HostBatch: Sendable> {
    /// The batches of an epoch, counted from 0, each made when it is asked for.
    public let batches: (_ epoch: Int) -> HostBatches<HostBatch>
    /// The losses of a batch.
    public let losses: (_ batch: HostBatch, _ step: StepContext) throws -> BatchLosses

    /// Gathers them.
    public init(
        batches: @escaping (_ epoch: Int) -> HostBatches<HostBatch>,
        losses: @escaping (_ batch: HostBatch, _ step: StepContext) throws -> BatchLosses
    ) {
        self.batches = batches
        self.losses = losses
    }
}

/// The batches of an epoch.
public struct HostBatches<HostBatch: Sendable>: Sendable {
    /// How many there are.
    public let count: Int
    /// Makes one, on any thread.
    public let make: @Sendable (_ index: Int) -> HostBatch

    /// Gathers them.
    public init(count: Int, make: @escaping @Sendable (_ index: Int) -> HostBatch) {
        self.count = count
        self.make = make
    }
}

/// Every term of a loss by name, weighted, each a scalar; and how many examples they are the mean of.
public struct BatchLosses {
    /// The terms, whose sum is minimized.
    public var terms: [(name: String, loss: Tensor)]
    /// Targets, or candidates.
    public var examples: Int

    /// Gathers them.
    public init(_ terms: [(name: String, loss: Tensor)], examples: Int) {
        self.terms = terms
        self.examples = examples
    }
}

/// The randomness of one step, and where its time is noted.
public final class StepContext {
    /// Draws noise; seeded for the step.
    public let generator: Generator
    /// Draws negatives; seeded for the step.
    public var random = SplitMix64(seed: 0)
    /// Seconds of each measured part, in the order in which they first ran.
    public private(set) var profile: [(name: String, seconds: Double)] = []
    private let isProfiling: Bool

    /// Keeps a generator; ``profile`` stays empty unless it is asked for.
    public init(_ generator: Generator, isProfiling: Bool = false) {
        self.generator = generator
        self.isProfiling = isProfiling
    }

    /// Forgets what was measured.
    public func clearProfile() { profile = [] }

    /// Runs a part of a step and, when asked for, notes how long it took.
    public func measured<R>(_ name: String, _ body: () throws -> R) rethrows -> R {
        guard isProfiling else { return try body() }
        let start = ContinuousClock.now
        defer {
            let seconds = (ContinuousClock.now - start).inSeconds
            if let index = profile.firstIndex(where: { $0.name == name }) {
                profile[index].seconds += seconds
            } else {
                profile.append((name, seconds))
            }
        }
        return try body()
    }
}

extension Duration {
    /// The whole duration in seconds.
    public var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}

/// Metrics of a part, and whether the scores tell anything apart.
public struct ValidationResult {
    /// By name.
    public var metrics: [String: Double]
    /// What the scores say about the model besides their order.
    public var health: ScoreHealth

    /// Gathers them.
    public init(metrics: [String: Double] = [:], health: ScoreHealth = ScoreHealth()) {
        self.metrics = metrics
        self.health = health
    }
}

/// How a model is evaluated, where that differs from its experiment.
public struct EvaluationOptions: Sendable {
    /// The policy for seen items; nil takes the experiment's.
    public var seen: SeenPolicy?
    /// How often models that start from noise are evaluated, each time from other noise.
    public var draws = 1
    /// Whether further draws are left out when the second gives the ranks of the first.
    public var stopsAtEqualDraws = false
    /// Also makes diverse lists: the weight of diversity, and the item feature whose values are categories.
    public var diversity: (weight: Double, category: String)?

    /// As the experiment says, once.
    public init() {}

    /// Refuses what only a task that ranks the whole catalog can do.
    public func requirePlain(_ model: String) throws {
        guard seen == nil, draws == 1, diversity == nil else {
            throw ConfigurationError(
                "\(model): scores the candidates of requests; --seen, --diversity and --draws are for models that rank the "
                    + "whole catalog"
            )
        }
    }
}

/// What an evaluation finds.
public struct EvaluationResult {
    /// Evaluated users, or requests.
    public var cases: Int
    /// The policy for seen items that held; nil for a task that scores candidates.
    public var seen: SeenPolicy?
    /// Averages over cases; over all noise draws when there are several.
    public var metrics: [String: Double]
    /// Bootstrap intervals over cases, of the first draw.
    public var intervals: [String: ConfidenceInterval]
    /// Standard deviations over noise draws; nil for one draw.
    public var standardDeviations: [String: Double]?
    /// Number of noise draws.
    public var draws = 1
    /// Seconds that one draw took: forward passes, ranking and metrics.
    public var seconds = 0.0
    /// What diversity did to the lists; nil when it was not asked for.
    public var diversified: DiversifiedLists?
    /// The ranks of every case's targets in the first draw; empty for a task that scores candidates.
    public var targetRanks: TargetRanks = []
    /// The same, case after case; one per case where the split has one target a user.
    public var ranks: [Int] { targetRanks.flat }
    /// What each request adds to those metrics that are means over requests; empty for a task that ranks the catalog.
    public var perRequest: [String: [Double]] = [:]

    /// Gathers what every task finds.
    public init(
        cases: Int,
        seen: SeenPolicy? = nil,
        metrics: [String: Double],
        intervals: [String: ConfidenceInterval]
    ) {
        self.cases = cases
        self.seen = seen
        self.metrics = metrics
        self.intervals = intervals
    }
}

/// Lists made by ``Diversity`` of every user's best items, beside the plain ones.
public struct DiversifiedLists: Codable, Sendable, Equatable {
    /// The item feature whose values are the categories.
    public var category: String
    /// The weight of variety against score.
    public var lambda: Double
    /// How many of the best items are candidates, and length of the lists made of them.
    public var candidates, length: Int
    /// Ranking metrics and variety of the diversified lists.
    public var metrics: [String: Double]
    /// Variety of the plain lists, whose ranking metrics are those of the report.
    public var plain: [String: Double]
}
