// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Foundation

/// Metrics of a CTR model: over all candidates, and within each request.
public struct ClickMetrics: Sendable, Equatable {
    /// Every metric's name.
    ///
    /// `auc` over all candidates; `gauc` within requests, weighted by their candidates; `gauc-mean` within requests, all of the same weight; `gauc-category` within the
    /// candidates of a category, as DARE reports it; `mrr` and `ndcg@10`, over requests with a clicked candidate, the
    /// reciprocal rank of the first one and the normalized discounted gain of all; `accuracy` at one half; `logloss` in
    /// nats; `ece`, the expected calibration error; `calibration`, predicted over observed clicks, 1 at best.
    ///
    /// Those that begin with `purchase-` are of the predictions of purchases, over the same candidates.
    public static let names =
        ["auc", "gauc", "gauc-mean", "gauc-category", "mrr", "ndcg@10", "accuracy", "logloss", "ece", "calibration"]
        + purchaseMetrics.map(purchase)
    /// Metrics that can select a CTR model: higher is better, and no other kind of model has a metric of the name.
    public static let selecting = ["auc", "gauc", "mrr", "accuracy"]

    private static let purchaseMetrics = ["auc", "gauc", "logloss", "ece"]
    private static func purchase(_ metric: String) -> String { "purchase-\(metric)" }

    /// Whether a model is better where the metric is higher (1) or lower (-1); nil for `calibration`, best at 1.
    public static func direction(of metric: String) -> Double? {
        switch metric {
        case "logloss", "ece", purchase("logloss"), purchase("ece"): -1
        case "calibration": nil
        default: 1
        }
    }

    /// The metrics that are defined, by name.
    public let values: [String: Double]
    /// What each request adds to those metrics that are means over requests: `auc`, `mrr`, `ndcg@10`, `accuracy`,
    /// `logloss`, `purchase-auc`, `purchase-logloss`.
    ///
    /// The mean of what requests add is the metric. For paired tests and intervals. To `mrr` and `ndcg@10` a request with
    /// a clicked candidate adds its own value where all have one; otherwise its distance from the metric counts so much
    /// more as there are fewer of them, and a request without adds the metric itself, which moves nothing.
    public let perRequest: [String: [Double]]

    /// Computes the metrics.
    ///
    /// - Parameters:
    ///   - probabilities: The predicted probability of a click on each candidate.
    ///   - labels: Whether it was clicked.
    ///   - requests: The request of each candidate, numbered from 0 without gaps, in any order.
    ///   - categories: The category of each candidate; empty when there are none.
    ///   - purchases: The predicted probability of a purchase of each candidate, clicked or not, and whether it was
    ///     purchased; nil for a model or a source without purchases.
    /// - Throws: ``EvaluationError`` when a value is NaN or no probability.
    /// - Complexity: O(n log n).
    public init(
        probabilities: [Float],
        labels: [Bool],
        requests: [Int],
        categories: [Int] = [],
        purchases: (probabilities: [Float], labels: [Bool])? = nil
    ) throws(EvaluationError) {
        try self.init(
            ordering: probabilities,
            probabilities: probabilities,
            labels: labels,
            requests: requests,
            categories: categories,
            purchases: purchases.map { ($0.probabilities, $0.probabilities, $0.labels) }
        )
    }

    /// Computes the metrics of log-odds, which order candidates whose probabilities single precision cannot tell apart.
    ///
    /// - Parameters:
    ///   - logits: The predicted log-odds of a click on each candidate.
    ///   - labels: Whether it was clicked.
    ///   - requests: The request of each candidate, numbered from 0 without gaps, in any order.
    ///   - categories: The category of each candidate; empty when there are none.
    ///   - purchases: The predicted log-odds of a purchase of each candidate, clicked or not, and whether it was purchased;
    ///     nil for a model or a source without purchases.
    /// - Throws: ``EvaluationError`` when a value is NaN.
    /// - Complexity: O(n log n).
    public init(
        logits: [Float],
        labels: [Bool],
        requests: [Int],
        categories: [Int] = [],
        purchases: (logits: [Float], labels: [Bool])? = nil
    ) throws(EvaluationError) {
        func probabilities(_ logits: [Float]) -> [Float] { logits.map { 1 / (1 + exp(-$0)) } }
        try self.init(
            ordering: logits,
            probabilities: probabilities(logits),
            labels: labels,
            requests: requests,
            categories: categories,
            purchases: purchases.map { ($0.logits, probabilities($0.logits), $0.labels) }
        )
    }

