// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import CascadeEvaluation

/// A world whose click rates are known: three positions, each with three items of its own.
private struct TabularWorld {
    /// Click rates by position and item.
    let rates = [[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.1, 0.2, 0.4]]
    /// What the target policy shows.
    let target = [[0.7, 0.2, 0.1], [0.7, 0.2, 0.1], [0.2, 0.2, 0.6]]
    /// How much a click depends on the item above: its rate falls by this factor below item 0.
    var shadow = 1.0

    /// What the logged policy shows; it looks at the item above.
    func logging(_ position: Int, after above: Int?) -> [Double] {
        above == 0 ? [0.5, 0.3, 0.2] : [[0.3, 0.3, 0.4], [0.4, 0.3, 0.3], [0.25, 0.5, 0.25]][position]
    }

    func rate(_ position: Int, _ item: Int, below above: Int?) -> Double {
        rates[position][item] * (above == 0 ? shadow : 1)
    }

    /// The expected clicks per impression of the target policy.
    var truth: Double {
        var sum = 0.0
        for position in 0..<3 {
            for item in 0..<3 {
                let above = position == 0 ? 0 : target[position - 1][0]
                let expected = above * rate(position, item, below: 0) + (1 - above) * rate(position, item, below: nil)
                sum += target[position][item] * expected
            }
        }
        return sum / 3
    }

    private struct Shown {
        var (item, position, reward, propensity, probability) = (0, 0, 0.0, 0.0, 0.0)
    }

    /// Pages of users who like to click, or do not.
    func pages(users: Int, seed: UInt64) -> [OffPolicyPage] {
        var random = ResamplingGenerator(seed: seed)
        func uniform() -> Double { Double(random.bits() >> 11) * 0x1p-53 }
        func draw(_ probabilities: [Double]) -> Int {
            let point = uniform()
            return point < probabilities[0] ? 0 : point < probabilities[0] + probabilities[1] ? 1 : 2
        }
        var logged: [(user: String, shown: [Shown])] = []
        for user in 0..<users {
            let mood = uniform() < 0.5 ? 0.6 : 1.4
            for _ in 0..<(1 + random.index(below: 3)) {
                var shown: [Shown] = []
                for position in 0..<3 {
                    let above = shown.last?.item
                    let probabilities = logging(position, after: above)
                    let item = draw(probabilities)
                    let isClicked = uniform() < mood * rate(position, item, below: above)
                    shown.append(Shown())
                    shown[position].item = item
                    shown[position].position = position
                    shown[position].reward = isClicked ? 1 : 0
                    shown[position].propensity = probabilities[item]
                    shown[position].probability = target[position][item]
                }
                logged.append(("user \(user)", shown))
            }
        }
        let model = CrossFittedClickModel(
            fitting: logged.flatMap { user, shown in
                shown.map { (user, .init(item: "\($0.position) \($0.item)", position: $0.position, reward: $0.reward)) }
            }
        )
        return logged.map { user, shown in
            OffPolicyPage(
                user: user,
                impressions: shown.map { one in
                    func expected(_ item: Int) -> Double {
                        model.estimate("\(one.position) \(item)", at: one.position, for: user)
                    }
                    return .init(
                        position: one.position,
                        reward: one.reward,
                        propensity: one.propensity,
                        targetProbability: one.probability,
                        estimates: RewardEstimates(
                            shown: expected(one.item),
                            target: (0..<3).reduce(0) { $0 + target[one.position][$1] * expected($1) }
                        )
                    )
                }
            )
        }
    }
}

