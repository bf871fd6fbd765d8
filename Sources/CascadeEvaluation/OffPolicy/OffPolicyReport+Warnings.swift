// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import Foundation

extension OffPolicyReport {
    /// The least effective sample size whose interval can be trusted.
    static let leastSampleSize = 100.0
    /// The largest weight of one impression that is no cause for doubt.
    static let greatestWeight = 100.0

    /// Reasons not to trust the estimates, in sentences.
    func warnings(on sample: OffPolicySample) -> [String] {
        guard impressions > 0 else { return ["there are no impressions, so nothing is estimated"] }
        var warnings: [String] = []
        // Beyond what chance explains.
        if let interval = sample.ratio({ ($0.impression.weight, 1) }).interval, interval.upper < 0.99 {
            warnings.append(
                """
                support: about \(percent(unsupported)) of the target's probability is on items that the logged policy could not show \
                there. Only doubly-robust says something of them, by its model alone. Log with exploration that may show them.
                """
            )
        }
        if unknownPropensities > 0 {
            warnings.append(
                """
                support: \(unknownPropensities) of \(impressions) impressions have no propensity and count as without support. \
                Leave out the time before propensities were logged.
                """
            )
        }
        let silent = estimates.filter { $0.value == nil }.map(\.estimator.rawValue)
        if !silent.isEmpty {
            warnings.append(
                """
                no estimate: \(silent.joined(separator: ", ")). In some positions the log has nothing that the target would show \
                after the same items; for replay, no whole page.
                """
            )
        }
        let small = estimates.filter { $0.value != nil && $0.effectiveSampleSize < Self.leastSampleSize }
        if !small.isEmpty {
            let named = small.map { "\($0.estimator.rawValue) (\(number($0.effectiveSampleSize)))" }
            warnings.append(
                """
                effective sample size below 100: \(named.joined(separator: ", ")). Their intervals are not reliable. Log more \
                requests, or evaluate a policy nearer to the logged one.
                """
            )
        }
        let heavy = estimates.filter { $0.largestWeight > Self.greatestWeight }
        if !heavy.isEmpty {
            let named = heavy.map { "\($0.estimator.rawValue) (\(number($0.largestWeight)))" }
            warnings.append(
                """
                weights above 100: \(named.joined(separator: ", ")). A few impressions decide these estimates. Log with more \
                exploration.
                """
            )
        }
        let clipped = estimates.filter { $0.clippedCount > 0 }
        if !clipped.isEmpty {
            let named = clipped.map { "\($0.estimator.rawValue) (\($0.clippedCount))" }
            warnings.append(
                "weights clipped at \(number(clip)): \(named.joined(separator: ", ")). These estimates are biased."
            )
        }
        if loggedValue == 0 {
            warnings.append("no impression was clicked, so the estimates are 0 and the intervals have no width")
        }
        if users < 2 { warnings.append("all pages are of one user, so there are no intervals") }
        return warnings
    }

    private func percent(_ share: Double) -> String { String(format: "%.0f %%", 100 * share) }

    private func number(_ value: Double) -> String { String(format: "%.4g", value) }
}
