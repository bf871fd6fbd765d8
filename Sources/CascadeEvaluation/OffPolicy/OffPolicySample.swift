// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// Logged impressions as rows, with their weights, and the arithmetic over them.
struct OffPolicySample {
    /// An impression.
    struct Row {
        var impression: OffPolicyPage.Impression
        /// The number of its user.
        var user: Int
        /// Its own importance weight, before clipping.
        var weight: Double
        /// The product of the weights of its position and all before on the page, before clipping.
        var product: Double
        /// Whether the target policy would have shown the whole page exactly so.
        var isReplayed: Bool
    }

    /// A value with its interval.
    struct Moment {
        var value: Double?
        var interval: ConfidenceInterval?

        var orZero: Double { value ?? 0 }
    }

    /// How many standard deviations to each side hold 95 % of a normal distribution.
    private static let z = 1.959963984540054
    /// The share of the impressions whose positions must have weights for a normalized estimate.
    private static let leastCoverage = 0.99

    let rows: [Row]
    let userCount: Int
    private let clip: Double
    private let replayedShare: Double

    init(_ pages: [OffPolicyPage], clip: Double) {
        var (rows, users): ([Row], [String: Int]) = ([], [:])
        var replayed = 0
        for page in pages {
            let user = users[page.user] ?? users.count
            users[page.user] = user
            let isReplayed = page.impressions.allSatisfy { $0.targetProbability == 1 }
            if isReplayed, !page.impressions.isEmpty { replayed += 1 }
            var product = 1.0
            for impression in page.impressions {
                product *= impression.weight
                rows.append(
                    Row(
                        impression: impression,
                        user: user,
                        weight: impression.weight,
                        product: product,
                        isReplayed: isReplayed
                    )
                )
            }
        }
        (self.rows, self.clip, userCount) = (rows, clip, users.count)
        replayedShare = pages.isEmpty ? 0 : Double(replayed) / Double(pages.count)
    }

    /// What one estimator says; nil when it lacks what it needs.
    func estimate(_ estimator: OffPolicyEstimator) -> OffPolicyReport.Estimate? {
        func result(
            _ moment: Moment,
            _ weight: (Row) -> Double,
            support: Double? = nil
        ) -> OffPolicyReport.Estimate {
            let raw = rows.map(weight)
            let mean = raw.isEmpty ? 0 : raw.reduce(0, +) / Double(raw.count)
            return OffPolicyReport.Estimate(
                estimator: estimator,
                value: moment.value,
                interval: moment.interval,
                effectiveSampleSize: Self.effectiveSize(raw.map(clipped)),
                support: support ?? min(1, mean),
                largestWeight: raw.max() ?? 0,
                clippedCount: raw.count { $0 > clip }
            )
        }
        switch estimator {
        case .replay:
            let weight: (Row) -> Double = { $0.isReplayed ? 1 : 0 }
            return result(ratio { (weight($0) * $0.impression.reward, weight($0)) }, weight, support: replayedShare)
        case .ips:
            // Where no weight is above 0, there is nothing to weigh.
            guard rows.contains(where: { $0.weight > 0 }) else { return result(Moment(), \.weight) }
            return result(ratio { (clipped($0.weight) * $0.impression.reward, 1) }, \.weight)
        case .snips: return result(normalized(\.weight), \.weight)
        case .sequential: return result(normalized(\.product), \.product)
        case .doublyRobust:
            guard !rows.isEmpty, rows.allSatisfy({ $0.impression.estimates != nil }) else { return nil }
            let moment = ratio { row in
                let (shown, target) = (row.impression.estimates?.shown ?? 0, row.impression.estimates?.target ?? 0)
                return (target + clipped(row.weight) * (row.impression.reward - shown), 1)
            }
            return result(moment, \.weight)
        }
    }

    /// A ratio of two sums over impressions; nil when the lower one is 0.
    func ratio(_ parts: (Row) -> (upper: Double, lower: Double)) -> Moment {
        let all = rows.map(parts)
        let lower = all.reduce(0) { $0 + $1.lower }
        guard lower > 0 else { return Moment() }
        let value = all.reduce(0) { $0 + $1.upper } / lower
        return moment(value, influences: all.map { ($0.upper - value * $0.lower) / lower })
    }

    /// The mean over impressions of the mean reward by weight in their positions.
    ///
    /// Positions without any weight are left out; where they have too many impressions, nothing is said, since the others would
    /// stand for the page.
    private func normalized(_ weight: (Row) -> Double) -> Moment {
        struct Position {
            var (count, reward, weight) = (0.0, 0.0, 0.0)
            var rate: Double { reward / weight }
        }
        var positions: [Int: Position] = [:]
        for row in rows {
            let weight = clipped(weight(row))
            var position = positions[row.impression.position] ?? Position()
            position.count += 1
            position.reward += weight * row.impression.reward
            position.weight += weight
            positions[row.impression.position] = position
        }
        positions = positions.filter { $0.value.weight > 0 }
        // In order, so that the same pages give the same bits.
        let known = positions.sorted { $0.key < $1.key }.map(\.value)
        let count = known.reduce(0) { $0 + $1.count }
        guard count > 0, count >= Self.leastCoverage * Double(rows.count) else { return Moment() }
        let value = known.reduce(0) { $0 + $1.count * $1.rate } / count
        let influences = rows.map { row -> Double in
            guard let own = positions[row.impression.position] else { return 0 }
            let error = clipped(weight(row)) * (row.impression.reward - own.rate) / own.weight
            return (own.count * error + own.rate - value) / count
        }
        return moment(value, influences: influences)
    }

    /// A value with the interval that follows from what each impression adds to its error; users are independent.
    private func moment(_ value: Double, influences: [Double]) -> Moment {
        guard userCount >= 2 else { return Moment(value: value) }
        var sums = [Double](repeating: 0, count: userCount)
        for (row, influence) in zip(rows, influences) { sums[row.user] += influence }
        let variance = sums.reduce(0) { $0 + $1 * $1 } * Double(userCount) / Double(userCount - 1)
        let half = Self.z * variance.squareRoot()
        return Moment(
            value: value,
            interval: ConfidenceInterval(lower: value - half, upper: value + half, level: 0.95)
        )
    }

    private func clipped(_ weight: Double) -> Double { min(weight, clip) }

    /// Kish's effective sample size; 0 without weights.
    private static func effectiveSize(_ weights: [Double]) -> Double {
        let (sum, squares) = weights.reduce((0.0, 0.0)) { ($0.0 + $1, $0.1 + $1 * $1) }
        return squares > 0 ? sum * sum / squares : 0
    }
}
