// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// The difference between an arm and the first arm of its A/B test.
public struct ArmDifference: Sendable, Equatable, Codable {
    /// The arm's name.
    public var arm: String
    /// The name of the first arm, which it is compared with.
    public var baseline: String
    /// The arm's estimate minus the baseline's, by metric, with a 95 % interval.
    public var metrics: [String: ArmReport.Estimate]

    /// Describes a difference.
    public init(arm: String, baseline: String, metrics: [String: ArmReport.Estimate]) {
        self.arm = arm
        self.baseline = baseline
        self.metrics = metrics
    }

    /// The differences of all arms from the first one, of the metrics that both have.
    static func all(_ arms: [ArmReport]) -> [ArmDifference] {
        guard let first = arms.first else { return [] }
        return arms.dropFirst().map { arm in
            let shared = arm.metrics.compactMap { name, estimate in
                first.metrics[name].map { (name, estimate.minus($0)) }
            }
            return ArmDifference(
                arm: arm.arm,
                baseline: first.arm,
                metrics: Dictionary(shared) { first, _ in first }
            )
        }
    }
}

extension ArmReport.Estimate {
    /// The difference of two independent estimates, with an interval made of both of theirs.
    ///
    /// It inherits what their intervals are good at: Wilson's have a width where nobody clicked. For normal intervals it
    /// is the usual one.
    ///
    /// - Source: Newcombe 1998, Statistics in Medicine 17, 873-890, method 10; Zou and Donner 2008 for other estimates.
    func minus(_ other: Self) -> Self {
        let difference = value - other.value
        func distance(_ one: Double, _ two: Double) -> Double { (one * one + two * two).squareRoot() }
        return Self(
            value: difference,
            low: difference - distance(value - low, other.high - other.value),
            high: difference + distance(high - value, other.value - other.low)
        )
    }
}
