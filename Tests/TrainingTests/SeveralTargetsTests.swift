// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeEvaluation
import CascadeRecommenders
import CascadeTensorFiles
import CascadeTorch
import CascadeTraining
import Foundation
import TestSupport
import Testing

@Suite("Several targets a user")
struct SeveralTargetsTests {
    let folder: TemporaryFolder
    let dataset: Dataset
    /// `[U][N]`, of which many are equal.
    let table: [[Double]]

    /// Histories with repeated items.
    init() throws {
        folder = try TemporaryFolder()
        var random = SplitMix64(seed: 5)
        let histories = (0..<40).map { user in
            (0..<(3 + user % 11)).map { _ in "i\(Int.random(in: 0..<18, using: &random))" }
        }
        dataset = try folder.histories(histories)
        let items = dataset.itemCount
        table = (0..<40).map { _ in (0..<items).map { _ in Double(Int.random(in: 0..<6, using: &random)) } }
    }

    /// The places of the different target items in a list that is sorted against the model.
    private func naiveRanks(_ example: EvaluationCase, _ seen: SeenPolicy) -> [Int] {
        let scores = table[example.user.rawValue]
        let wanted = Set(example.targets.map { Int(dataset.items[$0]) })
        let history = Set(example.history.map { Int(dataset.items[$0]) })
        let candidates = scores.indices.filter { wanted.contains($0) || seen == .include || !history.contains($0) }
        let list = candidates.sorted { a, b in
            scores[a] != scores[b] ? scores[a] > scores[b] : !wanted.contains(a) && wanted.contains(b)
        }
        return list.indices.filter { wanted.contains(list[$0]) }.map { $0 + 1 }
    }

    static let splits: [Split] = [
        .leaveNOut(targets: .count(3)), .leaveNOut(targets: .share(0.4)),
        .byUser(validation: 0.3, test: 0.4, seed: 2, targets: .share(0.5)),
    ]

    @Test("ranks as the definition says, whatever the block", arguments: splits, SeenPolicy.allCases)
    func ranks(_ split: Split, _ seen: SeenPolicy) throws {
        let data = try SplitDataset(dataset, split)
        let model = try FixedScores(table)
        for part in Part.allCases {
            let cases = data.cases(part)
            let expected = cases.map { naiveRanks($0, seen) }
            #expect(expected.contains { $0.count > 2 })
            for block in [1, 4, 256] {
                let outcome = try TopKEvaluator(data, seen: seen, block: block).evaluate(model, part)
                #expect(outcome.targetRanks.map(Array.init) == expected, "block \(block)")
                #expect(outcome.metrics == RankingMetrics(ranks: TargetRanks(expected)))
            }
        }
        // Targets that repeat one another count once; targets that repeat the history stay candidates.
        let targets = data.cases(.test).map { example in example.targets.map { dataset.items[$0] } }
        #expect(targets.contains { Set($0).count < $0.count })
        #expect(
            data.cases(.test).contains { example in
                !Set(example.history.map { dataset.items[$0] }).isDisjoint(
                    with: example.targets.map { dataset.items[$0] }
                )
            }
        )
    }

    @Test("without weight diverse lists keep the metrics of the plain ones")
    func diversity() throws {
        let data = try SplitDataset(dataset, Self.splits[0])
        let categories = ItemCategories((0..<dataset.itemCount).map { [$0 % 3] })
        let outcome = try TopKEvaluator(data, seen: .exclude, block: 7)
            .evaluate(FixedScores(table), .test, diversity: Diversity(weight: 0, categories: categories))
        let found = try #require(outcome.diversity).diversified
        for name in ["recall@5", "ndcg@10", "map@10", "precision@2", "hit-rate@1"] {
            #expect(found[name] == outcome.metrics[name], "\(name)")
        }
    }

    private func experiment(_ split: String, metric: String) throws -> Experiment {
        let text = #"""
            {"model": {"name": "bpr-mf", "embedding_size": 8, "max_sequence_length": 8}, "split": \#(split),
             "training": {"epochs": 2, "metric": "\#(metric)", "loss": {"kind": "bpr", "negatives": 4}}}
            """#
        return try Experiment(tree(text))
    }

    @Test(
        "training selects by every metric, also by one that reports on one target leave out",
        arguments: ["hit-rate@5", "precision@5", "map@5", "calibrated-recall@5", "recall@5"]
    )
    func selection(_ metric: String) throws {
        for (name, split) in [
            ("several", #"{"kind": "leave-n-out", "targets": 3}"#), ("one", #"{"kind": "leave-one-out"}"#),
        ] {
            let run = RunDirectory(folder.file("\(name)-\(metric)"))
            try train(try experiment(split, metric: metric), on: dataset, to: run.url)
            let validation = try run.manifest().validation
            let value = try #require(RankingMetric.value(metric, in: validation), "\(name)")
            #expect(value > 0 && value <= 1, "\(name)")
            #expect(validation.keys.contains("hit-rate@5") == (name == "several"))
        }
    }

    @Test("reports, intervals and exports hold the targets of every user")
    func report() throws {
        let run = RunDirectory(folder.file("run"))
        try train(
            try experiment(#"{"kind": "leave-n-out", "targets": 3}"#, metric: "ndcg@10"),
            on: dataset,
            to: run.url
        )
        let trained = try run.open(data: dataset.url)
        let (report, result) = try trained.evaluate(.test)
        let expected = RankingMetrics(ranks: result.targetRanks)
        #expect(result.targetRanks.hasSeveral && report.users == result.targetRanks.count)
        for name in RankingMetrics.allNames {
            #expect(report.metrics[name] == expected[name], "\(name)")
            let interval = try #require(report.intervals[name], "\(name)")
            let value = try #require(expected[name])
            #expect(interval.lower <= value + 1e-12 && value <= interval.upper + 1e-12, "\(name)")
        }
        let target = folder.file("export")
        try trained.export(to: target, .test, weights: run.weights)
        let counts = result.targetRanks.map(\.count)
        let offsets = try Data(contentsOf: target.appendingPathComponent("target_offsets.npy"))
            .suffix(8 * (counts.count + 1))
        let ends = Data(offsets).withUnsafeBytes { Array($0.bindMemory(to: Int64.self)) }
        #expect(ends == counts.reduce(into: [0]) { $0.append($0[$0.count - 1] + Int64($1)) })
        #expect(result.targetRanks.flat.count == counts.reduce(0, +))
    }

    @Test("CTR models refuse several targets")
    func ranker() throws {
        let error = #expect(throws: ConfigurationError.self) {
            try CTRTask.split(dataset, .leaveNOut(targets: .count(2)))
        }
        #expect(error?.description.contains("several targets a user are for models that rank") == true)
    }
}
