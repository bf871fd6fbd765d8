// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeEvaluation
import CascadeSimulation
import Foundation

/// The best figures that are possible on a data set of the world `shop`, as a table.
enum ShopIdeal {
    private static let metrics = [
        "auc", "gauc", "mrr", "ndcg@10", "logloss", "purchase-auc", "purchase-gauc", "purchase-logloss",
    ]
    private static let temporal = Split.temporal(validation: .quantile(0.8), test: .quantile(0.9))
    private static let partial: [(name: String, knowledge: ShopSimulator.Knowledge)] = [
        ("without taste", [.relevance, .budget, .circumstances]),
        ("without budget", [.relevance, .taste, .circumstances]),
        ("without either", [.relevance, .circumstances]),
        ("relevance alone", .relevance),
    ]

    /// What was shown and chosen, then the figures of test requests.
    ///
    /// - Throws: ``DatasetError`` when the data set is not of this world.
    static func text(_ data: Dataset) throws -> String {
        guard let table = data.requests else { return "" }
        let shown = table.items.count
        let (clicks, purchases) = (0..<shown).reduce(into: (0, 0)) { sums, place in
            sums.0 += table.isClicked(place) ? 1 : 0
            sums.1 += table.isPurchased(place) ? 1 : 0
        }
        func share(_ part: Int, _ whole: Int) -> String {
            (Double(part) / Double(max(whole, 1))).formatted(.percent.precision(.fractionLength(1)))
        }
        let world = try ShopSimulator(of: data)
        let last = try SplitDataset(requestsOf: data, .leaveOneOut).requests?.numbers(.test) ?? []
        let late = try SplitDataset(requestsOf: data, temporal).requests?.numbers(.test) ?? []
        var rows = [["test requests", "number"] + metrics]
        for (name, requests) in [("leave-one-out", last), ("temporal", late)] {
            rows.append(try row(name, world.idealScores(in: data, requests: requests), requests.count))
        }
        for (name, knowledge) in partial {
            // Orders alone: what is unknown is at its mean, so these are no probabilities.
            let scores = try world.idealScores(in: data, requests: last, knowing: knowledge)
            rows.append(try row("leave-one-out \(name)", scores, last.count, leavingOut: "logloss"))
        }
        return """
            \(table.count) requests, \(shown) shown items: \(share(clicks, shown)) clicked, \(share(purchases, clicks)) of \
            these bought
            The best possible, tastes and budgets of the moment known:
            \(Terminal.table(rows))
            """
    }

    private static func row(
        _ name: String,
        _ scores: ShopSimulator.IdealScores,
        _ count: Int,
        leavingOut hidden: String? = nil
    ) throws -> [String] {
        let scored = try ClickMetrics(
            probabilities: scores.clicks,
            labels: scores.isClicked,
            requests: scores.requests,
            purchases: (scores.purchases, scores.isPurchased)
        )
        let cells = metrics.map { metric -> String in
            guard let value = scored.values[metric], hidden.map({ !metric.hasSuffix($0) }) ?? true else { return "–" }
            return value.formatted(.number.precision(.fractionLength(4)))
        }
        return [name, "\(count)"] + cells
    }
}
