// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Foundation

/// Measures of how far probabilities can be taken at their word.
public enum Calibration {
    /// Probabilities are moved to at least this far from 0 and 1 before their logarithm is taken.
    public static let clip = 1e-7

    /// Mean negative log-likelihood of the labels, in nats; `nil` without examples.
    ///
    /// - Parameters:
    ///   - probabilities: Probability that each example is positive, clipped by ``clip``.
    ///   - labels: Whether each example is positive.
    /// - Throws: ``EvaluationError`` when a value is NaN or outside 0 to 1.
    public static func logLoss(probabilities: [Float], labels: [Bool]) throws(EvaluationError) -> Double? {
        try check(probabilities, labels, "logloss")
        guard !labels.isEmpty else { return nil }
        var sum = 0.0
        for (probability, label) in zip(probabilities, labels) { sum += logLossTerm(probability, label) }
        return sum / Double(labels.count)
    }

    /// Expected calibration error: the gap between mean probability and share of positives, averaged over bins by size.
    ///
    /// - Parameters:
    ///   - probabilities: Probability that each example is positive.
    ///   - labels: Whether each example is positive.
    ///   - bins: Number of bins of equal width between 0 and 1; a value on a border belongs to the upper bin.
    /// - Returns: From 0 to 1; `nil` without examples.
    /// - Throws: ``EvaluationError`` when a value is NaN or outside 0 to 1.
    /// - Source: Naeini, Cooper & Hauskrecht 2015, "Obtaining well calibrated probabilities using Bayesian binning".
    public static func expectedError(
        probabilities: [Float],
        labels: [Bool],
        bins: Int = 15
    ) throws(EvaluationError) -> Double? {
        precondition(bins >= 1, "at least one bin is needed")
        try check(probabilities, labels, "ece")
        guard !labels.isEmpty else { return nil }
        var gaps = [Double](repeating: 0, count: bins)
        for (probability, label) in zip(probabilities, labels) {
            let bin = min(Int(Double(probability) * Double(bins)), bins - 1)
            gaps[bin] += Double(probability) - (label ? 1 : 0)
        }
        // A bin's size times its gap is the absolute sum of its differences.
        return gaps.reduce(0) { $0 + abs($1) } / Double(labels.count)
    }

    private static func check(_ values: [Float], _ labels: [Bool], _ metric: String) throws(EvaluationError) {
        precondition(values.count == labels.count, "every probability needs a label")
        try requireNumbers(values, metric)
        if let index = values.firstIndex(where: { $0 < 0 || $0 > 1 }) {
            throw .notAProbability(metric, at: index, values[index])
        }
    }
}

/// What one example adds to the log loss, in nats.
func logLossTerm(_ probability: Float, _ label: Bool) -> Double {
    let clipped = min(max(Double(probability), Calibration.clip), 1 - Calibration.clip)
    return label ? -log(clipped) : -log1p(-clipped)
}
