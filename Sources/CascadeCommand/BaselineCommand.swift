// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CascadeComparison
import CascadeDatasets
import CascadeRecommenders
import CascadeTensorFiles
import CascadeTorch
import CascadeTraining
import Foundation

struct BaselineCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "baseline",
        abstract: "Trains simple models on a dataset within minutes and prints the table to beat.",
        discussion: """
            Trains popularity, recent-popularity, item-knn, ease and sasrec, one after another, on the leave-one-out \
            split, with settings sized by the data. Without --to the runs are removed at the end.
            """
    )

    @Argument(help: "The dataset's directory.") var data: String
    @Option(name: .customLong("to"), help: "Keep the runs in this directory, one folder a model.") var target: String?
    @Option(
        help: "Training budget of each model: 300s (wall time), 600cpu-s (processor time), 2M-examples or 5000-steps.",
        transform: Budget.argument
    )
    var budget = Budget.seconds(180)
    @Option(help: "Random seed.") var seed: UInt64 = 1
    @Option(help: "cpu, cuda or cuda:N.") var device = "cpu"
    @Flag(help: "Print one JSON document.") var json = false

    /// What `--json` prints.
    private struct Document: Encodable {
        let data: String
        let users, items, events: Int
        let seed: UInt64
        let budget: Budget
        let rows: [Baselines.Row]
    }

    func run() throws {
        Runtime.keepFreedMemory(for: .training)
        Interruption.watch()
        let dataset = try Dataset(at: URL(filePath: data))
        var options = TrainingOptions()
        (options.seed, options.device, options.commit) = (seed, try Device(named: device), Build.commit())
        options.isInterrupted = { Interruption.isRequested }
        options.observe = TrainingProgress(metric: Baselines.metric).observe
        let folder =
            target.map { URL(filePath: $0).absoluteURL }
            ?? FileManager.default.temporaryDirectory.appending(path: "cascade-baseline-\(UUID().uuidString)")
        defer { if target == nil { try? FileManager.default.removeItem(at: folder) } }
        let rows = try Baselines(on: dataset, in: folder, budget: budget, options).measure()
        try report(rows, dataset)
        if Interruption.isRequested { throw ExitCode(130) }
        guard rows.contains(where: \.isMeasured) else {
            throw ComparisonFailure("\(data): no model could be trained; the lines above say why")
        }
    }

    private func report(_ rows: [Baselines.Row], _ dataset: Dataset) throws {
        if json {
            let document = Document(
                data: dataset.manifest.name,
                users: dataset.userCount,
                items: dataset.itemCount,
                events: dataset.eventCount,
                seed: seed,
                budget: budget,
                rows: rows
            )
            return Terminal.out(try jsonText(document))
        }
        let shown = ["ndcg@10", "recall@10", "recall@20"]
        let titles = ["model"] + shown.map { "validation \($0)" } + shown.map { "test \($0)" } + ["seconds"]
        let lines = rows.filter(\.isMeasured).map { row in
            [row.model] + shown.map { figure(row.validation[$0]) } + shown.map { figure(row.test[$0]) }
                + [String(format: "%.0f", row.trainingSeconds)]
        }
        Terminal.out(Terminal.table([titles] + lines))
        for row in rows where !row.isMeasured { Terminal.out("\(row.model): left out. \(row.reason)") }
        let best = rows.filter(\.isMeasured).max {
            ($0.validation[Baselines.metric] ?? 0) < ($1.validation[Baselines.metric] ?? 0)
        }
        guard let best else { return }
        Terminal.out("to beat: \(best.model), test \(Baselines.metric) \(figure(best.test[Baselines.metric]))")
    }

    private func figure(_ value: Double?) -> String { value.map { String(format: "%.4f", $0) } ?? "–" }
}
