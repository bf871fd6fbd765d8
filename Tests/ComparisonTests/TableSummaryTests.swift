// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeEvaluation
import CascadeRecommenders
import Foundation
import TestSupport
import Testing

@testable import CascadeComparison
@testable import CascadeTraining

@Suite("The sum of a table's cells")
struct TableSummaryTests {
    let table: TableSpecification

    init() throws {
        table = try TableSpecification(
            [
                "name": "tiny, \"quoted\"", "source": "<nobody>", "data": ["d": ["directory": "x"]],
                "metrics": ["recall@1", "mrr@10"],
                "rows": [
                    ["name": "a", "model": ["name": "popularity"], "published": ["recall@1": 0.5], "note": "a | b"],
                    ["name": "b", "model": ["name": "popularity"]], ["name": "c", "model": ["name": "popularity"]],
                ],
            ],
            file: "t"
        ) { _ in .null }
    }

    func result(_ ranks: [Int], seconds: Double = 1) -> CellResult {
        let metrics = RankingMetrics(ranks: ranks, cutoffs: TopKEvaluator.cutoffs)
        let report = EvaluationReport(
            model: "popularity",
            experiment: "",
            commit: "",
            seed: 1,
            split: .test,
            division: .leaveOneOut,
            seen: .exclude,
            users: ranks.count,
            items: 9,
            metrics: Dictionary(uniqueKeysWithValues: metrics.values.map { ($0.name, $0.value) }),
            intervals: [:],
            deviations: nil,
            draws: 1
        )
        return CellResult(
            report: report,
            ranks: TargetRanks(ranks),
            validation: [:],
            parameters: 12,
            trainingSeconds: seconds,
            millisecondsPerUser: 2,
            peakMemory: 3_000_000,
            reason: ""
        )
    }

    func summary() -> TableSummary {
        TableSummary(
            table,
            data: "d",
            dataHash: "f00",
            cells: [
                "a": [
                    ("cells/a1", .success(result([1, 1, 1, 2], seconds: 1))),
                    ("cells/a2", .success(result([1, 2, 2, 2], seconds: 3))),
                ],
                "b": [
                    ("cells/b1", .success(result([2, 2, 2, 2]))), ("cells/b2", .failure(CellFailure("no, \"luck\""))),
                ],
                "c": [("cells/c1", .failure(CellFailure("broken")))],
            ]
        )
    }

    @Test("means and deviations over seeds, costs, and the failures beside them")
    func figures() throws {
        let rows = summary().rows
        let figure = try #require(rows[0].figures["recall@1"])
        #expect(figure.mean == 0.5)
        #expect(abs(try #require(figure.deviation) - 0.5 / 2.0.squareRoot()) < 1e-12)
        #expect(figure.published == 0.5 && figure.difference == 0)
        let interval = try #require(figure.interval)
        #expect(interval.lower < 0.5 && interval.upper > 0.5)
        #expect(rows[0].trainingSeconds == 2 && rows[0].peakMemory == 3_000_000)
        #expect(rows[1].finished == 1 && rows[1].planned == 2 && rows[1].failures == ["no, \"luck\""])
        #expect(rows[1].figures["recall@1"]?.deviation == nil)
        #expect(rows[2].figures.isEmpty && rows[2].failures == ["broken"])
    }

    @Test("CTR models are compared request by request, and the lowest loss is the best")
    func clicks() throws {
        let table = try TableSpecification(
            [
                "data": ["d": ["directory": "x"]], "metrics": ["auc", "logloss"],
                "rows": [
                    ["name": "a", "model": ["name": "dare"]], ["name": "b", "model": ["name": "twin"]],
                ],
            ],
            file: "t"
        ) { _ in .null }
        func scored(_ area: [Double], _ loss: Double) -> CellResult {
            var scored = result([])
            scored.report.metrics = ["auc": area.reduce(0, +) / Double(area.count), "logloss": loss]
            scored.requests = ["auc": area]
            return scored
        }
        let summary = TableSummary(
            table,
            data: "d",
            dataHash: "f00",
            cells: [
                "a": [("a", .success(scored([0.9, 0.8, 0.7], 0.5)))],
                "b": [("b", .success(scored([0.6, 0.9, 0.6], 0.4)))],
            ]
        )
        let pair = try #require(summary.differences.first)
        #expect(pair.better == "a" && pair.worse == "b" && abs(pair.difference - 0.1) < 1e-12)
        #expect(summary.rows[0].figures["auc"]?.interval != nil && summary.rows[0].figures["logloss"]?.interval == nil)
        #expect(summary.isBest(summary.rows[0], "auc") && !summary.isBest(summary.rows[0], "logloss"))
        #expect(summary.isBest(summary.rows[1], "logloss"))
    }

