// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeEvaluation
import CascadeRecommenders
import CascadeTraining

/// Ranking metrics of a group of users as the cells of a row: for each metric its mean and the ends of its interval.
struct MetricColumns {
    let names: [String]

    /// Those that were asked for, or the usual ones of the models at hand.
    ///
    /// - Throws: ``ConfigurationError`` when a metric is not one of them.
    init(_ options: AnalysisOptions, _ runs: [AnalyzedRun]) throws {
        let rankers = runs.count { $0.manifest.experiment.candidates != nil }
        guard rankers == 0 || rankers == runs.count else {
            throw ConfigurationError("CTR models and retrievers have no metric in common; analyze them apart")
        }
        let clicks = ["auc", "accuracy", "logloss"]
        names = options.metrics ?? (rankers == 0 ? ["recall@20", "ndcg@20"] : ["auc"])
        for name in names where clicks.contains(name) != (rankers > 0) {
            throw ConfigurationError(
                "--metric \(name): these runs are evaluated by "
                    + (rankers > 0 ? clicks : RankingMetric.Kind.allCases.map { "\($0.rawValue)@K" }).joined(
                        separator: ", "
                    )
            )
        }
    }

    /// Three columns for each metric.
    var columns: [Table.Column] {
        names.flatMap { name in
            let unit =
                switch RankingMetric(name)?.kind {
                case .recall: "share of targets"
                case .hitRate: "share of users"
                case .calibratedRecall: "share of possible targets"
                case .precision: "share of places"
                case .map: "mean precision, 0 to 1"
                case .mrr: "mean of 1 / rank"
                case .ndcg: "mean gain, 0 to 1"
                case nil: ["auc": "area", "accuracy": "share of candidates", "logloss": "nats"][name] ?? ""
                }
            return [name, Self.low(name), Self.high(name)].map { Table.Column($0, unit) }
        }
    }

    static func low(_ name: String) -> String { "\(name) lower" }
    static func high(_ name: String) -> String { "\(name) upper" }

    /// The cells of users whose targets have these ranks.
    func cells(ranks: TargetRanks) -> [Cell] { cells(perUser: names.map { perUserMetric($0, ranks: ranks) }) }

    /// The cells of users who have these values: one list for each metric.
    func cells(perUser values: [[Double]]) -> [Cell] {
        let intervals = Bootstrap.intervals(of: values, seed: 1)
        return zip(values, intervals).flatMap { values, interval in
            [values.reduce(0, +) / Double(values.count), interval.lower, interval.upper].map(Cell.number)
        }
    }

    /// One panel for each metric.
    func panels(
        _ kind: Panel.Kind,
        of table: Table,
        x: String,
        color: String? = "run",
        isLogarithmic: Bool = false
    ) -> [Panel] {
        names.map { name in
            Panel(
                kind,
                names.count > 1 ? name : "",
                of: table,
                x: x,
                y: name,
                band: (Self.low(name), Self.high(name)),
                color: color,
                isLogarithmic: isLogarithmic
            )
        }
    }

    /// What every caption says of the bands.
    static let bandNote = "Bands and bars: 95 % bootstrap intervals over users."
}
