// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import ArgumentParser
public import CascadeDatasets
import CascadeEvaluation
import CascadeRecommenders
import CascadeTorch
import CascadeTraining
import Foundation

extension Part: ExpressibleByArgument {}
extension SeenPolicy: ExpressibleByArgument {}

struct EvaluateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate",
        abstract: "Ranks the whole catalog for every user and prints the metrics."
    )

    @OptionGroup var trained: TrainedRunOptions
    @Option(help: "test or validation.") var split = Part.test
    @Option(help: "exclude or include items of the user's history; the experiment's policy by default.")
    var seen: SeenPolicy?
    @Option(help: "Evaluations from different noise, for diffusion models.") var draws = 1
    @OptionGroup var variety: DiversityOptions
    @Flag(help: "Print one JSON document.") var json = false

    func validate() throws {
        guard draws > 0 else { throw ValidationError("--draws: found \(draws), expected at least 1") }
    }

    func run() throws {
        let run = try trained.open()
        var options = EvaluationOptions()
        options.seen = seen
        options.draws = draws
        options.diversity = variety.pair
        let report = try run.evaluate(split, options).report
        if json { return Terminal.out(try report.json()) }
        let seen = report.seen.map { "whole catalog of \(report.items) items, seen items \($0.rawValue)d" }
        let candidates = report.candidates.map {
            "users' requests, each with \($0.negatives) negatives by \($0.sampling.rawValue), \($0.knowledge.rawValue)"
        }
        let question = seen.map { "users, \($0)" } ?? candidates ?? ""
        Terminal.out("\(report.model): \(report.split.rawValue), \(report.users) \(question)")
        var rows = [["metric", "value", "95 % interval"]]
        if report.draws > 1 { rows[0].append("deviation of \(report.draws) draws") }
        for (name, value) in report.metrics.sorted(by: { metricOrder($0.key) < metricOrder($1.key) }) {
            let interval = report.intervals[name].map { String(format: "%.4f – %.4f", $0.lower, $0.upper) } ?? ""
            var row = [name, String(format: name.hasPrefix("popularity") ? "%.1f" : "%.4f", value), interval]
            if let deviations = report.deviations { row.append(String(format: "%.4f", deviations[name] ?? 0)) }
            rows.append(row)
        }
        Terminal.out(Terminal.table(rows))
        guard let lists = report.diversified else { return }
        Terminal.out(
            "\ndiversified by \(lists.category), lambda \(lists.lambda): each user's best \(lists.candidates) items "
                + "re-ranked to \(lists.length)"
        )
        let names = lists.metrics.keys.sorted { metricOrder($0) < metricOrder($1) }
        let table = names.map { name in
            [name]
                + [report.metrics.merging(lists.plain) { $1 }, lists.metrics].map {
                    $0[name].map { String(format: "%.4f", $0) } ?? ""
                }
        }
        Terminal.out(Terminal.table([["metric", "plain", "diversified"]] + table))
    }

    private func metricOrder(_ name: String) -> (String, Int) {
        let parts = name.split(separator: "@")
        return (String(parts[0]), parts.count > 1 ? Int(parts[1]) ?? 0 : 0)
    }
}

/// How much variety lists should have, and in what.
struct DiversityOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Diverse lists: what a pair of items without a common category is worth, in the unit of the scores.",
            valueName: "lambda"
        )
    )
    var diversity: Double?
    @Option(help: ArgumentHelp("The item feature whose values are the categories.", valueName: "feature"))
    var category: String?

    var pair: (weight: Double, category: String)? {
        if let diversity, let category { (diversity, category) } else { nil }
    }

    func validate() throws {
        guard (diversity == nil) == (category == nil) else {
            throw ValidationError("--diversity LAMBDA and --category FEATURE go together")
        }
        guard diversity.map({ $0 >= 0 && $0.isFinite }) ?? true else {
            throw ValidationError("--diversity: found \(diversity ?? 0), expected a number from 0")
        }
    }
}

/// A trained run and how to open it.
struct TrainedRunOptions: ParsableArguments {
    @Argument(help: "The run's directory.") var run: String
    @Option(help: "The data set's directory, when it has moved since training.") var data: String?
    @Option(help: "cpu, cuda or cuda:N.") var device = "cpu"
    @Option(
        name: .customLong("set"),
        parsing: .singleValue,
        help: "A model setting that leaves the weights alone, for example sampler.kind=ddim."
    )
    var settings: [String] = []

    var directory: RunDirectory { RunDirectory(URL(filePath: run)) }

    func open() throws -> TrainedRun {
        try Self.open(directory, data.map { URL(filePath: $0) }, settings, on: Device(named: device))
    }

    /// Opens a run with some of its model's settings replaced.
    static func open(_ run: RunDirectory, _ data: URL?, _ settings: [String], on device: Device = .cpu) throws
        -> TrainedRun
    {
        try run.open(data: data, overriding: { try override($0, with: settings) }, on: device)
    }

    /// A trained model with some of its settings replaced.
    static func override(_ model: ModelSpec, with settings: [String]) throws -> ModelSpec {
        let after = try ConfigurationFile.apply(settings, to: .object([:]), model: model.name)
        guard case .object(let groups) = after, groups.keys.allSatisfy({ $0 == "model" }) else {
            throw ConfigurationError("--set: a trained run takes settings of its model alone; train anew for others")
        }
        return try model.overriding(after["model"])
    }
}