    @Test("every two rows are compared over users and trainings, corrected for all pairs")
    func differences() throws {
        func cells(_ ranks: [[Int]]) -> [(folder: String, outcome: Result<CellResult, CellFailure>)] {
            ranks.map { ("x", .success(result($0))) }
        }
        let summary = TableSummary(
            table,
            data: "d",
            dataHash: "f00",
            cells: [
                "a": cells([[1, 1, 1, 2], [1, 1, 2, 1]]), "b": cells([[2, 2, 1, 2], [2, 1, 2, 2]]),
                "c": cells([[2, 2, 2, 2], [2, 2, 2, 2]]),
            ]
        )
        #expect(summary.differences.map { $0.better + $0.worse } == ["ab", "ac", "bc"])
        #expect(summary.differences.map(\.difference) == [0.5, 0.75, 0.25])
        #expect(summary.differences.allSatisfy { $0.trainings == 2 && $0.corrected >= $0.pValue })
        #expect(summary.differences.map(\.corrected) == MultipleTests.holm(summary.differences.map(\.pValue)))
        let sentence = try #require(summary.differenceSentence)
        #expect(
            sentence.hasPrefix("recall@1: a is first.") && sentence.contains("over 3 pairs, over users and trainings")
        )
        let lines = TableSummary.differencesCSV([summary]).split(separator: "\n")
        #expect(lines.count == 4 && lines[1].contains(",d,recall@1,a,b,0.5,"))
        // One training of b finished: the first of a stands against it.
        let single = try #require(self.summary().differenceSentence)
        #expect(self.summary().differences.map(\.trainings) == [1] && single.contains("one training each"))
    }

    @Test("rows that differ in budget, examples, loss or inputs are named; equal ones are not")
    func inequalities() throws {
        func found(_ rows: JSONValue) throws -> [String] {
            try TableSpecification(["data": ["d": ["directory": "x"]], "rows": rows], file: "t") { _ in .null }
                .inequalities(on: "d")
        }
        let equal: JSONValue = [
            ["name": "a", "model": ["name": "t2diff"]], ["name": "b", "model": ["name": "comirec-sa"]],
            ["name": "pop", "model": ["name": "popularity"]],
        ]
        #expect(try found(equal).isEmpty)
        let unequal = try found([
            ["name": "a", "model": ["name": "t2diff"], "training": ["prefixes_per_user": 16]],
            ["name": "b", "model": ["name": "comirec-sa"], "training": ["epochs": 9, "prefixes_per_user": 16]],
            ["name": "c", "model": ["name": "sasrec"], "budget": "60s", "training": ["loss": ["kind": "bce"]]],
            ["name": "d", "model": ["name": "t2diff"], "weights_from": "a"],
        ])
        #expect(
            unequal == [
                "budget: 100 epochs (a); 9 epochs (b); 60s (c)",
                "targets a user and epoch: 16 (a, b); every position (c)",
                "loss: cross-entropy (a, b); bce with 256 negatives (c)",
            ]
        )
        let ages = try found([
            ["name": "dare", "model": ["name": "dare"]], ["name": "sim", "model": ["name": "sim"]],
        ])
        #expect(ages == ["ages of events: not read (dare); read (sim)"])
    }

    @Test("Markdown marks the best, escapes bars and tells what failed")
    func markdown() {
        let text = summary().markdown
        #expect(text.contains("| a | **0.5000 ± 0.3536** |"))
        #expect(text.contains("- a: a | b"))
        #expect(text.contains("| a | recall@1 | 0.5000 | 0.5000 | +0.0 % | within 5 % |"))
        #expect(text.contains("**b failed:** no, \"luck\""))
    }

    @Test("CSV has a line for each row and metric, and one for a row without figures")
    func csv() {
        let lines = TableSummary.csv([summary()]).split(separator: "\n")
        #expect(lines[0].hasPrefix("table,data,row,metric,mean,deviation,lower,upper,published,difference,seeds"))
        #expect(lines.count == 1 + 2 + 2 + 1)
        #expect(lines.allSatisfy { !$0.hasPrefix("tiny") })
        #expect(lines[1].hasPrefix("\"tiny, \"\"quoted\"\"\",d,a,mrr@10,0.75,"))
        #expect(lines.last?.hasSuffix(",0,0,0.0,0.0,0,broken") ?? false)
    }

    @Test("the page holds every figure, escapes text, and needs nothing from elsewhere")
    func page() throws {
        let folder = try TemporaryFolder()
        let run = folder.url.appending(path: "cells/a1/run")
        try FileManager.default.createDirectory(at: run, withIntermediateDirectories: true)
        let progress = """
            {"kind":"validation","step":1,"recall@1":0.25}
            {"kind":"train","step":2,"loss":3}
            {"kind":"validation","step":4,"recall@1":0.5}
            """
        try Data(progress.utf8).write(to: run.appending(path: "progress.jsonl"))
        let html = PageReport("T & T", [summary()], facts: [("commit", "abc")], in: folder.url).html
        #expect(html.contains("<h1>T &amp; T</h1>") && html.contains("&lt;nobody&gt;"))
        #expect(html.contains("0.5000 ± 0.3536") && html.contains("<a href=\"cells/a1/\">1</a>"))
        #expect(html.contains("c failed</b> (0 of 1 finished): broken"))
        #expect(html.contains("data-metric=\"recall@1\"") && html.contains("0.25"))
        for outside in ["http://www.w3.org/2000/svg", "src=", "@import", "url("]
        where outside != "http://www.w3.org/2000/svg" {
            #expect(!html.contains(outside))
        }
    }

    @Test("a cell's folder follows from what decides its result, and from nothing else")
    func folders() throws {
        func cell(_ change: (inout Cell) -> Void = { _ in }) throws -> String {
            var cell = Cell(
                row: "My row!",
                data: "d",
                dataset: "here",
                dataHash: "f00",
                seed: 1,
                experiment: try Experiment(["model": ["name": "sasrec"]]),
                commit: "c"
            )
            change(&cell)
            return try cell.folder
        }
        let plain = try cell()
        #expect(plain.hasPrefix("my-row-d-seed1-"))
        #expect(try cell { $0.dataset = "there" } == plain)
        #expect(try cell { $0.row = "Other" } == "other-d" + plain.dropFirst("my-row-d".count))
        #expect(try cell { $0.experiment.training.threads = 2 } == plain)
        for change: (inout Cell) -> Void in [
            { $0.dataHash = "f01" }, { $0.commit = "d" }, { $0.timeBudget = 3 }, { $0.draws = 2 },
            { $0.experiment.training.batchSize = 32 }, { $0.weightsOf = "x" },
        ] { #expect(try cell(change).suffix(8) != plain.suffix(8)) }
    }
}