@Suite("Off-policy evaluation: a world with known truth")
struct OffPolicyWorldTests {
    @Test("estimates are right on average, and their intervals hold the truth in about 95 of 100 cases")
    func coverage() throws {
        let world = TabularWorld()
        let seeds = 200
        var found: [OffPolicyEstimator: (values: [Double], covered: Int)] = [:]
        for seed in 0..<seeds {
            let report = try OffPolicyReport(world.pages(users: 80, seed: UInt64(seed)))
            for estimate in report.estimates where estimate.estimator != .replay {
                let (value, interval) = (try #require(estimate.value), try #require(estimate.interval))
                found[estimate.estimator, default: ([], 0)].values.append(value)
                let isCovered = interval.lower <= world.truth && world.truth <= interval.upper
                found[estimate.estimator, default: ([], 0)].covered += isCovered ? 1 : 0
            }
        }
        #expect(found.count == 4)
        for (estimator, result) in found {
            let (mean, error) = moments(result.values)
            #expect(abs(mean - world.truth) < 4 * error, "\(estimator): \(mean), truth \(world.truth)")
            let coverage = Double(result.covered) / Double(seeds)
            #expect((0.88...0.99).contains(coverage), "\(estimator): \(coverage)")
        }
        // The model explains a part of what weights would have to.
        let spread = found.mapValues { moments($0.values).error }
        let ips = try #require(spread[.ips])
        #expect((spread[.doublyRobust] ?? .infinity) < ips && (spread[.snips] ?? .infinity) < ips)
    }

    @Test("where a click depends on the item above, only the sequential estimator is right")
    func sequential() throws {
        var world = TabularWorld()
        world.shadow = 0.2
        var values: [OffPolicyEstimator: [Double]] = [:]
        for seed in 0..<60 {
            for estimate in try OffPolicyReport(world.pages(users: 300, seed: UInt64(seed))).estimates {
                values[estimate.estimator, default: []].append(estimate.value ?? .nan)
            }
        }
        let (right, error) = moments(try #require(values[.sequential]))
        #expect(abs(right - world.truth) < max(4 * error, 0.005), "\(right), truth \(world.truth)")
        let (wrong, spread) = moments(try #require(values[.ips]))
        #expect(abs(wrong - world.truth) > 0.02 && abs(wrong - world.truth) > 4 * spread, "\(wrong)")
    }

    /// The mean, and its standard error.
    private func moments(_ values: [Double]) -> (mean: Double, error: Double) {
        let count = Double(values.count)
        let mean = values.reduce(0, +) / count
        let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / (count - 1)
        return (mean, (variance / count).squareRoot())
    }
}

@Suite("Off-policy evaluation: the click model")
struct ClickModelTests {
    @Test("the rate of the position times the clicks of the item over those expected, both smoothed")
    func byHand() {
        let model = ClickModel(
            fitting: [
                .init(item: "a", position: 0, reward: 1), .init(item: "b", position: 0, reward: 0),
                .init(item: "a", position: 1, reward: 1), .init(item: "b", position: 1, reward: 0),
                .init(item: "b", position: 1, reward: 0), .init(item: "c", position: 1, reward: 0),
            ]
        )
        let overall = 2.0 / 6
        let (first, second) = ((1 + 10 * overall) / 12, (1 + 10 * overall) / 14)
        let (a, b) = ((2 + 1) / (first + second + 1), (0 + 1) / (first + 2 * second + 1))
        #expect(abs(model.estimate("a", at: 1) - second * a) < 1e-12)
        #expect(abs(model.estimate("b", at: 0) - first * b) < 1e-12)
        #expect(model.estimate("unknown", at: 0) == first && model.estimate("unknown", at: 7) == overall)
        #expect(ClickModel<String>(fitting: []).estimate("a", at: 0) == 0)
        let certain = ClickModel(
            fitting: (0..<9).map { .init(item: "a", position: $0 % 2, reward: $0 % 2 == 0 ? 1 : 0.5) }
        )
        #expect(certain.estimate("a", at: 0) <= 1)
    }

    @Test("a user's own clicks do not change what is expected of the user")
    func crossFitting() {
        typealias Model = CrossFittedClickModel<String>
        func model(_ clicks: Double) -> Model {
            Model(
                fitting: (0..<100).map { number in
                    (
                        "u\(number)",
                        .init(item: "a", position: 0, reward: Model.fold(of: "u\(number)") == 0 ? clicks : 0.25)
                    )
                }
            )
        }
        let half = (0..<100).count { Model.fold(of: "u\($0)") == 0 }
        #expect((30...70).contains(half))
        let (low, high) = (model(0), model(1))
        for number in 0..<100 {
            let user = "u\(number)"
            let isSame = low.estimate("a", at: 0, for: user) == high.estimate("a", at: 0, for: user)
            #expect(isSame == (Model.fold(of: user) == 0))
        }
    }
}
