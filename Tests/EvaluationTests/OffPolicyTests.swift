// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import CascadeEvaluation

@Suite("Off-policy evaluation: estimators")
struct OffPolicyTests {
    private typealias Impression = OffPolicyPage.Impression

    /// A page out of reward, propensity and target probability by position.
    private func page(_ user: String, _ rows: [(Double, Double?, Double)], _ model: RewardEstimates? = nil)
        -> OffPolicyPage
    {
        OffPolicyPage(
            user: user,
            impressions: rows.enumerated().map {
                Impression(position: $0, reward: $1.0, propensity: $1.1, targetProbability: $1.2, estimates: model)
            }
        )
    }

    private func estimate(
        _ estimator: OffPolicyEstimator,
        _ report: OffPolicyReport
    ) throws -> OffPolicyReport.Estimate {
        try #require(report.estimates.first { $0.estimator == estimator })
    }

    private func isNear(_ value: Double?, _ expected: Double) -> Bool { abs((value ?? .nan) - expected) < 1e-12 }

    @Test("a small case has the values of a calculation by hand")
    func byHand() throws {
        let model = RewardEstimates(shown: 0.5, target: 0.25)
        // Weights 2, 0.5 on the first page, 1, 0 on the second, 1, 1 on the third.
        let pages = [
            page("ann", [(1, 0.5, 1), (0, 0.5, 0.25)], model), page("bob", [(0, 0.5, 0.5), (1, 0.25, 0)], model),
            page("carl", [(1, 1, 1), (1, 1, 1)], model),
        ]
        let report = try OffPolicyReport(pages)
        #expect(report.users == 3 && report.requests == 3 && report.impressions == 6)
        #expect(isNear(report.loggedValue, 4.0 / 6))
        let replay = try estimate(.replay, report)
        #expect(replay.value == 1 && isNear(replay.support, 1.0 / 3) && replay.effectiveSampleSize == 2)
        let ips = try estimate(.ips, report)
        #expect(isNear(ips.value, (2 + 1 + 1) / 6.0) && isNear(ips.effectiveSampleSize, 5.5 * 5.5 / 7.25))
        #expect(isNear(ips.support, 5.5 / 6) && ips.largestWeight == 2 && ips.clippedCount == 0)
        // Position 0: (2 + 1) / (2 + 1 + 1); position 1: 1 / (0.5 + 0 + 1).
        #expect(isNear(try estimate(.snips, report).value, (3.0 / 4 + 1 / 1.5) / 2))
        // Products in position 1: 2 x 0.5, 0 and 1.
        let sequential = try estimate(.sequential, report)
        #expect(isNear(sequential.value, (3.0 / 4 + 1.0 / 2) / 2) && isNear(sequential.support, 1))
        // 0.25 + weight x (reward - 0.5).
        let errors = 2 * 0.5 - 0.5 * 0.5 - 1 * 0.5 + 0 + 0.5 + 0.5
        #expect(isNear(try estimate(.doublyRobust, report).value, 0.25 + errors / 6))
        #expect(isNear(report.unsupported, 1 - 5.5 / 6))
        // The users' sums of w r - value: 2 - 2v, 0 - 2v, 2 - 2v.
        let value = 4.0 / 6
        let squares = 2 * (2 - 2 * value) * (2 - 2 * value) + 4 * value * value
        let half = 1.959963984540054 * (squares * 3 / 2).squareRoot() / 6
        #expect(isNear(ips.interval?.lower, value - half) && isNear(ips.interval?.upper, value + half))
    }

