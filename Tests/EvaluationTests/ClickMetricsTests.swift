// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Evaluation

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

        func grouped(_ groups: [Int]) -> Double? {
            let all = Set(groups).map { group in groups.indices.filter { groups[$0] == group } }
            let areas = all.compactMap { members in area(members).map { ($0, Double(members.count)) } }
            let size = areas.reduce(0) { $0 + $1.1 }
            return size == 0 ? nil : areas.reduce(0) { $0 + $1.0 * $1.1 } / size
        }
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
                ("gauc-category", sample.grouped(sample.categories)),
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
        #expect(ClickMetrics.names.map { ClickMetrics.direction(of: $0) } == [1, 1, 1, 1, -1, -1, nil])
        #expect(ClickMetrics.direction(of: "recall@20") == 1)
        #expect(ClickMetrics.selecting.allSatisfy { ClickMetrics.direction(of: $0) == 1 })
    }

    @Test("NaN is refused, and so is what is no probability", arguments: [Float.nan, 1.5, -0.1])
    func hostile(_ value: Float) {
        #expect(throws: EvaluationError.self) {
            try ClickMetrics(probabilities: [0.5, value], labels: [true, false], requests: [0, 0])
        }
    }
}
