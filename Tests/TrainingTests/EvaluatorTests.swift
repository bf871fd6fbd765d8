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

@Suite("TopKEvaluator")
struct EvaluatorTests {
    let folder: TemporaryFolder
    let data: SplitDataset
    let tied: FixedScores

    /// Histories with repeated items, and scores of which many are equal.
    init() throws {
        folder = try TemporaryFolder()
        var random = SplitMix64(seed: 5)
        let histories = (0..<23).map { user in
            (0..<(3 + user % 9)).map { _ in "i\(Int.random(in: 0..<14, using: &random))" }
        }
        data = try SplitDataset(folder.histories(histories), .leaveOneOut)
        let items = data.dataset.itemCount
        tied = try FixedScores(Self.scores(users: 23, items: items) { Double(Int.random(in: 0..<5, using: &random)) })
    }

    static func scores(users: Int, items: Int, _ draw: () -> Double) -> [[Double]] {
        (0..<users).map { _ in (0..<items).map { _ in draw() } }
    }

    /// Rank by its definition, with the candidates written out.
    private func naiveRank(_ scores: [Double], _ example: EvaluationCase, _ seen: SeenPolicy) -> Int {
        let items = data.dataset.items
        let target = Int(items[example.target])
        let history = Set(example.history.map { Int(items[$0]) })
        let others = scores.indices.filter { $0 != target && !(seen == .exclude && history.contains($0)) }
        return 1 + others.count { scores[$0] >= scores[target] }
    }

    @Test(
        "ranks as the definition says, whatever the block",
        arguments: SeenPolicy.allCases,
        [Part.validation, .test]
    )
    func ranks(seen: SeenPolicy, part: Part) throws {
        let table = try tied.allScores(users: data.dataset.userCount)
        let cases = data.cases(part)
        let expected = cases.map { naiveRank(table[$0.user.rawValue], $0, seen) }
        #expect(Set(expected).count > 3)
        for block in [1, 4, 256] {
            let outcome = try TopKEvaluator(data, seen: seen, block: block).evaluate(tied, part)
            #expect(outcome.ranks == expected, "block \(block)")
        }
        // Some targets are in their own history, and stay candidates there.
        let items = data.dataset.items
        #expect(cases.contains { example in example.history.contains { items[$0] == items[example.target] } })
    }

    @Test("tells every case's best items, whatever the block")
    func listing() throws {
        let table = try tied.allScores(users: data.dataset.userCount)
        let cases = data.cases(.test)
        for block in [4, 256] {
            var lists: [Int: [Int]] = [:]
            _ = try TopKEvaluator(data, seen: .exclude, block: block)
                .evaluate(tied, .test, listing: (3, { lists[$0] = $1 }))
            #expect(lists.count == cases.count)
            for (place, example) in cases.enumerated() {
                let scores = table[example.user.rawValue]
                let history = Set(example.history.map { Int(data.dataset.items[$0]) })
                let open = scores.indices.filter {
                    !history.contains($0) || $0 == Int(data.dataset.items[example.target])
                }
                let best = open.map { scores[$0] }.sorted(by: >).prefix(3)
                #expect(lists[place]?.map { scores[$0] } == Array(best), "block \(block)")
            }
        }
    }