    @Test("the logged policy itself has the logged click rate, by every estimator")
    func itself() throws {
        var random = ResamplingGenerator(seed: 3)
        let pages = (0..<200).map { number in
            page("u\(number % 50)", (0..<4).map { _ in (Double(random.index(below: 2)), 1, 1) })
        }
        let report = try OffPolicyReport(pages)
        #expect(report.estimates.map(\.estimator) == [.replay, .ips, .snips, .sequential])
        for estimate in report.estimates {
            #expect(isNear(estimate.value, report.loggedValue ?? .nan) && estimate.support == 1)
            #expect(estimate.effectiveSampleSize == 800)
            let (own, logged) = (try #require(estimate.interval), try #require(report.loggedInterval))
            #expect(isNear(own.lower, logged.lower) && isNear(own.upper, logged.upper))
        }
        #expect(report.unsupported == 0 && report.warnings.isEmpty)
    }

    @Test("weights are clipped where that is asked for, and it is said")
    func clipping() throws {
        let pages = (0..<300).map { number in page("u\(number)", [(1, number == 0 ? 0.001 : 1, 1)]) }
        let free = try OffPolicyReport(pages, clip: 10_000)
        #expect(isNear(try estimate(.ips, free).value, (1_000 + 299) / 300.0))
        #expect(free.warnings.contains { $0.contains("weights above 100: ips (1000)") })
        let clipped = try OffPolicyReport(pages)
        let ips = try estimate(.ips, clipped)
        #expect(clipped.clip == 100 && isNear(ips.value, (100 + 299) / 300.0) && ips.clippedCount == 1)
        #expect(clipped.warnings.contains { $0.contains("weights clipped at 100: ips (1)") })
        #expect(clipped.warnings.contains { $0.contains("effective sample size below 100: ips (") })
    }

    @Test("missing support is named: unknown propensities, and items that were never shown")
    func support() throws {
        let unknown = try OffPolicyReport((0..<400).map { page("u\($0)", [(1, $0 < 100 ? nil : 1, 1)]) })
        #expect(unknown.unknownPropensities == 100 && isNear(unknown.unsupported, 0.25))
        #expect(unknown.warnings.contains { $0.contains("100 of 400 impressions have no propensity") })
        #expect(unknown.warnings.contains { $0.contains("about 25 %") })
        let other = try OffPolicyReport((0..<400).map { page("u\($0)", [(1, 1, 0)]) })
        #expect(other.unsupported == 1 && other.warnings.contains { $0.contains("about 100 %") })
        for estimator in [OffPolicyEstimator.replay, .ips, .snips, .sequential] {
            let estimate = try estimate(estimator, other)
            #expect(estimate.value == nil && estimate.interval == nil && estimate.effectiveSampleSize == 0)
        }
        let zero = try OffPolicyReport((0..<400).map { page("u\($0)", [(1, 0, 1)]) })
        #expect(zero.unknownPropensities == 400 && zero.unsupported == 1)
    }

    @Test("a page of which only the first positions can be weighed has no normalized value")
    func positions() throws {
        // Of the second position nothing is known, but in a few pages too few to matter.
        let half = try OffPolicyReport((0..<400).map { page("u\($0)", [(1, 1, 1), (0, 1, 0)]) })
        #expect(try estimate(.snips, half).value == nil)
        #expect(half.warnings.contains { $0.hasPrefix("no estimate: replay, snips, sequential.") })
        #expect(try estimate(.ips, half).value == 0.5)
        let few = try OffPolicyReport((0..<400).map { page("u\($0)", [(1, 1, 1)] + ($0 < 4 ? [(0, 1, 0)] : [])) })
        #expect(try estimate(.snips, few).value == 1)
        #expect(try estimate(.sequential, few).value == 1)
    }

    @Test("little data has no intervals, and says so; impossible numbers are refused")
    func edges() throws {
        let one = try OffPolicyReport([page("ann", [(0, 1, 1)]), page("ann", [(0, 1, 1)])])
        #expect(one.loggedInterval == nil && one.estimates.allSatisfy { $0.interval == nil && $0.value == 0 })
        #expect(one.warnings.contains { $0.contains("all pages are of one user") })
        #expect(one.warnings.contains { $0.contains("no impression was clicked") })
        let none = try OffPolicyReport([])
        #expect(none.loggedValue == nil && none.impressions == 0 && none.warnings.count == 1)
        for rows in [[(0, 1.5, 1)], [(0, 1, -0.1)], [(0, .nan, 1)], [(.nan, 1, 1)]] as [[(Double, Double?, Double)]] {
            #expect(throws: EvaluationError.self) { try OffPolicyReport([page("ann", rows)]) }
        }
    }

    @Test("every estimator agrees with its definition, word for word", arguments: 0..<20)
    func definitions(seed: UInt64) throws {
        var random = ResamplingGenerator(seed: seed)
        func share() -> Double { Double(1 + random.index(below: 9)) / 10 }
        let pages = (0..<30).map { number in
            OffPolicyPage(
                user: "u\(number % 7)",
                impressions: (0..<(1 + random.index(below: 4))).map { place in
                    Impression(
                        position: place,
                        reward: Double(random.index(below: 2)),
                        propensity: random.index(below: 8) == 0 ? nil : share(),
                        targetProbability: random.index(below: 3) == 0 ? 0 : share(),
                        estimates: RewardEstimates(shown: share(), target: share())
                    )
                }
            )
        }
        let report = try OffPolicyReport(pages, clip: 3)
        for estimator in [OffPolicyEstimator.ips, .snips, .sequential, .doublyRobust] {
            let (found, naive) = (try estimate(estimator, report), Naive(pages, estimator, clip: 3))
            #expect(isNear(found.effectiveSampleSize, naive.effectiveSize), "\(estimator)")
            guard let expected = naive.value(pages) else {
                #expect(found.value == nil && found.interval == nil, "\(estimator)")
                continue
            }
            #expect(isNear(found.value, expected), "\(estimator)")
            // The delta method is the limit of weighing users a little differently.
            let interval = try #require(found.interval)
            let half = 1.959963984540054 * (try #require(naive.standardError))
            #expect(abs((interval.upper - interval.lower) / 2 - half) < 1e-5 * half, "\(estimator)")
        }
    }
}

/// The estimators once more: sums in plain loops, and errors by numeric differentiation.
private struct Naive {
    let pages: [OffPolicyPage]
    let estimator: OffPolicyEstimator
    let clip: Double

    init(_ pages: [OffPolicyPage], _ estimator: OffPolicyEstimator, clip: Double) {
        (self.pages, self.estimator, self.clip) = (pages, estimator, clip)
    }

    /// The weight of one impression of a page.
    private func weight(_ page: OffPolicyPage, _ place: Int) -> Double {
        var product = 1.0
        for earlier in (estimator == .sequential ? 0 : place)...place {
            let impression = page.impressions[earlier]
            product *= impression.propensity.map { impression.targetProbability / $0 } ?? 0
        }
        return min(clip, product)
    }

    /// The estimate when each page counts so many times; nil where some positions have no weight.
    func value(_ pages: [OffPolicyPage], times: (OffPolicyPage) -> Double = { _ in 1 }) -> Double? {
        var (total, count, all) = (0.0, 0.0, 0.0)
        for place in 0..<10 {
            var (rewards, weights, shown) = (0.0, 0.0, 0.0)
            for page in pages where place < page.impressions.count {
                let (impression, weight) = (page.impressions[place], weight(page, place))
                shown += times(page)
                weights += times(page) * weight
                if estimator == .doublyRobust, let estimates = impression.estimates {
                    rewards += times(page) * (estimates.target + weight * (impression.reward - estimates.shown))
                } else {
                    rewards += times(page) * weight * impression.reward
                }
            }
            all += shown
            let isNormalized = estimator == .snips || estimator == .sequential
            if isNormalized, weights == 0 { continue }
            count += shown
            total += isNormalized ? shown * rewards / weights : rewards
        }
        return count < 0.99 * all ? nil : total / count
    }

    var effectiveSize: Double {
        let weights = pages.flatMap { page in page.impressions.indices.map { weight(page, $0) } }
        let sum = weights.reduce(0, +)
        return sum * sum / weights.reduce(0) { $0 + $1 * $1 }
    }

    var standardError: Double? {
        let users = Set(pages.map(\.user))
        let step = 1e-5
        var influences: [Double] = []
        for user in users {
            guard let more = value(pages, times: { $0.user == user ? 1 + step : 1 }),
                let less = value(pages, times: { $0.user == user ? 1 - step : 1 })
            else { return nil }
            influences.append((more - less) / (2 * step))
        }
        let count = Double(users.count)
        return (influences.reduce(0) { $0 + $1 * $1 } * count / (count - 1)).squareRoot()
    }
}
