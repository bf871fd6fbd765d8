// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import CascadeEvaluation

@Suite("Click metrics")
struct ClickMetricsTests {
    /// Requests of 1 to 5 candidates whose scores come from few values, so that many are equal.
    private struct Sample {
        var scores: [Float] = []
        var labels: [Bool] = []
        var requests: [Int] = []
        var categories: [Int] = []

        init(seed: UInt64) {
            var random = ResamplingGenerator(seed: seed)
            let values = 1 + random.index(below: 12)
            for request in 0..<(1 + random.index(below: 8)) {
                for _ in 0...random.index(below: 5) {
                    scores.append(Float(random.index(below: values)) / Float(values))
                    labels.append(random.index(below: 3) == 0)
                    requests.append(request)
                    categories.append(random.index(below: 3))
                }
            }
        }

        /// Every pair of a positive and a negative candidate that a test lets through, one by one.
        func area(_ members: [Int]) -> Double? {
            var (wins, pairs) = (0.0, 0.0)
            for a in members where labels[a] {
                for b in members where !labels[b] {
                    pairs += 1
                    wins += scores[a] > scores[b] ? 1 : scores[a] == scores[b] ? 0.5 : 0
                }
            }
            return pairs == 0 ? nil : wins / pairs
        }

        func mean(_ groups: [Int]) -> Double? {
            let all = Set(groups).map { group in groups.indices.filter { groups[$0] == group } }
            let areas = all.compactMap { area($0) }
            return areas.isEmpty ? nil : areas.reduce(0, +) / Double(areas.count)
        }

        func grouped(_ groups: [Int]) -> Double? {
            let all = Set(groups).map { group in groups.indices.filter { groups[$0] == group } }
            let areas = all.compactMap { members in area(members).map { ($0, Double(members.count)) } }
            let size = areas.reduce(0) { $0 + $1.1 }
            return size == 0 ? nil : areas.reduce(0) { $0 + $1.0 * $1.1 } / size
        }
    }

    @Test("log-odds order candidates whose probabilities are the same in single precision")
    func logits() throws {
        let logits: [Float] = [30, 31, 32, -200, -201]
        let labels = [false, true, true, true, false]
        let requests = [0, 0, 0, 1, 1]
        let metrics = try ClickMetrics(logits: logits, labels: labels, requests: requests)
        // Every pair within a request is in order; over all, the first candidate is before the fourth.
        #expect(metrics.values["gauc"] == 1 && metrics.values["gauc-mean"] == 1)
        #expect(metrics.values["auc"] == 5.0 / 6)
        let coarse = try ClickMetrics(
            probabilities: logits.map { 1 / (1 + exp(-$0)) },
            labels: labels,
            requests: requests
        )
        #expect(coarse.values["gauc"] == 0.5 && coarse.values["logloss"] == metrics.values["logloss"])
        let bought = try ClickMetrics(
            logits: logits,
            labels: labels,
            requests: requests,
            purchases: (logits.map { -$0 }, labels)
        )
        #expect(bought.values["purchase-gauc"] == 0 && bought.values["gauc"] == 1)
    }

