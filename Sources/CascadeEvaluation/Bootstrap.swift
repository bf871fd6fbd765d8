// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// Where the true mean over users lies, with the stated confidence.
public struct ConfidenceInterval: Codable, Sendable, Equatable {
    /// Lower bound, in the metric's unit.
    public let lower: Double
    /// Upper bound, in the metric's unit.
    public let upper: Double
    /// Confidence, a probability such as 0.95.
    public let level: Double

    /// Creates an interval.
    public init(lower: Double, upper: Double, level: Double) {
        self.lower = lower
        self.upper = upper
        self.level = level
    }
}

/// Confidence intervals by resampling users with replacement.
///
/// - Source: Efron 1979, "Bootstrap methods: another look at the jackknife"; the percentile interval.
public enum Bootstrap {
    /// The percentile interval of the mean over users; the same seed gives the same interval.
    ///
    /// - Parameters:
    ///   - perUser: One value per user; at least one.
    ///   - samples: Number of resamples.
    ///   - level: Confidence, a probability inside 0 to 1.
    ///   - seed: Start of the random numbers.
    public static func interval(
        of perUser: [Double],
        samples: Int = 1000,
        level: Double = 0.95,
        seed: UInt64
    ) -> ConfidenceInterval {
        intervals(of: [perUser], samples: samples, level: level, seed: seed)[0]
    }

    /// The intervals of several metrics of the same users, from the same resamples.
    ///
    /// Drawing the resamples once makes this fast, and the intervals comparable.
    ///
    /// - Parameters:
    ///   - perUser: For every metric one value per user, users in the same order.
    ///   - samples: Number of resamples.
    ///   - level: Confidence, a probability inside 0 to 1.
    ///   - seed: Start of the random numbers.
    public static func intervals(
        of perUser: [[Double]],
        samples: Int = 1000,
        level: Double = 0.95,
        seed: UInt64
    ) -> [ConfidenceInterval] {
        guard let users = perUser.first?.count else { return [] }
        precondition(users > 0 && perUser.allSatisfy { $0.count == users }, "every metric needs every user's value")
        precondition(samples > 0 && level > 0 && level < 1, "the level is a probability, and samples are needed")
        let means = resampledMeans(perUser, users: users, samples: samples, seed: seed)
        return means.map { unsorted in
            let sorted = unsorted.sorted()
            return ConfidenceInterval(
                lower: quantile((1 - level) / 2, ofSorted: sorted),
                upper: quantile((1 + level) / 2, ofSorted: sorted),
                level: level
            )
        }
    }

    /// The mean of every metric over every resample: `[metrics][samples]`.
    private static func resampledMeans(_ perUser: [[Double]], users: Int, samples: Int, seed: UInt64) -> [[Double]] {
        let metrics = perUser.count
        // One row per user, so that a drawn user's metrics lie side by side in memory.
        var rows = [Double](repeating: 0, count: users * metrics)
        for (metric, column) in perUser.enumerated() {
            for (user, value) in column.enumerated() { rows[user * metrics + metric] = value }
        }
        var generator = ResamplingGenerator(seed: seed)
        var means = perUser.map { _ in [Double](repeating: 0, count: samples) }
        var sums = [Double](repeating: 0, count: metrics)
        for sample in 0..<samples {
            for metric in 0..<metrics { sums[metric] = 0 }
            rows.withUnsafeBufferPointer { rows in
                sums.withUnsafeMutableBufferPointer { sums in
                    for _ in 0..<users {
                        let start = generator.index(below: users) &* metrics
                        for metric in 0..<metrics { sums[metric] += rows[start &+ metric] }
                    }
                }
            }
            for metric in 0..<metrics { means[metric][sample] = sums[metric] / Double(users) }
        }
        return means
    }

    /// The quantile with linear interpolation between the two nearest values.
    private static func quantile(_ probability: Double, ofSorted values: [Double]) -> Double {
        let position = probability * Double(values.count - 1)
        let below = Int(position)
        let above = min(below + 1, values.count - 1)
        return values[below] + (position - Double(below)) * (values[above] - values[below])
    }
}
