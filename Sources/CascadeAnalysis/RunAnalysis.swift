// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
public import CascadeRecommenders

/// An option of `cascade analyze` that some analyses use; its raw value is its name on the command line.
public enum AnalysisOption: String, CaseIterable, Sendable {
    case split, seen, metric, category, steps, key, items
}

/// An analysis's name, what it shows, and where the idea comes from.
public struct AnalysisCard: Sendable {
    /// What the command line and the files call it.
    public let name: String
    /// One line about what it shows.
    public let summary: String
    /// The paper and its figure or table; "Cascade" for ideas of its own.
    public let source: String
    /// The kind of run that it takes.
    public let needs: String
    /// The options that change it.
    public let options: Set<AnalysisOption>
}

/// What can be chosen about analyses; each uses those options that its card names.
public struct AnalysisOptions: Sendable {
    /// Whose targets are ranked.
    public var part = Part.test
    /// Whether seen items are candidates; nil takes the runs' policy, which must be common to all.
    public var seen: SeenPolicy?
    /// The metrics that are drawn; nil takes recall@20 and ndcg@20, of CTR models auc.
    public var metrics: [String]?
    /// The item feature whose values are the categories; nil takes the only one that there is.
    public var category: String?
    /// Numbers of denoising steps.
    public var steps = [1, 2, 5, 10, 20, 50]
    /// The setting that differs, such as `model.steps`; nil looks for it.
    public var key: String?
    /// How many of the most popular items are shown.
    public var items = 2000
    /// The defaults.
    public init() {}
}

/// A question to trained runs whose answer is tables and a picture.
///
/// A new one is a file with a type, and a line in ``AnalysisCatalog``.
public protocol RunAnalysis: Sendable {
    /// Its name and source.
    static var card: AnalysisCard { get }
    /// Answers for runs on the same data and split.
    ///
    /// - Throws: ``ConfigurationError`` that names the run and what it lacks, when a run is not of the kind needed.
    static func figure(of runs: [AnalyzedRun], _ options: AnalysisOptions) throws -> Figure
}

/// Every analysis; the command, its help and the tests read this list.
public enum AnalysisCatalog {
    /// In the order of the help.
    public static let all: [any RunAnalysis.Type] = [
        ReverseProcess.self, DenoisingError.self, DenoisingSteps.self, LossCurves.self, LinearProbe.self,
        Sensitivity.self, UserActivity.self, AdjacentSimilarity.self, PopularityBias.self, EmbeddingMap.self,
        LearningCurve.self, GradientConflictShare.self, LearnedAttention.self, SearchQuality.self,
        Discriminability.self, InterestNorms.self,
    ]

    /// The analysis of a name, when there is one.
    public static func named(_ name: String) -> (any RunAnalysis.Type)? { all.first { $0.card.name == name } }
}