    @Test("reports lists that do not depend on the block and agree with a count by hand")
    func lists() throws {
        var random = SplitMix64(seed: 9)
        let items = data.dataset.itemCount
        let table = Self.scores(users: data.dataset.userCount, items: items) { .random(in: 0..<1, using: &random) }
        let model = try FixedScores(table)
        let counts = data.trainingItemCounts()
        var slots: [Int] = []
        for example in data.cases(.test) {
            let target = Int(data.dataset.items[example.target])
            let history = Set(example.history.map { Int(data.dataset.items[$0]) }).subtracting([target])
            let scores = table[example.user.rawValue]
            let ranked = scores.indices.filter { !history.contains($0) }.sorted { scores[$0] > scores[$1] }
            slots += ranked.prefix(TopKEvaluator.listLength)
        }
        for block in [1, 7, 256] {
            let lists = try TopKEvaluator(data, seen: .exclude, block: block).evaluate(model, .test).lists
            #expect(lists.slotCount == slots.count)
            #expect(lists.coverage == Double(Set(slots).count) / Double(items))
            #expect(
                abs(lists.meanPopularity - Double(slots.map { counts[$0] }.reduce(0, +)) / Double(slots.count)) < 1e-12
            )
        }
    }

    @Test("without weight diverse lists have the metrics of the plain ones, whatever the block; with it, more variety")
    func diversity() throws {
        let categories = ItemCategories((0..<data.dataset.itemCount).map { [$0 % 3] })
        for block in [1, 7, 256] {
            let evaluator = TopKEvaluator(data, seen: .exclude, block: block)
            let neutral = Diversity(weight: 0, categories: categories)
            let outcome = try evaluator.evaluate(tied, .test, diversity: neutral)
            let found = try #require(outcome.diversity)
            for name in ["recall@1", "recall@5", "ndcg@10", "mrr@20"] {
                #expect(found.diversified[name] == outcome.metrics[name], "\(name)")
            }
            #expect(found.diversified["diversity@10"] == found.plain["diversity@10"])
            let strong = Diversity(weight: 10, categories: categories)
            let varied = try #require(try evaluator.evaluate(tied, .test, diversity: strong).diversity)
            #expect(try #require(varied.diversified["diversity@10"]) >= #require(found.plain["diversity@10"]))
            #expect(varied.diversified["recall@1"] == outcome.metrics["recall@1"])  // the first item stays
        }
    }

    @Test("ranks an even share of the users when there is a limit")
    func limit() throws {
        let evaluator = TopKEvaluator(data, seen: .include)
        let all = try evaluator.evaluate(tied, .test).ranks
        let some = try evaluator.evaluate(tied, .test, limit: 4).ranks
        #expect(some == [0, 1, 2, 3].map { all[$0 * all.count / 4] })
        #expect(try evaluator.evaluate(tied, .test, limit: 1000).ranks == all)
    }

    @Test("refuses a score that is not a number")
    func notANumber() throws {
        var table = try tied.allScores(users: data.dataset.userCount)
        table[7][2] = .nan
        let model = try FixedScores(table)
        let error = #expect(throws: DivergenceError.self) {
            try TopKEvaluator(data, seen: .exclude).evaluate(model, .test)
        }
        #expect(try #require(error).description.contains("not a number"))
    }

    @Test("says when a part has nobody to rank for")
    func emptyPart() throws {
        let split = try SplitDataset(data.dataset, .byUser(validation: 0.4, test: 0, seed: 1))
        let error = #expect(throws: DatasetError.self) {
            try TopKEvaluator(split, seen: .exclude).evaluate(tied, .test)
        }
        #expect(try #require(error).reason == .noEvaluationCases)
    }

    @Test("recommends what scores highest and was not met, and no more than there is")
    func recommendations() throws {
        let items = data.dataset.itemCount
        let model = try FixedScores([[Double]](repeating: (0..<items).map { -Double($0) }, count: 23))
        let example = try #require(data.cases(.test).last)
        let met = Set(example.history.map { Int(data.dataset.items[$0]) })
        let expected = (0..<items).filter { !met.contains($0) }
        let found = try TopKEvaluator(data, seen: .exclude).recommend(model, for: example, count: 3)
        #expect(found.map(\.item.rawValue) == Array(expected.prefix(3)))
        #expect(found.map(\.score) == expected.prefix(3).map { -Double($0) })
        #expect(
            try TopKEvaluator(data, seen: .exclude).recommend(model, for: example, count: 500).count == expected.count
        )
        #expect(try TopKEvaluator(data, seen: .include).recommend(model, for: example, count: 500).count == items)
    }

    @Test("ranks by popularity as counted by hand")
    func popularity() throws {
        // Training leaves a, a, a, b, b, c; d and e are unseen and tie.
        let dataset = try folder.histories(
            [["a", "b", "c", "d"], ["a", "b", "d", "c"], ["a", "c", "b", "e"]],
            name: "counted"
        )
        let data = try SplitDataset(dataset, .leaveOneOut)
        #expect(data.trainingItemCounts() == [3, 2, 1, 0, 0])
        let model = try Popularity(.init(), for: .init(users: 3, items: 5), using: Generator(seed: 1))
        try model.fit(to: data)
        let outcome = try TopKEvaluator(data, seen: .exclude).evaluate(model, .test)
        #expect(outcome.ranks == [2, 1, 2])
        #expect(outcome.metrics["recall@1"] == 1 / 3.0)
        #expect(outcome.metrics["mrr@2"] == 2 / 3.0)
        #expect(try TopKEvaluator(data, seen: .include).evaluate(model, .test).ranks == [5, 3, 5])
        #expect(try TopKEvaluator(data, seen: .exclude).evaluate(model, .validation).ranks == [1, 3, 1])
    }
}

extension FixedScores {
    /// `[U][N]`.
    func allScores(users: Int) throws -> [[Double]] {
        let host = HostBatch(
            rows: users,
            length: 1,
            items: .init(repeating: 1, count: users),
            times: .init(repeating: 0, count: users),
            lengths: .init(repeating: 1, count: users),
            targets: .init(repeating: 1, count: users),
            users: (0..<Int32(users)).map { $0 }
        )
        let values = try scores(Batch(host, noiseSeed: 0)).doubles()
        let width = values.count / users
        return (0..<users).map { Array(values[$0 * width..<($0 + 1) * width]) }
    }
}
