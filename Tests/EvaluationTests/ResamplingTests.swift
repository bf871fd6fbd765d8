// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeEvaluation
import Foundation
import Testing

@Suite("Bootstrap intervals")
struct BootstrapTests {
    @Test("one seed, one interval; another seed, another")
    func deterministic() {
        var generator = TestGenerator(state: 1)
        let values = (0..<100).map { _ in Double.random(in: 0...1, using: &generator) }
        let interval = Bootstrap.interval(of: values, seed: 7)
        #expect(interval == Bootstrap.interval(of: values, seed: 7))
        #expect(interval != Bootstrap.interval(of: values, seed: 8))
        #expect(interval.level == 0.95)
    }

    @Test("shared resamples give each metric the interval it has alone")
    func shared() {
        var generator = TestGenerator(state: 2)
        let columns = (0..<3).map { _ in (0..<50).map { _ in Double.random(in: 0...1, using: &generator) } }
        let together = Bootstrap.intervals(of: columns, samples: 200, level: 0.9, seed: 5)
        #expect(together == columns.map { Bootstrap.interval(of: $0, samples: 200, level: 0.9, seed: 5) })
        #expect(Bootstrap.intervals(of: [], seed: 1).isEmpty)
    }

    @Test("agrees with the normal approximation where that holds")
    func normal() {
        var generator = TestGenerator(state: 3)
        let values = (0..<2_000).map { _ in Bool.random(using: &generator) ? 1.0 : 0.0 }
        let mean = values.reduce(0, +) / 2_000
        let halfWidth = 1.96 * (mean * (1 - mean) / 2_000).squareRoot()
        let interval = Bootstrap.interval(of: values, samples: 1_000, seed: 11)
        // A bound estimated from 1,000 resamples is off by about a tenth of the half width.
        #expect(abs(interval.lower - (mean - halfWidth)) < 0.2 * halfWidth)
        #expect(abs(interval.upper - (mean + halfWidth)) < 0.2 * halfWidth)
    }

    @Test("covers the true mean about as often as it says")
    func coverage() {
        var generator = TestGenerator(state: 4)
        let covered = (0..<200).count { trial in
            let values = (0..<60).map { _ in Double.random(in: 0...1, using: &generator) }
            let interval = Bootstrap.interval(of: values, samples: 200, level: 0.9, seed: UInt64(trial))
            return interval.lower <= 0.5 && interval.upper >= 0.5
        }
        // Binomial with 200 trials and p = 0.9: mean 180, standard deviation 4.2; four of them on either side.
        #expect((163...197).contains(covered))
    }

    @Test("equal values give an interval of no width, and one user as well")
    func degenerate() {
        let interval = Bootstrap.interval(of: [0.25, 0.25, 0.25], samples: 10, seed: 1)
        #expect(interval == ConfidenceInterval(lower: 0.25, upper: 0.25, level: 0.95))
        #expect(Bootstrap.interval(of: [3], samples: 1, seed: 1).upper == 3)
    }

    @Test("goes through JSON")
    func json() throws {
        let interval = ConfidenceInterval(lower: 0.1, upper: 0.2, level: 0.95)
        let data = try JSONEncoder().encode(interval)
        #expect(try JSONDecoder().decode(ConfidenceInterval.self, from: data) == interval)
    }
}

@Suite("Paired tests")
struct PairedTestTests {
    @Test("few pairs are enumerated: three equal gains of 8 flips give 2 / 8")
    func exact() {
        #expect(PairedTest.permutation([2, 3, 4], [1, 2, 3], seed: 1) == 0.25)
        #expect(PairedTest.permutation([1, 2, 3], [2, 3, 4], seed: 2) == 0.25)
        #expect(PairedTest.permutation([1, 0], [0, 1], seed: 1) == 1)
        // Differences 0.1, 0.2, 0.3: |sum| = 0.6 only with all signs equal.
        #expect(PairedTest.permutation([0.1, 0.2, 0.3], [0, 0, 0], seed: 1) == 0.25)
        // Differences 3, 1, -1: of the flips' sums 3, 5, 1, 3 (and negatives) three quarters reach 3.
        #expect(PairedTest.permutation([3, 1, 0], [0, 0, 1], seed: 1) == 0.75)
    }

    @Test("agrees with a naive enumeration on random differences", arguments: 0..<10)
    func naive(_ seed: Int) {
        var generator = TestGenerator(state: UInt64(seed))
        let a = (0..<9).map { _ in Double(Int.random(in: 0...4, using: &generator)) }
        let b = (0..<9).map { _ in Double(Int.random(in: 0...4, using: &generator)) }
        let differences = zip(a, b).map { $0 - $1 }
        func extreme(_ index: Int, _ sum: Double) -> Int {
            guard index < 9 else { return abs(sum) >= abs(differences.reduce(0, +)) ? 1 : 0 }
            return extreme(index + 1, sum + differences[index]) + extreme(index + 1, sum - differences[index])
        }
        #expect(PairedTest.permutation(a, b, seed: 3) == Double(extreme(0, 0)) / 512)
    }

    @Test("the estimate is deterministic, close to the exact value, and never 0")
    func sampled() {
        var generator = TestGenerator(state: 6)
        let a = (0..<12).map { _ in Double.random(in: 0...1, using: &generator) + 0.15 }
        let b = (0..<12).map { _ in Double.random(in: 0...1, using: &generator) }
        let exact = PairedTest.permutation(a, b, samples: 4_096, seed: 1)
        let estimate = PairedTest.permutation(a, b, samples: 4_000, seed: 1)
        #expect(estimate == PairedTest.permutation(a, b, samples: 4_000, seed: 1))
        #expect(abs(exact - estimate) < 4 * (exact * (1 - exact) / 4_000).squareRoot() + 1e-3)
        let clear = PairedTest.permutation(
            [Double](repeating: 1, count: 100),
            [Double](repeating: 0, count: 100),
            seed: 1
        )
        #expect(clear == 1.0 / 10_001)
    }