    @Test("areas agree with counting every pair, on thousands of cases with ties and groups of one label")
    func areas() throws {
        for seed in 0..<3000 {
            let sample = Sample(seed: UInt64(seed))
            let metrics = try ClickMetrics(
                probabilities: sample.scores,
                labels: sample.labels,
                requests: sample.requests,
                categories: sample.categories
            )
            let all = Array(sample.scores.indices)
            for (name, expected) in [
                ("auc", sample.area(all)), ("gauc", sample.grouped(sample.requests)),
                ("gauc-category", sample.grouped(sample.categories)), ("gauc-mean", sample.mean(sample.requests)),
            ] {
                let found = metrics.values[name]
                #expect((found == nil) == (expected == nil), "\(name), case \(seed)")
                if let found, let expected { #expect(abs(found - expected) < 1e-12, "\(name), case \(seed)") }
            }
        }
    }

    @Test("what requests add has the metric as its mean")
    func shares() throws {
        for seed in 0..<300 {
            let sample = Sample(seed: UInt64(seed))
            let metrics = try ClickMetrics(
                probabilities: sample.scores,
                labels: sample.labels,
                requests: sample.requests
            )
            for (name, values) in metrics.perRequest {
                let mean = values.reduce(0, +) / Double(values.count)
                #expect(abs(mean - (metrics.values[name] ?? .nan)) < 1e-9, "\(name), case \(seed)")
            }
            #expect((metrics.perRequest["auc"] == nil) == (metrics.values["auc"] == nil))
        }
    }

    @Test("a hand-made case")
    func byHand() throws {
        let metrics = try ClickMetrics(
            probabilities: [0.9, 0.2, 0.4, 0.4],
            labels: [true, false, true, false],
            requests: [0, 0, 1, 1]
        )
        #expect(metrics.values["auc"] == 0.875)  // 0.9 wins twice, 0.4 wins once and ties once
        #expect(metrics.values["gauc"] == 0.75)  // 1 and 1/2
        #expect(metrics.values["accuracy"] == 0.75)
        #expect(abs((metrics.values["calibration"] ?? 0) - 0.95) < 1e-6)
    }

    @Test("areas are best high, losses low, calibration at one")
    func directions() {
        let clicks: [Double?] = [1, 1, 1, 1, 1, 1, 1, -1, -1, nil]
        #expect(ClickMetrics.names.map { ClickMetrics.direction(of: $0) } == clicks + [1, 1, -1, -1])
        #expect(ClickMetrics.direction(of: "recall@20") == 1)
        #expect(ClickMetrics.selecting.allSatisfy { ClickMetrics.direction(of: $0) == 1 })
        #expect(ClickMetrics.selecting.allSatisfy { RankingMetric($0) == nil })
    }

    @Test("ranks within requests agree with ranking one clicked candidate after another")
    func ranks() throws {
        for seed in 0..<3000 {
            let sample = Sample(seed: UInt64(seed))
            let metrics = try ClickMetrics(
                probabilities: sample.scores,
                labels: sample.labels,
                requests: sample.requests
            )
            let requests = try (0...(sample.requests.max() ?? 0)).map { request in
                let members = sample.requests.indices.filter { sample.requests[$0] == request }
                let scores = members.map { sample.scores[$0] }
                return try members.indices.filter { sample.labels[members[$0]] }
                    .map { try rank(of: $0, in: scores) }.sorted()
            }
            let scored = requests.filter { !$0.isEmpty }
            let count = Double(scored.count)
            guard count > 0 else {
                #expect(metrics.values["mrr"] == nil && metrics.values["ndcg@10"] == nil)
                continue
            }
            let mrr = scored.reduce(0) { $0 + 1 / Double($1[0]) } / count
            let gain = scored.reduce(0) { sum, ranks in
                let found = ranks.filter { $0 <= 10 }.reduce(0) { $0 + 1 / log2(Double($1) + 1) }
                return sum + found / (1...min(ranks.count, 10)).reduce(0) { $0 + 1 / log2(Double($1) + 1) }
            }
            #expect(abs((metrics.values["mrr"] ?? .nan) - mrr) < 1e-12, "case \(seed)")
            #expect(abs((metrics.values["ndcg@10"] ?? .nan) - gain / count) < 1e-12, "case \(seed)")
        }
    }

    @Test("ranks by hand: one candidate alone, a tie, two chosen of thirteen, a request without a choice")
    func ranksByHand() throws {
        // Request 0 is chosen and alone; 1 ties with what was not chosen; 3 has clicked candidates at 1 and 12 of 13.
        let long = (0..<13).map { Float(13 - $0) / 20 }
        let metrics = try ClickMetrics(
            probabilities: [0.5, 0.3, 0.3, 0.9] + long,
            labels: [true, true, false, false] + (0..<13).map { $0 == 0 || $0 == 11 },
            requests: [0, 1, 1, 2] + [Int](repeating: 3, count: 13)
        )
        let second = 1 / log2(3.0)
        let gain = (1 + second + 1 / (1 + second)) / 3
        #expect(metrics.values["mrr"] == 2.5 / 3)
        #expect(abs((metrics.values["ndcg@10"] ?? 0) - gain) < 1e-12)
        // Three of four requests count: the distance of each from the metric, 5/6, weighs 4/3.
        let mean = 5.0 / 6
        let expected: [Double] = [mean + 2.0 / 9, mean - 4.0 / 9, mean, mean + 2.0 / 9]
        let found = try #require(metrics.perRequest["mrr"])
        #expect(zip(found, expected).allSatisfy { abs($0 - $1) < 1e-12 })
    }

    @Test("where every request has a choice, each adds its own value")
    func ownValues() throws {
        let metrics = try ClickMetrics(
            probabilities: [0.1, 0.2, 0.8, 0.3],
            labels: [true, false, true, false],
            requests: [0, 0, 1, 1]
        )
        #expect(metrics.perRequest["mrr"] == [0.5, 1])
        #expect(metrics.perRequest["ndcg@10"] == [1 / log2(3.0), 1])
    }

    @Test("purchases are scored beside clicks as clicks would be, and only when asked for")
    func purchases() throws {
        for seed in 0..<300 {
            let (clicks, bought) = (Sample(seed: UInt64(seed)), Sample(seed: UInt64(seed) + 10_000))
            let count = min(clicks.scores.count, bought.scores.count)
            let requests = Array(clicks.requests.prefix(count))
            let purchases = (Array(bought.scores.prefix(count)), Array(bought.labels.prefix(count)))
            let plain = try ClickMetrics(
                probabilities: Array(clicks.scores.prefix(count)),
                labels: Array(clicks.labels.prefix(count)),
                requests: requests
            )
            let both = try ClickMetrics(
                probabilities: Array(clicks.scores.prefix(count)),
                labels: Array(clicks.labels.prefix(count)),
                requests: requests,
                purchases: purchases
            )
            let alone = try ClickMetrics(probabilities: purchases.0, labels: purchases.1, requests: requests)
            #expect(plain.values.keys.allSatisfy { !$0.hasPrefix("purchase-") })
            #expect(plain.values.allSatisfy { both.values[$0.key] == $0.value })
            for name in ["auc", "gauc", "logloss", "ece"] {
                #expect(both.values["purchase-\(name)"] == alone.values[name])
                #expect(both.perRequest["purchase-\(name)"] == alone.perRequest[name])
            }
            #expect(both.values.keys.allSatisfy(ClickMetrics.names.contains))
        }
    }

    @Test("without candidates there are no values")
    func empty() throws {
        let metrics = try ClickMetrics(probabilities: [], labels: [], requests: [])
        #expect(metrics.values.isEmpty)
    }

    @Test("NaN is refused, and so is what is no probability", arguments: [Float.nan, 1.5, -0.1])
    func hostile(_ value: Float) {
        #expect(throws: EvaluationError.self) {
            try ClickMetrics(probabilities: [0.5, value], labels: [true, false], requests: [0, 0])
        }
    }
}
