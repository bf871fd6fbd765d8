// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeEvaluation
import CascadeRecommenders
import CascadeTraining
import Foundation

/// What a ranking metric makes of one setting: T, lambda, mu, the schedule, or any other.
enum Sensitivity: RunAnalysis {
    static let card = AnalysisCard(
        name: "sensitivity",
        summary: "ranking metrics against the setting in which runs differ (T, lambda, mu, the schedule, ...)",
        source: "T2Diff, tables 3 and 4; DimeRec, table 5; DiffusionGS, figure 4",
        needs: "runs of any model that differ in one setting; several seeds of a value are averaged",
        options: [.split, .seen, .metric, .key]
    )

    static func figure(of runs: [AnalyzedRun], _ options: AnalysisOptions) throws -> Figure {
        let settings = try runs.map(Self.settings)
        let model = runs.first?.manifest.experiment.model.name
        let given = options.key.map { (try? Experiment.path($0, model: model).joined(separator: ".")) ?? $0 }
        let choice = try Self.key(settings, given)
        let metrics = try MetricColumns(options, runs)
        let groups = try grouped(runs, settings, by: choice.key)
        let table = try table(groups, choice.key, metrics, options)
        let further = choice.others.isEmpty ? "" : " The runs also differ in \(choice.others.joined(separator: ", "))."
        return Figure(
            card,
            title: "Sensitivity to \(choice.key)",
            caption: """
                \(runs.count) trained runs, \(options.part.rawValue) targets; runs of equal value are averaged user by \
                user.\(further) \(MetricColumns.bandNote)
                """,
            tables: [table],
            panels: metrics.panels(
                isNumeric(groups) ? .line : .bar,
                of: table,
                x: choice.key,
                color: "model",
                isLogarithmic: spansDecades(groups)
            )
        )
    }

    private static func table(_ groups: [Group], _ key: String, _ metrics: MetricColumns, _ options: AnalysisOptions)
        throws
        -> Table
    {
        var columns: [Table.Column] = [.init("model"), .init(key, isNumeric(groups) ? "value" : "")]
        columns.append(.init("runs", "count"))
        var table = Table(card.name, columns + metrics.columns)
        for group in groups {
            var row: [Cell] = [.text(group.model), cell(group.value), .count(group.runs.count)]
            row += metrics.cells(perUser: try means(group.runs, metrics.names, options))
            table.add(row)
        }
        return table
    }

    private static func isNumeric(_ groups: [Group]) -> Bool { groups.allSatisfy { number($0.value) != nil } }

    private static func spansDecades(_ groups: [Group]) -> Bool {
        let numbers = groups.compactMap { number($0.value) }
        guard isNumeric(groups), let least = numbers.min(), let largest = numbers.max() else { return false }
        return least > 0 && largest >= 10 * least
    }

    /// Runs of one model with one value of the key.
    private struct Group {
        let model: String
        let value: JSONValue
        var runs: [AnalyzedRun]
    }

    /// In the order of their values where these are numbers.
    private static func grouped(_ runs: [AnalyzedRun], _ settings: [[String: JSONValue]], by key: String) throws
        -> [Group]
    {
        var groups: [Group] = []
        for (run, settings) in zip(runs, settings) {
            let (model, value) = (run.manifest.experiment.model.name, settings[key] ?? .null)
            guard value != .null else {
                throw ConfigurationError("\(run.directory.url.path): the model '\(model)' has no setting \(key)")
            }
            if let index = groups.firstIndex(where: { $0.model == model && $0.value == value }) {
                groups[index].runs.append(run)
            } else {
                groups.append(Group(model: model, value: value, runs: [run]))
            }
        }
        guard isNumeric(groups) else { return groups }
        return groups.sorted { (number($0.value) ?? 0) < (number($1.value) ?? 0) }
    }

    /// Each user's value of each metric, averaged over runs, so that the interval is one over users.
    private static func means(_ runs: [AnalyzedRun], _ metrics: [String], _ options: AnalysisOptions) throws
        -> [[Double]]
    {
        var sums = try runs[0].open().perUser(metrics, options)
        for run in runs.dropFirst() {
            let values = try run.open().perUser(metrics, options)
            for metric in sums.indices {
                for user in sums[metric].indices { sums[metric][user] += values[metric][user] }
            }
        }
        return sums.map { values in values.map { $0 / Double(runs.count) } }
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
    private static func settings(of run: AnalyzedRun) throws -> [String: JSONValue] {
        try run.manifest.experiment.leaves()
    }

    private static func number(_ value: JSONValue) -> Double? {
        switch value {
        case .integer(let value): Double(value)
        case .number(let value): value
        default: nil
        }
    }

    private static func cell(_ value: JSONValue) -> Cell {
        guard let number = number(value) else { return .text(text(value)) }
        return .number(number)
    }

    private static func text(_ value: JSONValue) -> String {
        if case .bool(let value) = value { "\(value)" } else { value.text ?? "…" }
    }
}