    private init(
        ordering scores: [Float],
        probabilities: [Float],
        labels: [Bool],
        requests: [Int],
        categories: [Int],
        purchases: (scores: [Float], probabilities: [Float], labels: [Bool])?
    ) throws(EvaluationError) {
        precondition(labels.count == probabilities.count && requests.count == labels.count, "one of each a candidate")
        var values: [String: Double] = [:]
        var perRequest: [String: [Double]] = [:]
        values["auc"] = try areaUnderCurve(scores: scores, labels: labels)
        let byRequest = try GroupedAreaUnderCurve(scores: scores, labels: labels, groups: requests)
        (values["gauc"], values["gauc-mean"]) = (byRequest.weighted, byRequest.unweighted)
        if !categories.isEmpty {
            let grouped = try GroupedAreaUnderCurve(scores: scores, labels: labels, groups: categories)
            values["gauc-category"] = grouped.weighted
        }
        values["logloss"] = try Calibration.logLoss(probabilities: probabilities, labels: labels)
        values["ece"] = try Calibration.expectedError(probabilities: probabilities, labels: labels)
        let clicks = labels.count { $0 }
        if clicks > 0 { values["calibration"] = probabilities.reduce(0) { $0 + Double($1) } / Double(clicks) }
        if !labels.isEmpty {
            let right = zip(probabilities, labels).count { ($0 > 0.5) == $1 }
            values["accuracy"] = Double(right) / Double(labels.count)
        }
        let count = (requests.max() ?? -1) + 1
        let share = Double(count) / Double(max(labels.count, 1))
        func spread(_ value: (Int) -> Double) -> [Double] {
            var sums = [Double](repeating: 0, count: count)
            for (index, request) in requests.enumerated() { sums[request] += value(index) * share }
            return sums
        }
        let ranks = ClickedRanks(scores, labels, requests: requests, count: count)
        let ranked: [(name: String, values: [Double?])] = [
            ("mrr", ranks.reciprocalRanks), ("ndcg@10", ranks.normalizedGains(at: 10)),
        ]
        for (name, terms) in ranked {
            guard let mean = meanOfKnown(terms) else { continue }
            (values[name], perRequest[name]) = (mean, spreadOverAll(terms, mean))
        }
        perRequest["accuracy"] = spread { (probabilities[$0] > 0.5) == labels[$0] ? 1 : 0 }
        perRequest["logloss"] = spread { logLossTerm(probabilities[$0], labels[$0]) }
        if let area = values["auc"] {
            perRequest["auc"] = Self.areas(scores, labels, requests: requests, count: count, area)
        }
        if let purchases {
            let bought = try ClickMetrics(
                ordering: purchases.scores,
                probabilities: purchases.probabilities,
                labels: purchases.labels,
                requests: requests,
                categories: [],
                purchases: nil
            )
            for metric in Self.purchaseMetrics {
                values[Self.purchase(metric)] = bought.values[metric]
                perRequest[Self.purchase(metric)] = bought.perRequest[metric]
            }
        }
        self.values = values
        self.perRequest = perRequest
    }

    /// What each request adds to the area under the curve, so that their mean is the area.
    private static func areas(
        _ scores: [Float],
        _ labels: [Bool],
        requests: [Int],
        count: Int,
        _ area: Double
    ) -> [Double] {
        let clicks = labels.count { $0 }
        let places = placements(scores, labels)
        let weights = (
            positive: Double(count) / Double(clicks), negative: Double(count) / Double(labels.count - clicks)
        )
        var sums = [Double](repeating: -area, count: count)
        for (index, request) in requests.enumerated() {
            sums[request] += places[index] * (labels[index] ? weights.positive : weights.negative)
        }
        return sums
    }
}

/// Of every candidate, the share of candidates of the other label that it is on the right side of; ties count half.
///
/// Their means over the positive and over the negative candidates are both the area under the curve.
///
/// - Source: DeLong, DeLong & Clarke-Pearson 1988, "Comparing the areas under two or more correlated ROC curves".
private func placements(_ scores: [Float], _ labels: [Bool]) -> [Double] {
    let order = scores.indices.sorted { scores[$0] < scores[$1] }
    let positives = Double(labels.count { $0 })
    let negatives = Double(labels.count) - positives
    var result = [Double](repeating: 0, count: scores.count)
    var below = (positive: 0.0, negative: 0.0)
    var start = 0
    while start < order.count {
        let score = scores[order[start]]
        let end = order[start...].firstIndex { scores[$0] != score } ?? order.count
        let tied = Double(order[start..<end].count { labels[$0] })
        let others = Double(end - start) - tied
        for index in order[start..<end] {
            let worse = below.negative + others / 2
            let better = positives - below.positive - tied / 2
            result[index] = labels[index] ? worse / negatives : better / positives
        }
        below = (below.positive + tied, below.negative + others)
        start = end
    }
    return result
}
