// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeEvaluation
import Testing

@Suite("Recommendation statistics")
struct RecommendationStatisticsTests {
    @Test("hand-computed on two lists")
    func byHand() {
        var statistics = RecommendationStatistics(trainingCounts: [10, 4, 1, 0])
        statistics.add(list: [0, 1])
        statistics.add(list: [0, 2])
        #expect(statistics.coverage == 0.75)
        #expect(statistics.meanPopularity == (10 + 4 + 10 + 1) / 4.0)
        // Sorted 0, 1, 1, 2: (-3*0 - 1*1 + 1*1 + 3*2) / (4 * 4).
        #expect(statistics.gini == 6.0 / 16)
        #expect(statistics.slotCount == 4)
    }

    @Test("equal shares have Gini 0, and one item taking all of n has (n - 1) / n")
    func extremes() {
        var equal = RecommendationStatistics(trainingCounts: [1, 1, 1])
        for item in 0..<3 { equal.add(list: [item]) }
        #expect(equal.gini == 0 && equal.coverage == 1)
        var single = RecommendationStatistics(trainingCounts: [1, 1, 1, 1])
        single.add(list: [2])
        single.add(list: [2])
        #expect(single.gini == 0.75 && single.coverage == 0.25)
    }

    @Test("Gini agrees with the mean absolute difference", arguments: 1..<10)
    func naive(_ seed: Int) {
        var generator = TestGenerator(state: UInt64(seed))
        var statistics = RecommendationStatistics(trainingCounts: [Int](repeating: 1, count: 12))
        var counts = [Double](repeating: 0, count: 12)
        for _ in 0..<40 {
            let item = Int.random(in: 0..<12, using: &generator) * Int.random(in: 0...1, using: &generator)
            statistics.add(list: [item])
            counts[item] += 1
        }
        let differences = counts.reduce(0) { sum, x in sum + counts.reduce(0) { $0 + abs($1 - x) } }
        #expect(abs(statistics.gini - differences / (2 * 12 * 40)) < rounding)
    }

    @Test("without lists everything is 0")
    func empty() {
        let statistics = RecommendationStatistics(trainingCounts: [3])
        #expect(statistics.coverage == 0 && statistics.meanPopularity == 0 && statistics.gini == 0)
        #expect(RecommendationStatistics(trainingCounts: []).coverage == 0)
    }
}
