// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
public import CascadeEvaluation
import CascadeRecommenders
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
    /// Ranked users (a ranker's requests), and the size of the catalogue.
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
    public var diversified: Diversified?

    /// Lists made by ``Diversity`` of every user's best items, beside the plain ones.
    public struct Diversified: Codable, Sendable, Equatable {
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

    enum CodingKeys: String, CodingKey {
        case model, experiment, commit, seed, split, seen, candidates, users, items, metrics, intervals, deviations,
            draws
        case diversified
        case division = "protocol"
    }

    /// The same content always gives the same text.
    public func json() throws -> String {
        String(decoding: try JSONEncoder.stable.encode(self), as: UTF8.self)
    }
}

extension TrainedRun {
    /// Ranks a part of the data and reports.
    ///
    /// - Parameters:
    ///   - part: Validation or test.
    ///   - seen: The policy for seen items; nil takes the experiment's.
    ///   - draws: How often models that start from noise are evaluated, each time from other noise.
    ///   - variety: Also makes diverse lists: with which weight, by which item feature.
    /// - Returns: The report; the ranks of the first draw, none for a ranker; and of a ranker what each request adds to
    ///   those metrics that are means over requests.
    public func evaluate(
        _ part: Part,
        seen: SeenPolicy? = nil,
        draws: Int = 1,
        diversity variety: (weight: Double, category: String)? = nil
    ) throws -> (report: EvaluationReport, ranks: [Int], requests: [String: [Double]]) {
        if experiment.candidates != nil {
            guard seen == nil, variety == nil, draws == 1 else {
                throw ConfigurationError(
                    "\(experiment.model): judges the candidates of requests; --seen, --diversity and --draws are for "
                        + "retrievers"
                )
            }
            if let outcome = try judged(part) { return try report(outcome, part) }
        }
        let evaluator = evaluator(seen: seen)
        let diversity = try variety.map { try self.diversity(weight: $0.weight, category: $0.category) }
        let outcomes = try (0..<max(draws, 1)).map {
            try evaluator.evaluate(model, part, noiseSeed: UInt64($0), diversity: diversity)
        }
        let first = outcomes[0]
        var samples: [String: [Double]] = [:]
        for outcome in outcomes {
            for (name, value) in outcome.metrics.values { samples[name, default: []].append(value) }
            let length = TopKEvaluator.listLength
            samples["coverage@\(length)", default: []].append(outcome.lists.coverage)
            samples["popularity@\(length)", default: []].append(outcome.lists.meanPopularity)
        }
        let names = TopKEvaluator.metricNames
        let intervals = Bootstrap.intervals(of: names.map { perUserMetric($0, ranks: first.ranks) }, seed: 1)
        let means = samples.mapValues { $0.reduce(0, +) / Double($0.count) }
        let report = EvaluationReport(
            model: experiment.model,
            experiment: experiment.name,
            commit: manifest.commit,
            seed: manifest.seed,
            split: part,
            division: data.split,
            seen: seen ?? experiment.seen,
            users: first.ranks.count,
            items: data.dataset.itemCount,
            metrics: means,
            intervals: Dictionary(uniqueKeysWithValues: zip(names, intervals)),
            deviations: outcomes.count > 1 ? samples.mapValues(deviation) : nil,
            draws: outcomes.count,
            diversified: variety.map { weight, category in
                EvaluationReport.Diversified(
                    category: category,
                    lambda: weight,
                    candidates: Diversity.candidateCount,
                    length: Diversity.listLength,
                    metrics: mean(outcomes.compactMap(\.diversity?.diversified)),
                    plain: mean(outcomes.compactMap(\.diversity?.plain))
                )
            }
        )
        return (report, first.ranks, [:])
    }

    private func report(_ outcome: CTREvaluator.Outcome, _ part: Part) throws -> (
        report: EvaluationReport, ranks: [Int], requests: [String: [Double]]
    ) {
        let requests = outcome.metrics.perRequest
        let names = requests.keys.sorted()
        let intervals = Bootstrap.intervals(of: names.compactMap { requests[$0] }, seed: 1)
        let report = EvaluationReport(
            model: experiment.model,
            experiment: experiment.name,
            commit: manifest.commit,
            seed: manifest.seed,
            split: part,
            division: data.split,
            seen: nil,
            candidates: experiment.candidates,
            users: outcome.requestCount,
            items: data.dataset.itemCount,
            metrics: outcome.metrics.values,
            intervals: Dictionary(uniqueKeysWithValues: zip(names, intervals)),
            draws: 1
        )
        return (report, [], requests)
    }
}

/// The mean of every value of dictionaries with equal keys.
private func mean(_ samples: [[String: Double]]) -> [String: Double] {
    samples.reduce(into: [:]) { $0.merge($1, uniquingKeysWith: +) }.mapValues { $0 / Double(samples.count) }
}

/// Sample standard deviation.
private func deviation(_ values: [Double]) -> Double {
    let mean = values.reduce(0, +) / Double(values.count)
    return (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(max(values.count - 1, 1))).squareRoot()
}