    @Test("models without a difference are not told apart, and more than 64 users are handled")
    func null() {
        var generator = TestGenerator(state: 8)
        let values = (0..<150).map { _ in Double.random(in: 0...1, using: &generator) }
        #expect(PairedTest.permutation(values, values, samples: 100, seed: 1) == 1)
        #expect(PairedTest.studentT(values, values) == 1)
        var below = 0
        for seed in 0..<200 {
            let a = (0..<100).map { _ in Double.random(in: 0...1, using: &generator) }
            let b = (0..<100).map { _ in Double.random(in: 0...1, using: &generator) }
            if PairedTest.permutation(a, b, samples: 99, seed: UInt64(seed)) <= 0.1 { below += 1 }
        }
        // Binomial with 200 trials and p = 0.1: mean 20, standard deviation 4.2; four of them on either side.
        #expect((4...37).contains(below))
    }

    /// Critical values of Student's distribution from printed tables, six decimals.
    @Test(
        "reproduces the printed table of Student's distribution",
        arguments: [
            (1, 12.706205, 0.05), (1, 1, 0.5), (2, 4.302653, 0.05), (3, 3.182446, 0.05), (4, 2.776445, 0.05),
            (9, 3.249836, 0.01), (10, 1.812461, 0.1), (29, 2.045230, 0.05), (30, 2.042272, 0.05), (120, 2.617421, 0.01),
            (1_000, 1.962339, 0.05),
        ]
    )
    func student(_ freedom: Int, _ t: Double, _ p: Double) {
        // Pairs whose t statistic is exactly t: differences m + s and m - s, with the rest at m.
        let count = Double(freedom + 1)
        let deviation = (count * (count - 1) / 2).squareRoot()
        let differences = [t + deviation, t - deviation] + [Double](repeating: t, count: freedom - 1)
        let zeros = [Double](repeating: 0, count: freedom + 1)
        #expect(abs(PairedTest.studentT(differences, zeros) - p) < 1e-6)
        #expect(abs(PairedTest.studentT(zeros, differences) - p) < 1e-6)
    }

    @Test("a constant difference is certain")
    func constant() {
        #expect(PairedTest.studentT([2, 2, 2], [1, 1, 1]) == 0)
    }
}

@Suite("Tests over users and trainings")
struct CrossedTestTests {
    @Test("mean squares and degrees of freedom of a hand-computed table")
    func byHand() {
        // Differences, 2 trainings x 3 users: rows (1, 2, 6) and (3, 0, 6); means 3 and 3; users 2, 1, 6.
        let found = CrossedTest.run([[1, 2, 6], [3, 0, 6]], [[0, 0, 0], [0, 0, 0]])
        // Mean squares of trainings 0, of users 2 (1 + 4 + 9) / 2 = 14, of the rest 4 / 2 = 2. The variance is 14, not
        // 0 + 14 - 2, with 14^2 / (14^2 / 2 + 2^2 / 2) = 1.96 degrees of freedom, so 1.
        #expect(found.difference == 3 && found.degreesOfFreedom == 1)
        let t = 3 / (14.0 / 6).squareRoot()
        #expect(abs(found.pValue - (1 - 2 / Double.pi * atan(t))) < 1e-12)
    }

    @Test("one training is the paired test over users; equal models have p = 1")
    func singleTraining() {
        let (a, b) = ([0.1, 0.5, 0.2, 0.9], [0.0, 0.6, 0.1, 0.4])
        #expect(CrossedTest.run([a], [b]).pValue == PairedTest.studentT(a, b))
        #expect(CrossedTest.run([a, b], [a, b]).pValue == 1)
        #expect(CrossedTest.run([[2, 2], [2, 2]], [[1, 1], [1, 1]]).pValue == 0)
    }

    @Test("holds its level when trainings vary, where the test over users alone does not")
    func level() {
        var generator = TestGenerator(state: 5)
        func normal() -> Double {
            (0..<12).reduce(-6) { sum, _ in sum + Double.random(in: 0..<1, using: &generator) }
        }
        var (crossed, users) = (0, 0)
        let families = 300
        for _ in 0..<families {
            func model() -> [[Double]] {
                (0..<3).map { _ in
                    let training = normal() * 0.3
                    return (0..<40).map { _ in normal() + training }
                }
            }
            let (a, b) = (model(), model())
            if CrossedTest.run(a, b).pValue < 0.05 { crossed += 1 }
            func mean(_ x: [[Double]]) -> [Double] { (0..<40).map { user in x.reduce(0) { $0 + $1[user] } / 3 } }
            if PairedTest.studentT(mean(a), mean(b)) < 0.05 { users += 1 }
        }
        // The binomial's standard deviation at 0.05 of 300 is 3.8.
        #expect(crossed <= 15 + 4 * 4, "\(crossed) of \(families)")
        #expect(users > 60, "\(users) of \(families)")
    }

    @Test("Holm's correction of a hand-computed family, whatever the order")
    func holm() {
        let corrected = MultipleTests.holm([0.04, 0.01, 0.03])
        for (mine, expected) in zip(corrected, [0.06, 0.03, 0.06]) { #expect(abs(mine - expected) < 1e-12) }
        #expect(MultipleTests.holm([0.5, 0.9]) == [1, 1] && MultipleTests.holm([]).isEmpty)
    }
}
