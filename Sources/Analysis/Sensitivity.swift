// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Datasets
import Evaluation
import Foundation
import Recommenders
import Training

/// What a ranking metric makes of one setting: T, lambda, mu, the schedule, or any other.
enum Sensitivity: RunAnalysis {
    static let card = AnalysisCard(
        name: "sensitivity",
        summary: "ranking metrics against the setting in which runs differ (T, lambda, mu, the schedule, ...)",
        source: "T2Diff, tables 3 and 4; DimeRec, table 5",
        needs: "runs of any model that differ in one setting; several seeds of a value are averaged",
        options: [.split, .seen, .metric, .key]
    )

    static func figure(of runs: [AnalysedRun], _ options: AnalysisOptions) throws -> Figure {
        let settings = runs.map(Self.settings)
        let (key, others) = try Self.key(settings, options.key)
        let metrics = MetricColumns(options)
        var groups: [(model: String, value: JSONValue, runs: [AnalysedRun])] = []
        for (run, settings) in zip(runs, settings) {
            let (model, value) = (run.manifest.experiment.model, settings[key] ?? .null)
            guard value != .null else {
                throw ConfigurationError("\(run.directory.url.path): the model '\(model)' has no setting \(key)")
            }
            if let index = groups.firstIndex(where: { $0.model == model && $0.value == value }) {
                groups[index].runs.append(run)
            } else {
                groups.append((model, value, [run]))
            }
        }
        let numbers = groups.compactMap { number($0.value) }
        let isNumeric = numbers.count == groups.count
        if isNumeric { groups.sort { (number($0.value) ?? 0) < (number($1.value) ?? 0) } }
        var table = Table(
            card.name,
            [.init("model"), .init(key, isNumeric ? "value" : ""), .init("runs", "count")]
                + metrics.columns
        )
        for group in groups {
            // A user's value is the mean over the runs, so that the interval is one over users.
            var sums: [[Double]] = []
            for run in group.runs {
                let ranks = try run.open().judge(options).ranks
                let values = metrics.names.map { perUserMetric($0, ranks: ranks) }
                sums = sums.isEmpty ? values : zip(sums, values).map { zip($0, $1).map(+) }
            }
            let means = sums.map { $0.map { $0 / Double(group.runs.count) } }
            let value = number(group.value).map(Cell.number) ?? .text(text(group.value))
            table.add([.text(group.model), value, .count(group.runs.count)] + metrics.cells(perUser: means))
        }
        let (least, largest) = (numbers.min() ?? 0, numbers.max() ?? 0)
        let further = others.isEmpty ? "" : " The runs also differ in \(others.joined(separator: ", "))."
        return Figure(
            card,
            title: "Sensitivity to \(key)",
            caption: """
                \(runs.count) trained runs, \(options.part.rawValue) targets; runs of equal value are averaged user by \
                user.\(further) \(MetricColumns.bandNote)
                """,
            tables: [table],
            panels: metrics.panels(
                isNumeric ? .line : .bar,
                of: table,
                x: key,
                colour: "model",
                isLogarithmic: isNumeric && least > 0 && largest >= 10 * least
            )
        )
    }

    /// The key that the table is about, and other keys in which runs of one model differ.
    static func key(_ settings: [[String: JSONValue]], _ given: String?) throws -> (key: String, others: [String]) {
        let all = Set(settings.flatMap(\.keys))
        let differing = all.filter { key in
            // A key that a model lacks does not tell its runs apart.
            let values = settings.compactMap { $0[key] }
            return values.contains { $0 != values[0] }
        }.sorted()
        if let given {
            guard all.contains(given) else {
                throw ConfigurationError(
                    "--key: no run has the setting '\(given)'; keys begin with model. or training. and runs differ in: "
                        + (differing.isEmpty ? "nothing" : differing.joined(separator: ", "))
                )
            }
            guard differing.contains(given) else {
                throw ConfigurationError(
                    "--key: the runs do not differ in \(given), but in: "
                        + (differing.isEmpty ? "nothing but their seeds" : differing.joined(separator: ", "))
                )
            }
            return (given, differing.filter { $0 != given })
        }
        guard let only = differing.first, differing.count == 1 else {
            throw ConfigurationError(
                differing.isEmpty
                    ? "the runs have the same settings; give runs that differ in one"
                    : "the runs differ in \(differing.joined(separator: ", ")); say with --key which one is meant"
            )
        }
        return (only, [])
    }

    /// Settings by dotted key, `model.` and `training.` first.
    private static func settings(of run: AnalysedRun) -> [String: JSONValue] {
        let experiment = run.manifest.experiment
        return experiment.configuration.leaves("model").merging(experiment.training.leaves("training")) { $1 }
    }

    private static func number(_ value: JSONValue) -> Double? {
        switch value {
        case .integer(let value): Double(value)
        case .number(let value): value
        default: nil
        }
    }

    private static func text(_ value: JSONValue) -> String {
        if case .bool(let value) = value { "\(value)" } else { value.text ?? "…" }
    }
}
