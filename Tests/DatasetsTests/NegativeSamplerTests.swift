// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import Foundation
import Testing

@Suite("Negative samplers")
struct NegativeSamplerTests {
    /// How far the draws are from the sampler's probabilities: the chi-square statistic in standard deviations.
    private func deviation(_ sampler: some NegativeSampler, items: Int, seed: UInt64) -> Double {
        var generator = SplitMix64(seed: seed)
        let draws = 40_000
        var counts = [Int](repeating: 0, count: items + 1)
        for item in sampler.sample(draws, using: &generator) { counts[Int(item)] += 1 }
        var (statistic, freedom) = (0.0, -1.0)
        for item in 1...items {
            let expected = Double(draws) * sampler.probability(of: item)
            if expected == 0 {
                #expect(counts[item] == 0)
                continue
            }
            statistic += pow(Double(counts[item]) - expected, 2) / expected
            freedom += 1
        }
        #expect(counts[0] == 0)
        return freedom < 1 ? 0 : (statistic - freedom) / (2 * freedom).squareRoot()
    }

    /// A chance of about one in ten thousand for each seed, which is fixed.
    private let limit = 4.0

    @Test("uniform draws are uniform", arguments: [1, 2, 7, 100])
    func uniform(_ items: Int) {
        let sampler = UniformNegatives(itemCount: items)
        #expect(abs(deviation(sampler, items: items, seed: 1)) < limit)
        #expect(abs((1...items).reduce(0) { $0 + sampler.probability(of: $1) } - 1) < 1e-12)
    }

    @Test(
        "popular items are drawn in proportion to the power of their count",
        arguments: [
            [5], [1, 1], [0, 3, 0, 1], [1, 10, 100, 1000], (1...300).map { 5000 / $0 }, [0, 0, 7],
            [Int](repeating: 3, count: 9),
        ],
        [0, 0.5, 1, 2]
    )
    func popularity(_ counts: [Int], _ exponent: Double) throws {
        let sampler = try PopularityNegatives(counts: counts, exponent: exponent)
        let total = counts.reduce(0) { $0 + pow(Double($1), exponent) }
        for (item, count) in counts.enumerated() {
            #expect(abs(sampler.probability(of: item + 1) - pow(Double(count), exponent) / total) < 1e-12)
        }
        #expect(abs((1...counts.count).reduce(0) { $0 + sampler.probability(of: $1) } - 1) < 1e-12)
        #expect(abs(deviation(sampler, items: counts.count, seed: 2)) < limit)
    }

    @Test("refuses counts and exponents without a distribution")
    func refusals() {
        func reason(_ counts: [Int], _ exponent: Double) -> DatasetError.Reason? {
            #expect(throws: DatasetError.self) { try PopularityNegatives(counts: counts, exponent: exponent) }?.reason
        }
        #expect(reason([], 1) == .empty)
        #expect(reason([0, 0], 1) == .empty)
        #expect(reason([1, -1], 1) == .badOption)
        #expect(reason([1], .nan) == .badOption)
    }

    @Test("the same seed draws the same items")
    func deterministic() throws {
        let sampler = try PopularityNegatives(counts: [4, 1, 9, 2], exponent: 0.75)
        var (first, second) = (SplitMix64(seed: 6), SplitMix64(seed: 6))
        #expect(sampler.sample(50, using: &first) == sampler.sample(50, using: &second))
        #expect(sampler.sample(50, using: &first) == sampler.sample(50, using: &second))
    }
}
