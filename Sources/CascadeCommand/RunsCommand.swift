// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CascadeEvaluation
import CascadeRecommenders
import CascadeTensorFiles
import CascadeTraining
import Foundation

struct RunsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "runs",
        abstract: "Lists the runs below a directory with their validation metrics."
    )

    @Argument(help: "Where to look, folders below it included.") var directory: String
    @Option(help: "The metric to sort by, the best first; a column of the list otherwise.") var sort = "ndcg@10"
    @Option(
        name: .customLong("where"),
        parsing: .singleValue,
        help:
            "column=value, or a setting such as model.embedding_size=64 or training.batch_size=32; may be given several times."
    )
    var filters: [String] = []
    @Option(parsing: .singleValue, help: "A metric that is shown; may be given several times.")
    var metric = ["recall@10", "ndcg@10", "recall@20", "mrr@20"]
    @Flag(help: "Print one JSON document.") var json = false

    private static let columns = [
        "run", "model", "experiment", "data", "seed", "status", "epoch", "parameters", "seconds",
    ]

    func validate() throws {
        for name in metric where !TopKEvaluator.allMetricNames.contains(name) {
            let hint =
                nearestName(to: name, among: TopKEvaluator.allMetricNames).map { ". Did you mean '\($0)'?" } ?? ""
            throw ValidationError("--metric: '\(name)' is not a metric\(hint)")
        }
        let known = Self.columns + TopKEvaluator.allMetricNames
        guard known.contains(sort) else {
            let hint = nearestName(to: sort, among: known).map { ". Did you mean '\($0)'?" } ?? ""
            throw ValidationError("--sort: '\(sort)' is neither a metric nor a column\(hint)")
        }
        for filter in filters where !filter.contains("=") {
            throw ValidationError("--where \(filter): expected key=value")
        }
    }

    func run() throws {
        let top = URL(filePath: directory)
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: top.path, isDirectory: &isFolder), isFolder.boolValue else {
            throw CheckpointError("\(top.path): no such directory")
        }
        var runs: [(path: String, manifest: RunManifest)] = []
        for run in RunDirectory.all(below: top) {
            do {
                let manifest = try run.manifest()
                let path = String(run.url.standardizedFileURL.path.dropFirst(top.standardizedFileURL.path.count + 1))
                if try matches(path, manifest) { runs.append((path.isEmpty ? "." : path, manifest)) }
            } catch let error as CheckpointError {
                Terminal.error("left out: \(error)")
            }
        }
        runs.sort { isBefore($0, $1) }
        if json {
            let list = try runs.map { run -> JSONValue in
                var entry = try JSONValue(encoding: run.manifest)
                entry["run"] = .string(run.path)
                return entry
            }
            return Terminal.out(try jsonText(list))
        }
        guard !runs.isEmpty else { return Terminal.error("\(directory): no run here that fits") }
        let rows = runs.map { run in
            Self.columns.map { text($0, run.path, run.manifest) }
                + metric.map { name in
                    RankingMetric.value(name, in: run.manifest.validation).map { String(format: "%.4f", $0) } ?? "–"
                }
        }
        Terminal.out(Terminal.table([Self.columns + metric] + rows))
    }

    private func text(_ column: String, _ path: String, _ manifest: RunManifest) -> String {
        switch column {
        case "run": path
        case "model": manifest.experiment.model.name
        case "experiment": manifest.experiment.name
        case "data": manifest.data.name
        case "seed": "\(manifest.seed)"
        case "status": manifest.status.rawValue
        case "epoch": "\(manifest.epoch)"
        case "parameters": "\(manifest.parameters)"
        default: "\(Int(manifest.seconds))"
        }
    }

    /// The better metric and the larger number go first, names rise; equal ones are ordered by path.
    private func isBefore(_ a: (path: String, manifest: RunManifest), _ b: (path: String, manifest: RunManifest))
        -> Bool
    {
        if TopKEvaluator.allMetricNames.contains(sort) {
            let (x, y) = (goodness(of: a.manifest), goodness(of: b.manifest))
            return x == y ? a.path < b.path : x > y
        }
        let (x, y) = (text(sort, a.path, a.manifest), text(sort, b.path, b.manifest))
        if x == y { return a.path < b.path }
        if let first = Double(x), let second = Double(y) { return first > second }
        return x < y
    }

    /// Higher is better in the metric that is sorted by; a run without it goes last.
    private func goodness(of manifest: RunManifest) -> Double {
        guard let value = RankingMetric.value(sort, in: manifest.validation) else { return -.infinity }
        return ClickMetrics.direction(of: sort).map { value * $0 } ?? -abs(value - 1)
    }

    private func matches(_ path: String, _ manifest: RunManifest) throws -> Bool {
        try filters.allSatisfy { filter in
            let parts = filter.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            let (key, wanted) = (parts[0], parts[1])
            if Self.columns.contains(key) { return text(key, path, manifest) == wanted }
            var keys = (try? Experiment.path(key, model: manifest.experiment.model.name)) ?? []
            if key.split(separator: ".").first.map(String.init) != keys.first { keys = [key] }
            let tree: JSONValue
            switch keys.removeFirst() {
            case "model": tree = manifest.experiment.model.settings
            case "training": tree = try JSONValue(encoding: manifest.experiment.training)
            default:
                throw ConfigurationError(
                    "--where \(filter): '\(key)' is no column (\(Self.columns.joined(separator: ", "))), and settings begin with model. or training."
                )
            }
            return keys.reduce(tree) { $0[$1] } == (try ConfigurationFile.parse(wanted))
        }
    }
}
