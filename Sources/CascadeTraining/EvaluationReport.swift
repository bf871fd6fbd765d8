// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
public import CascadeEvaluation
public import CascadeRecommenders
import CascadeTensorFiles
import Foundation

/// What `cascade evaluate` prints and `metrics.json` holds.
public struct EvaluationReport: Codable, Sendable, Equatable {
    /// The model's name.
    public var model: String
    /// The experiment's name.
    public var experiment: String
    /// Cascade's commit at training.
    public var commit: String
    /// The seed of the training.
    public var seed: UInt64
    /// Which part was ranked.
    public var split: Part
    /// How the data was divided.
    public var division: Split
    /// The seen-item policy; nil for a ranker.
    public var seen: SeenPolicy?
    /// How a ranker's candidates were drawn; nil for a retriever.
    public var candidates: CandidateSettings?
    /// Ranked users (a ranker's requests), and the size of the catalog.
    public var users, items: Int
    /// Averages over users; over all noise draws when there are several.
    public var metrics: [String: Double]
    /// Bootstrap intervals over users, of the first draw.
    public var intervals: [String: ConfidenceInterval]
    /// Standard deviation over noise draws; absent for one draw.
    public var deviations: [String: Double]?
    /// Number of noise draws.
    public var draws: Int
    /// What diversity did to the lists; absent when it was not asked for.
    public var diversified: DiversifiedLists?

    enum CodingKeys: String, CodingKey {
        case model, experiment, commit, seed, split, seen, candidates, users, items, metrics, intervals, deviations,
            draws
        case diversified
        case division = "protocol"
    }

    /// The same content always gives the same text.
    public func json() throws -> String {
        try jsonText(self)
    }
}

extension TrainedRun {
    /// Evaluates the model on a part of the data and reports.
    ///
    /// - Parameters:
    ///   - part: Validation or test.
    ///   - options: What differs from the experiment.
    /// - Returns: The report; and what the task found case by case.
    public func evaluate(_ part: Part, _ options: EvaluationOptions = EvaluationOptions()) throws -> (
        report: EvaluationReport, result: EvaluationResult
    ) {
        let result = try task.evaluate(part, options)
        let report = EvaluationReport(
            model: experiment.model.name,
            experiment: experiment.name,
            commit: manifest.commit,
            seed: manifest.seed,
            split: part,
            division: data.split,
            seen: result.seen,
            candidates: experiment.candidates,
            users: result.cases,
            items: data.dataset.itemCount,
            metrics: result.metrics,
            intervals: result.intervals,
            deviations: result.standardDeviations,
            draws: result.draws,
            diversified: result.diversified
        )
        return (report, result)
    }
}
