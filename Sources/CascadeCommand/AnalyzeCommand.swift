// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CascadeAnalysis
import CascadeDatasets
import CascadeRecommenders
import CascadeTensorFiles
import CascadeTorch
import CascadeTraining
import Foundation

struct AnalyzeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "analyze",
        abstract: "Answers a question about trained runs with a table and a picture.",
        discussion: """
            Writes KIND.csv, KIND.md, KIND.svg and KIND.png into a directory; older files of these names are replaced. All \
            runs must be on the same data and split. Kinds, with the options that they take:

            \(kinds)
            """
    )

    private static var kinds: String {
        AnalysisCatalog.all.map { kind in
            let options = AnalysisOption.allCases.filter(kind.card.options.contains).map { "--\($0.rawValue)" }
            let taken = options.isEmpty ? "" : "\n  options: \(options.joined(separator: ", "))"
            return "\(kind.card.name)\n  \(kind.card.summary)\n  needs: \(kind.card.needs)\(taken)"
        }.joined(separator: "\n")
    }

    @Argument(help: "What to ask; the kinds are listed above.") var kind: String
    @Argument(help: ArgumentHelp("Directories of runs.", valueName: "run")) var runs: [String]
    @Option(name: .customLong("to"), help: "The directory for the answer; made when it is missing.") var target: String
    @Option(help: "Whose targets: test or validation; test by default.") var split: Part?
    @Option(help: "exclude or include items of the user's history; the runs' policy by default.")
    var seen: SeenPolicy?
    @Option(
        parsing: .singleValue,
        help: "A metric; may be given several times. recall@20 and ndcg@20 by default, of CTR models auc."
    )
    var metric: [String] = []
    @Option(help: ArgumentHelp("The item feature whose values are the categories.", valueName: "feature"))
    var category: String?
    @Option(help: "Numbers of steps (denoising, training) or of clusters; each analysis has its own defaults.")
    var steps: String?
    @Option(help: "The setting in which the runs differ, such as model.steps; found by itself when it is the only one.")
    var key: String?
    @Option(help: "How many items are shown, the most popular first; 2000 by default.") var items: Int?
    @Flag(name: .customLong("no-picture"), help: "Write tables alone; nothing but Cascade is needed then.")
    var omitsPicture = false
    @Option(help: "The data set's directory, when it has moved since training.") var data: String?
    @Option(help: "cpu, cuda or cuda:N.") var device = "cpu"
    @Option(
        name: .customLong("set"),
        parsing: .singleValue,
        help: "A model setting of all runs that leaves the weights alone, for example sampler.kind=ddim."
    )
    var settings: [String] = []

    func validate() throws {
        guard let analysis = AnalysisCatalog.named(kind) else {
            let known = AnalysisCatalog.all.map { $0.card.name }
            let hint = nearestName(to: kind, among: known).map { "Did you mean '\($0)'?" }
            throw ValidationError("'\(kind)' is no analysis. \(hint ?? "There are: \(known.joined(separator: ", "))")")
        }
        let given: [(AnalysisOption, Bool)] = [
            (.split, split != nil), (.seen, seen != nil), (.metric, !metric.isEmpty), (.category, category != nil),
            (.steps, steps != nil), (.key, key != nil), (.items, items != nil),
        ]
        for (option, isGiven) in given where isGiven && !analysis.card.options.contains(option) {
            throw ValidationError("the analysis '\(kind)' takes no --\(option.rawValue)")
        }
        for name in metric where !TopKEvaluator.allMetricNames.contains(name) {
            let hint =
                nearestName(to: name, among: TopKEvaluator.allMetricNames).map { ". Did you mean '\($0)'?" } ?? ""
            throw ValidationError("--metric: '\(name)' is not a metric\(hint)")
        }
        guard items.map({ $0 > 2 }) ?? true else {
            throw ValidationError("--items: found \(items ?? 0), expected at least 3")
        }
        _ = try steps.map { try numbers($0, "--steps") }
    }

    func run() throws {
        guard let analysis = AnalysisCatalog.named(kind) else { throw ValidationError("'\(kind)' is no analysis") }
        let options = try chosen()
        let settings = settings
        let analyzed = try AnalyzedRun.read(
            runs.map { URL(filePath: $0) },
            data: data.map { URL(filePath: $0) },
            overriding: { try TrainedRunOptions.override($0, with: settings) },
            options,
            on: Device(named: device)
        )
        let figure = try analysis.figure(of: analyzed, options)
        let folder = URL(filePath: target).absoluteURL.standardizedFileURL
        do {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        } catch {
            throw FileError(.writeFailed, folder, "the folder cannot be made: \(error.localizedDescription)")
        }
        var names = try figure.writeTables(to: folder)
        defer { for name in names { Terminal.out(folder.appending(path: name).path) } }
        if !omitsPicture { names += try PlotTool.standard().draw(figure, to: folder) }
    }

    private func chosen() throws -> AnalysisOptions {
        var options = AnalysisOptions()
        (options.seen, options.category, options.key) = (seen, category, key)
        if let split { options.part = split }
        if !metric.isEmpty { options.metrics = metric }
        if let steps { options.steps = try numbers(steps, "--steps") }
        if let items { options.items = items }
        return options
    }
}
