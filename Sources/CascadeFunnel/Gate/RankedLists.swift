// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeEvaluation
import Foundation

/// The metrics of one list of items against the set of items that were wanted.
struct ListQuality: Sendable, Equatable {
    /// Each metric, in the order of its kind.
    let values: [GateSettings.Metric: Double]

    /// Scores a list.
    ///
    /// - Parameters:
    ///   - list: Distinct items, best first; the first `k` count.
    ///   - wanted: The relevant items, all of the same gain; at least one.
    ///   - k: How many positions count.
    /// - Source: Järvelin and Kekäläinen 2002, Cumulated gain-based evaluation of IR techniques, with binary gains.
    init(_ list: some Sequence<ItemID>, wanted: Set<ItemID>, k: Int) {
        precondition(!wanted.isEmpty && k > 0, "quality needs a wanted item and a position")
        let hits = list.prefix(k).enumerated().filter { wanted.contains($0.element) }.map(\.offset)
        let best = min(k, wanted.count)
        func gain(_ position: Int) -> Double { 1 / log2(Double(position + 2)) }
        let ideal = (0..<best).reduce(0) { $0 + gain($1) }
        values = [
            .ndcg: hits.reduce(0) { $0 + gain($1) } / ideal,
            .recall: Double(hits.count) / Double(best),
            .mrr: hits.first.map { 1 / Double($0 + 1) } ?? 0,
        ]
    }
}

/// The qualities of two versions for the same users.
struct PairedQualities {
    private var candidate: [GateSettings.Metric: [Double]] = [:]
    private var serving: [GateSettings.Metric: [Double]] = [:]

    /// Adds what both made of the cases of one user: the means over them.
    mutating func add(candidate own: [ListQuality], serving other: [ListQuality]) {
        guard !own.isEmpty, own.count == other.count else { return }
        for metric in GateSettings.Metric.allCases {
            func mean(_ cases: [ListQuality]) -> Double {
                cases.reduce(0) { $0 + ($1.values[metric] ?? 0) } / Double(cases.count)
            }
            candidate[metric, default: []].append(mean(own))
            serving[metric, default: []].append(mean(other))
        }
    }

    /// How many users there are.
    var users: Int { candidate.values.first?.count ?? 0 }

    /// The comparisons by name; none without at least two users.
    func comparisons(k: Int, confidence: Double) -> [String: GateReport.Comparison] {
        guard users >= 2 else { return [:] }
        return GateSettings.Metric.allCases.reduce(into: [:]) { result, metric in
            guard let own = candidate[metric], let other = serving[metric] else { return }
            let differences = zip(own, other).map { $0 - $1 }
            let interval = Bootstrap.interval(of: differences, samples: 2_000, level: confidence, seed: 1)
            func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }
            result["\(metric.rawValue)@\(k)"] = GateReport.Comparison(
                candidate: mean(own),
                serving: mean(other),
                difference: mean(differences),
                low: interval.lower,
                high: interval.upper,
                pValue: PairedTest.permutation(own, other, seed: 1)
            )
        }
    }
}
