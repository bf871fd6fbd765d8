// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// Recall, mean reciprocal rank and normalized discounted cumulative gain, averaged over users.
///
/// Every user has one target, whose rank within the whole catalog is given. Sums are in double precision and in the
/// order of the ranks, so that they do not depend on how users were divided into batches. Without users there are no
/// values. In JSON it is one flat object from name to number; other keys beside the metrics are ignored on reading.
public struct RankingMetrics: Codable, Sendable, Equatable {
    /// K of the metrics, where nothing else is said.
    public static let cutoffs = [1, 2, 5, 10, 20, 50, 100]
    /// The names of the metrics at these cutoffs.
    public static let names = ["recall", "mrr", "ndcg"].flatMap { name in cutoffs.map { "\(name)@\($0)" } }

    private struct Mean: Sendable, Equatable {
        let metric: RankingMetric
        let value: Double
    }

    private let means: [Mean]

    /// Averages over users.
    ///
    /// - Parameters:
    ///   - ranks: Rank of every user's target, from 1.
    ///   - cutoffs: Numbers of places that count.
    public init(ranks: [Int], cutoffs: [Int] = RankingMetrics.cutoffs) {
        guard !ranks.isEmpty else {
            means = []
            return
        }
        means = RankingMetric.Kind.allCases.flatMap { kind in
            cutoffs.map { cutoff in
                let metric = RankingMetric(kind, at: cutoff)
                let sum = ranks.reduce(into: 0.0) { $0 += metric.value(rank: $1) }
                return Mean(metric: metric, value: sum / Double(ranks.count))
            }
        }
    }

    /// The metric of that name, such as `ndcg@10`; `nil` when it was not computed.
    public subscript(_ name: String) -> Double? {
        means.first { $0.metric.description == name }?.value
    }

    /// All metrics: first recall, then mean reciprocal rank, then discounted gain, each by rising cutoff.
    public var values: [(name: String, value: Double)] {
        means.map { ($0.metric.description, $0.value) }
    }

    private struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    /// Writes one number under every metric's name.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        for mean in means { try container.encode(mean.value, forKey: Key(stringValue: mean.metric.description)) }
    }

    /// Reads the numbers that stand under metrics' names.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        let metrics = container.allKeys.compactMap { RankingMetric($0.stringValue) }
        let order = Dictionary(uniqueKeysWithValues: RankingMetric.Kind.allCases.enumerated().map { ($1, $0) })
        means =
            try metrics
            .sorted { (order[$0.kind] ?? 0, $0.cutoff) < (order[$1.kind] ?? 0, $1.cutoff) }
            .map {
                try Mean(metric: $0, value: container.decode(Double.self, forKey: Key(stringValue: $0.description)))
            }
    }
}
