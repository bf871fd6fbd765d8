// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeStore

extension ABTestReport {
    /// Estimates the metrics of each arm, with 95 % intervals.
    ///
    /// Users are assigned, so users are the unit of analysis. A request without a user was assigned by itself and counts as
    /// a user.
    ///
    /// - `click_rate`: the share of requests with a click. A ratio of two sums over people; the delta method
    ///   gives its variance, as if people had been drawn and brought their requests along. The interval is Wilson's for as many
    ///   independent requests as would vary as much, which stays within 0 and 1 and has a width where nobody clicked.
    /// - `conversion`: the share of people who bought or graded something; Wilson's interval.
    /// - `value`: the mean over people of what their events' values add up to; the normal interval.
    ///
    /// An arm with fewer than two people has no metrics. People in arms that the configuration does not name are left out.
    ///
    /// - Source: Deng, Knoblich and Lu 2018, Applying the Delta Method in Metric Analytics, KDD, section 3; Wilson 1927.
    public init(_ configuration: ABTestConfiguration, _ outcomes: [UnitOutcome]) {
        let units = Dictionary(grouping: outcomes, by: \.arm)
        let arms = configuration.arms.map { arm in
            let own = units[arm.name] ?? []
            return ArmReport(
                arm: arm.name,
                share: arm.share,
                users: own.count,
                requests: own.reduce(0) { $0 + $1.requests },
                metrics: Self.metrics(own)
            )
        }
        self.init(
            name: configuration.name,
            arms: arms,
            sampleRatioPValue: ChiSquare.fit(arms.map(\.users), shares: arms.map(\.share))
        )
    }

    /// Reports on A/B tests by the events and impressions of a store.
    public static func reports(
        _ tests: [ABTestConfiguration],
        from store: some ABTestOutcomes
    ) async throws -> [ABTestReport] {
        var reports: [ABTestReport] = []
        for test in tests {
            reports.append(ABTestReport(test, try await store.outcomes(of: test.name)))
        }
        return reports
    }

    private static func metrics(_ units: [UnitOutcome]) -> [String: ArmReport.Estimate] {
        guard units.count >= 2 else { return [:] }
        return [
            "click_rate": .ratio(units.map { (Double($0.clickedRequests), Double($0.requests)) }),
            "conversion": .wilson(
                Double(units.count { $0.converted }) / Double(units.count),
                of: Double(units.count)
            ),
            "value": .mean(units.map(\.value)),
        ]
    }
}

extension ArmReport.Estimate {
    /// How many standard deviations to each side hold 95 % of a normal distribution.
    private static let z = 1.959963984540054

    /// A mean, with its normal interval.
    static func mean(_ values: [Double]) -> Self {
        let count = Double(values.count)
        let mean = values.reduce(0, +) / count
        let error = (variance(values, around: mean) / count).squareRoot()
        return Self(value: mean, low: mean - z * error, high: mean + z * error)
    }

    /// A share that is a ratio of two sums over people.
    static func ratio(_ people: [(hits: Double, trials: Double)]) -> Self {
        let trials = people.reduce(0) { $0 + $1.trials }
        let share = people.reduce(0) { $0 + $1.hits } / trials
        // Linearized: what each person adds to the ratio's error.
        let errors = people.map { $0.hits - share * $0.trials }
        let variance = variance(errors, around: 0) * Double(people.count) / (trials * trials)
        // Where nothing varies, no more is known than that so many people were seen.
        return wilson(share, of: variance > 0 ? share * (1 - share) / variance : Double(people.count))
    }

    /// A share of independent trials, with Wilson's interval.
    static func wilson(_ share: Double, of trials: Double) -> Self {
        let shrinkage = 1 / (1 + z * z / trials)
        let center = (share + z * z / (2 * trials)) * shrinkage
        let half = z * shrinkage * (share * (1 - share) / trials + z * z / (4 * trials * trials)).squareRoot()
        return Self(value: share, low: min(share, max(0, center - half)), high: max(share, min(1, center + half)))
    }

    private static func variance(_ values: [Double], around mean: Double) -> Double {
        values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count - 1)
    }
}
