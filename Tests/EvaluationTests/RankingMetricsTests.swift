// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeEvaluation
import Foundation
import Testing

/// Sums in another order may differ in the last bits only.
let rounding = 1e-12

@Suite("Ranking metrics")
struct RankingMetricsTests {
    @Test("hand-computed: ranks 1, 3, 11")
    func byHand() throws {
        let metrics = RankingMetrics(ranks: [1, 3, 11], cutoffs: [1, 2, 5, 10, 20])
        #expect(metrics["recall@1"] == 1.0 / 3)
        #expect(metrics["recall@2"] == 1.0 / 3)
        #expect(metrics["recall@10"] == 2.0 / 3)
        #expect(metrics["recall@20"] == 1)
        #expect(abs(try #require(metrics["mrr@10"]) - 0.444444444444444) < rounding)
        #expect(abs(try #require(metrics["mrr@20"]) - 0.474747474747475) < rounding)
        #expect(metrics["ndcg@1"] == 1.0 / 3)
        #expect(metrics["ndcg@5"] == 0.5)  // (1 + 1/log2(4)) / 3
        #expect(metrics["recall@50"] == nil && metrics["auc"] == nil)
    }

    @Test("agrees with the definition over ranked lists", arguments: 0..<20)
    func naive(_ seed: Int) throws {
        var generator = TestGenerator(state: UInt64(seed))
        let catalog = 200
        let ranks = (0..<Int.random(in: 1...50, using: &generator)).map { _ in
            Int.random(in: 1...catalog, using: &generator)
        }
        let metrics = RankingMetrics(ranks: ranks)
        for cutoff in [1, 2, 5, 10, 20, 50, 100] {
            var (recall, reciprocal, gain) = (0.0, 0.0, 0.0)
            for rank in ranks {
                var relevance = [Double](repeating: 0, count: catalog)
                relevance[rank - 1] = 1
                let top = relevance.prefix(cutoff)
                recall += top.reduce(0, +)
                reciprocal += top.firstIndex(of: 1).map { 1 / Double($0 + 1) } ?? 0
                gain += top.enumerated().reduce(0) { $0 + $1.element / log2(Double($1.offset + 2)) }
            }
            let count = Double(ranks.count)
            #expect(abs(try #require(metrics["recall@\(cutoff)"]) - recall / count) < rounding)
            #expect(abs(try #require(metrics["mrr@\(cutoff)"]) - reciprocal / count) < rounding)
            #expect(abs(try #require(metrics["ndcg@\(cutoff)"]) - gain / count) < rounding)
        }
    }

    @Test("is the mean of the per-user values, whatever the order of users")
    func perUser() throws {
        var generator = TestGenerator(state: 3)
        let ranks = (0..<500).map { _ in Int.random(in: 1...150, using: &generator) }
        let metrics = RankingMetrics(ranks: ranks)
        let shuffled = RankingMetrics(ranks: ranks.shuffled(using: &generator))
        for (name, value) in metrics.values {
            #expect(abs(perUserMetric(name, ranks: ranks).reduce(0, +) / 500 - value) < rounding)
            #expect(abs(try #require(shuffled[name]) - value) < rounding)
        }
    }

    @Test("names come in a fixed order")
    func order() {
        let names = RankingMetrics(ranks: [1]).values.map(\.name)
        #expect(names.count == 21)
        #expect(
            names.prefix(3) == ["recall@1", "recall@2", "recall@5"] && names[7] == "mrr@1" && names[20] == "ndcg@100"
        )
    }

    @Test("goes through JSON as one flat object, and back, past other keys")
    func json() throws {
        let metrics = RankingMetrics(ranks: [1, 2, 3, 70])
        let data = try JSONEncoder().encode(metrics)
        let flat = try JSONDecoder().decode([String: Double].self, from: data)
        #expect(flat == Dictionary(uniqueKeysWithValues: metrics.values.map { ($0.name, $0.value) }))
        #expect(try JSONDecoder().decode(RankingMetrics.self, from: data) == metrics)
        let mixed = Data(#"{"users":7,"ndcg@2":0.5,"model":"x","recall@10":0.25,"recall@2":0.125}"#.utf8)
        let values = try JSONDecoder().decode(RankingMetrics.self, from: mixed).values
        #expect(values.map(\.name) == ["recall@2", "recall@10", "ndcg@2"])
        #expect(values.map(\.value) == [0.125, 0.25, 0.5])
    }

    @Test("without users there are no values rather than zeros")
    func noUsers() {
        #expect(RankingMetrics(ranks: []).values.isEmpty)
        #expect(RankingMetrics(ranks: [])["recall@10"] == nil)
    }

    @Test(
        "accepts one spelling of a metric's name",
        arguments: [
            "recall", "recall@", "recall@0", "recall@-1", "recall@010", "recall@+1", "Recall@1", "hit@1", "recall@1@2",
            "",
            " recall@1", "recall@99999999999999999999",
        ]
    )
    func names(_ name: String) {
        #expect(RankingMetric(name) == nil)
        #expect(RankingMetric("ndcg@10") == RankingMetric(.ndcg, at: 10))
    }

    @Test("ties count against the model, excluded items do not count, NaN is an error")
    func ranks() throws {
        #expect(try rank(of: 1, in: [0.5, 0.7, 0.1]) == 1)
        #expect(try rank(of: 0, in: [0.5, 0.7, 0.5]) == 3)
        #expect(try rank(of: 0, in: [0, 0, 0, 0]) == 4)
        #expect(try rank(of: 0, in: [0.5, 0.7, 0.5], excluding: [1]) == 2)
        #expect(try rank(of: 0, in: [0.5, .nan, 0.7], excluding: [0, 1]) == 2)
        #expect(try rank(of: 0, in: [-.infinity, .infinity]) == 2)
        let error = #expect(throws: EvaluationError.self) { try rank(of: 0, in: [0.5, .nan]) }
        #expect(error?.reason == .notANumber)
        #expect(throws: EvaluationError.self) { try rank(of: 0, in: [.nan, 0.5], excluding: [0]) }
    }
}

/// Reproducible random numbers for generated test inputs (Marsaglia's xorshift64).
struct TestGenerator: RandomNumberGenerator {
    var state: UInt64

    init(state: UInt64) { self.state = state &* 0x9E37_79B9_7F4A_7C15 | 1 }

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }
}
