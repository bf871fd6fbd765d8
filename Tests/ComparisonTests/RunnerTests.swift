// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeComparison
import CascadeConfigurations
import CascadeDatasets
import CascadeRecommenders
import CascadeRuns
import CascadeTraining
import Foundation
import TestSupport
import Testing

@Suite("Comparing and tuning from Swift, in one process")
struct RunnerTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    private static let data: JSONValue = ["drift": ["simulator": "drift", "users": 30, "items": 40, "mean_events": 12]]
    private static let training: JSONValue = ["epochs": 2, "batch_size": 16, "threads": 1]

    @Test("cells are trained and evaluated once, weights are used again, and a row that cannot be is told")
    func comparison() throws {
        let model: JSONValue = ["name": "t2diff", "embedding_size": 8, "window": 4, "channels": 8, "steps": 4]
        let tree: JSONValue = [
            "data": Self.data, "metrics": ["ndcg@10"], "training": Self.training,
            "rows": [
                ["name": "popular", "model": ["name": "popularity"]], ["name": "own", "model": model],
                ["name": "again", "weights_from": "own", "model": ["sampler": ["kind": "one-step"]]],
                ["name": "wrong", "model": ["name": "sasrec", "num_heads": 3, "embedding_size": 8]],
            ],
        ]
        let table = try TableSpecification(tree, file: "table", read: { _ in .null })
        let runner = ComparisonRunner([table], to: folder.file("report"), seeds: 1, threads: 1)
        var notes: [String] = []
        let outcome = try runner.run(note: { notes.append($0) })
        #expect(outcome.cells == 4 && outcome.failed == 1 && notes.last == "4 cells, 3 to do")
        let rows = try #require(outcome.summaries.first).rows
        #expect(rows.map(\.finished) == [1, 1, 1, 0] && rows[3].failures.first?.contains("num_heads") == true)
        try runner.write(outcome.summaries)
        for name in ["report.html", "report.md", "report.csv"] {
            let text = try String(contentsOf: folder.file("report/\(name)"), encoding: .utf8)
            #expect(text.contains("popular") && text.contains("wrong"), "\(name)")
        }
        let second = try runner.run(note: { notes.append($0) })
        #expect(notes.last == "4 cells, 0 to do" && second.summaries.first?.rows == rows)
    }

    @Test("trials are ranked by validation, the better ones train longer, and a second search does nothing twice")
    func tuning() throws {
        let table = try TableSpecification(
            ["data": Self.data, "rows": [["name": "a", "model": ["name": "popularity"]]]],
            file: "x",
            read: { _ in .null }
        )
        let dataset = try table.data[0].dataset(in: folder.file("data"))
        var training = Self.training
        training["epochs"] = 4
        let base: JSONValue = ["model": ["name": "sasrec", "embedding_size": 8, "ffn_size": 8], "training": training]
        let space = try SearchSpace(["training.learning_rate": ["log": [0.0001, 0.1]]])
        let tuner = try Tuner(base, space, in: folder.file("search"), trials: 4, factor: 2)
        var epochs: [Int] = []
        func search() throws -> (trials: [Tuner.Trial], best: Tuner.Trial?) {
            try tuner.run { pending in
                for work in pending {
                    var options = TrainingOptions()
                    options.resume = work.resumes
                    epochs.append(work.experiment.training.epochs)
                    _ = try Trainer(work.experiment, on: dataset, to: work.trial.run.url, options).train()
                }
            }
        }
        let (trials, best) = try search()
        let values = trials.map { $0.validation(tuner.metric) ?? -1 }
        #expect(trials.count == 4 && values == values.sorted(by: >))
        #expect(epochs.max() == 4 && epochs.count { $0 == 4 } < 4, "not all train to the end: \(epochs)")
        #expect(
            try #require(best).validation(tuner.metric)
                == trials.filter { $0.run.exists }.compactMap {
                    try? $0.run.manifest().epoch == 4 ? $0.validation(tuner.metric) : nil
                }.max()
        )
        let before = epochs.count
        #expect(try search().best?.number == best?.number && epochs.count == before)
    }
}
