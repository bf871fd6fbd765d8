// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeEvaluation
import Foundation
import Testing

/// Metrics of users with several targets each.
@Suite("Ranking metrics of several targets")
struct SeveralTargetsTests {
    @Test("hand-computed: targets at 2, 3 and 7")
    func byHand() throws {
        func value(_ kind: RankingMetric.Kind, _ cutoff: Int) -> Double {
            RankingMetric(kind, at: cutoff).value(ranks: [2, 3, 7])
        }
        #expect(value(.hitRate, 1) == 0 && value(.hitRate, 2) == 1)
        #expect(value(.recall, 2) == 1.0 / 3 && value(.recall, 5) == 2.0 / 3 && value(.recall, 10) == 1)
        // Of one place, one target is possible; of two places, two.
        #expect(value(.calibratedRecall, 2) == 0.5 && value(.calibratedRecall, 5) == 2.0 / 3)
        #expect(value(.precision, 2) == 0.5 && value(.precision, 5) == 0.4 && value(.precision, 10) == 0.3)
        #expect(value(.mrr, 1) == 0 && value(.mrr, 10) == 0.5)
        #expect(value(.map, 2) == 0.25)  // (1/2) / min(2, 3)
        #expect(abs(value(.map, 10) - (1.0 / 2 + 2.0 / 3 + 3.0 / 7) / 3) < rounding)
        let ideal = 1 + 1 / log2(3.0) + 0.5
        #expect(abs(value(.ndcg, 5) - (1 / log2(3.0) + 0.5) / ideal) < rounding)
        #expect(abs(value(.ndcg, 10) - (1 / log2(3.0) + 0.5 + 1.0 / 3) / ideal) < rounding)
        #expect(abs(value(.ndcg, 2) - (1 / log2(3.0)) / (1 + 1 / log2(3.0))) < rounding)
    }

    @Test("targets at the top give 1, and none in the list gives 0", arguments: RankingMetric.Kind.allCases)
    func extremes(_ kind: RankingMetric.Kind) {
        for cutoff in [1, 3, 5] {
            let best = RankingMetric(kind, at: cutoff).value(ranks: [1, 2, 3])
            let expected =
                switch kind {
                case .recall: Double(min(cutoff, 3)) / 3
                case .precision: Double(min(cutoff, 3)) / Double(cutoff)
                default: 1.0
                }
            #expect(abs(best - expected) < rounding, "\(kind)@\(cutoff)")
            #expect(RankingMetric(kind, at: cutoff).value(ranks: [cutoff + 1, cutoff + 9]) == 0)
        }
    }

    @Test("agrees with the definitions over ranked lists", arguments: 0..<20)
    func naive(_ seed: Int) throws {
        var generator = TestGenerator(state: UInt64(seed))
        let catalog = 60
        let users = (0..<Int.random(in: 2...30, using: &generator)).map { user in
            Array((1...catalog).shuffled(using: &generator).prefix(user == 0 ? 2 : 1 + user % 12))
        }
        let metrics = RankingMetrics(ranks: TargetRanks(users))
        #expect(metrics.values.map(\.name) == RankingMetrics.allNames)
        for cutoff in RankingMetrics.cutoffs {
            var sums: [RankingMetric.Kind: Double] = [:]
            for user in users {
                let list = (1...catalog).map { user.contains($0) }
                let top = list.prefix(cutoff)
                let hits = Double(top.count { $0 })
                let possible = Double(min(cutoff, user.count))
                sums[.recall, default: 0] += hits / Double(user.count)
                sums[.calibratedRecall, default: 0] += hits / possible
                sums[.precision, default: 0] += hits / Double(cutoff)
                sums[.hitRate, default: 0] += top.contains(true) ? 1 : 0
                sums[.mrr, default: 0] += top.firstIndex(of: true).map { 1 / Double($0 + 1) } ?? 0
                var (precisions, gain, ideal) = (0.0, 0.0, 0.0)
                for place in 0..<min(cutoff, catalog) {
                    let discount = 1 / log2(Double(place) + 2)
                    ideal += place < user.count ? discount : 0
                    guard list[place] else { continue }
                    gain += discount
                    precisions += Double(list[...place].count { $0 }) / Double(place + 1)
                }
                sums[.map, default: 0] += precisions / possible
                sums[.ndcg, default: 0] += gain / ideal
            }
            #expect(sums.count == RankingMetric.Kind.allCases.count)
            for (kind, sum) in sums {
                let name = "\(kind.rawValue)@\(cutoff)"
                #expect(abs(try #require(metrics[name]) - sum / Double(users.count)) < rounding, "\(name)")
                let each = perUserMetric(name, ranks: TargetRanks(users))
                #expect(abs(each.reduce(0, +) - sum) < 1e-9)
            }
        }
    }

    @Test("with one target each the old metrics are the same bits, and the others follow from them")
    func oneTarget() throws {
        var generator = TestGenerator(state: 8)
        let ranks = (0..<300).map { _ in Int.random(in: 1...150, using: &generator) }
        let metrics = RankingMetrics(ranks: ranks)
        #expect(RankingMetrics(ranks: TargetRanks(ranks.map { [$0] })) == metrics)
        let report = Dictionary(uniqueKeysWithValues: metrics.values.map { ($0.name, $0.value) })
        #expect(report.count == 21)
        for name in RankingMetrics.allNames {
            let expected = perUserMetric(name, ranks: ranks).reduce(0, +) / 300
            let found = try #require(RankingMetric.value(name, in: report), "\(name)")
            #expect(abs(found - expected) < rounding, "\(name)")
        }
        #expect(RankingMetric.value("hit-rate@10", in: report) == report["recall@10"])
        #expect(RankingMetric.value("hit-rate@7", in: report) == nil)
        #expect(RankingMetric.value("auc", in: ["auc": 0.7]) == 0.7 && RankingMetric.value("auc", in: report) == nil)
        // A report on several targets says for itself what it holds.
        #expect(RankingMetric.value("map@10", in: ["hit-rate@10": 0.5, "mrr@10": 0.25]) == nil)
    }

    @Test("ranks keep their users, in memory and in JSON")
    func ranks() throws {
        var ranks: TargetRanks = [4, 9]
        #expect(!ranks.hasSeveral && ranks.flat == [4, 9] && ranks.map(Array.init) == [[4], [9]])
        ranks.append([7, 2, 5])
        ranks.append([1])
        #expect(ranks.hasSeveral && ranks.map(Array.init) == [[4], [9], [2, 5, 7], [1]])
        for (value, text) in [(ranks, "[[4],[9],[2,5,7],[1]]"), ([4, 9], "[4,9]"), ([], "[]")] {
            let data = try JSONEncoder().encode(value)
            #expect(String(decoding: data, as: UTF8.self) == text)
            #expect(try JSONDecoder().decode(TargetRanks.self, from: data) == value)
        }
    }

    @Test("without weight diverse lists keep the metrics of several targets")
    func diversity() {
        let categories = ItemCategories((0..<60).map { [$0 % 3] })
        let candidates = (0..<60).map { (item: $0, score: Double(60 - $0)) }
        var statistics = DiversityStatistics(Diversity(weight: 0, categories: categories))
        statistics.add(candidates, targets: [(item: 9, rank: 10), (item: 0, rank: 1), (item: 55, rank: 56)])
        let expected = RankingMetrics(ranks: TargetRanks([[1, 10, 56]]))
        for name in ["recall@10", "recall@50", "ndcg@20", "map@10", "precision@5"] {
            #expect(statistics.diversified[name] == expected[name], "\(name)")
        }
    }
}
