// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeStore
import Testing

@testable import CascadeFunnel

@Suite("A/B tests: report")
struct ABTestReportTests {
    let test = ABTestAssignmentTests.abTest("x", [0.5, 0.5])

    @Test("the chi-square tail has the values of tables")
    func tail() {
        // R: pchisq(x, df, lower.tail = FALSE)
        for (x, degrees, expected) in [
            (3.841458820694124, 1, 0.05), (6.634896601021213, 1, 0.01), (0.5, 1, 0.4795001221869535),
            (5.991464547107979, 2, 0.05), (2, 2, 0.36787944117144233), (18.307038053275146, 10, 0.05),
            (10, 10, 0.44049328506521257), (50, 1, 1.537459794428035e-12), (0, 3, 1),
        ] as [(Double, Int, Double)] {
            let found = ChiSquare.upperTail(x, degrees: degrees)
            #expect(abs(found - expected) <= 1e-10 * expected, "\(x) \(degrees): \(found)")
        }
        #expect(ChiSquare.fit([0, 0], shares: [0.5, 0.5]) == 1)
        #expect(ChiSquare.fit([5], shares: [1]) == 1)
        #expect(ChiSquare.fit([10, 1], shares: [1, 0]) == 0)
        #expect(ChiSquare.fit([500, 600], shares: [0.5, 0.5]) < 0.003)
    }

    @Test("people, requests and metrics are counted by arm, in the order of the configuration")
    func counts() throws {
        let outcomes = [
            UnitOutcome(arm: "arm1", requests: 4, clickedRequests: 1, converted: true, value: 6),
            UnitOutcome(arm: "arm1", requests: 1), UnitOutcome(arm: "arm0", requests: 2),
            UnitOutcome(arm: "gone", requests: 2),
        ]
        let report = ABTestReport(test, outcomes)
        #expect(report.name == "x" && report.arms.map(\.arm) == ["arm0", "arm1"])
        #expect(report.arms.map(\.users) == [1, 2] && report.arms.map(\.requests) == [2, 5])
        #expect(report.arms[0].metrics.isEmpty)
        let metrics = report.arms[1].metrics.mapValues(\.value)
        #expect(metrics == ["click_rate": 0.2, "conversion": 0.5, "value": 3])
        #expect(abs(report.sampleRatioPValue - ChiSquare.upperTail(1.0 / 3, degrees: 1)) < 1e-12)
    }

    @Test("arms are compared with the first one; Newcombe's example of two shares has his interval")
    func differences() throws {
        func units(_ arm: String, _ converted: Int, of count: Int) -> [UnitOutcome] {
            (0..<count).map { UnitOutcome(arm: arm, requests: 1, converted: $0 < converted) }
        }
        let report = ABTestReport(test, units("arm0", 48, of: 80) + units("arm1", 56, of: 70))
        let difference = try #require(report.differences.first)
        #expect(report.differences.count == 1 && difference.arm == "arm1" && difference.baseline == "arm0")
        let conversion = try #require(difference.metrics["conversion"])
        #expect(abs(conversion.value - 0.2) < 1e-12)
        // Newcombe 1998, table II, (a), method 10.
        #expect(abs(conversion.low - 0.0524) < 5e-5 && abs(conversion.high - 0.3339) < 5e-5)
        #expect(ABTestReport(test, units("arm0", 1, of: 1)).differences.first?.metrics.isEmpty == true)
    }

    @Test("where nobody or everybody clicks, the interval still has a width, within 0 and 1")
    func extremes() throws {
        for (clicked, converted) in [(0, false), (2, true)] {
            let unit = UnitOutcome(arm: "arm0", requests: 2, clickedRequests: clicked, converted: converted)
            let report = ABTestReport(test, [UnitOutcome](repeating: unit, count: 40))
            for name in ["click_rate", "conversion"] {
                let estimate = try #require(report.arms[0].metrics[name])
                #expect(estimate.low >= 0 && estimate.high <= 1)
                #expect(estimate.high - estimate.low > 0.05 && estimate.high - estimate.low < 0.15)
                #expect(estimate.low <= estimate.value && estimate.value <= estimate.high)
            }
        }
    }

    /// One person of a population whose people differ: those who ask often click otherwise, and spend unevenly.
    static func person(_ random: inout SplitMix64) -> UnitOutcome {
        let isEager = Double.random(in: 0..<1, using: &random) < 0.3
        let requests = isEager ? Int.random(in: 5...30, using: &random) : Int.random(in: 1...4, using: &random)
        let rate = isEager ? Double.random(in: 0.1...0.7, using: &random) : Double.random(in: 0...0.2, using: &random)
        let clicked = (0..<requests).count { _ in Double.random(in: 0..<1, using: &random) < rate }
        let converts = Double.random(in: 0..<1, using: &random) < 0.1
        return UnitOutcome(
            arm: "arm0",
            requests: requests,
            clickedRequests: clicked,
            converted: converts,
            value: converts ? Double.random(in: 0...20, using: &random) : 0
        )
    }

    @Test("in 1,000 repetitions each interval covers the truth about 95 times in a hundred")
    func coverage() throws {
        // Means over the population: 0.3 * 17.5 requests at 0.4 and 0.7 * 2.5 at 0.1; 0.1; 0.1 * 10.
        let truth = ["click_rate": (5.25 * 0.4 + 1.75 * 0.1) / 7, "conversion": 0.1, "value": 1]
        var random = SplitMix64(seed: 11)
        var covered: [String: Int] = [:]
        let repetitions = 1000
        for _ in 0..<repetitions {
            let report = ABTestReport(test, (0..<300).map { _ in Self.person(&random) })
            for (name, value) in truth {
                let estimate = try #require(report.arms[0].metrics[name])
                if (estimate.low...estimate.high).contains(value) { covered[name, default: 0] += 1 }
            }
        }
        for name in truth.keys {
            let share = Double(covered[name] ?? 0) / Double(repetitions)
            #expect(share > 0.93 && share < 0.97, "\(name): \(share)")
        }
    }

    @Test("an uneven split is noticed, an even one is not: the check is right about its own error")
    func sampleRatio() {
        var random = SplitMix64(seed: 12)
        var alarms = 0
        for _ in 0..<2000 {
            let first = (0..<400).count { _ in Bool.random(using: &random) }
            if ChiSquare.fit([first, 400 - first], shares: [0.5, 0.5]) < 0.05 { alarms += 1 }
        }
        #expect(alarms > 60 && alarms < 140)
    }
}
