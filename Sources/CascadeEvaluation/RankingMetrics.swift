// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// Recall, mean reciprocal rank and normalized discounted cumulative gain, averaged over users.
///
/// The ranks of every user's targets within the whole catalog are given. Where a user has several, the other kinds of
/// ``RankingMetric`` are there too; with one target each, they say nothing new. Sums are in double precision and in the
/// order of the ranks, so that they do not depend on how users were divided into batches. Without users there are no
/// values. In JSON it is one flat object from name to number; other keys beside the metrics are ignored on reading.
public struct RankingMetrics: Codable, Sendable, Equatable {
    /// K of the metrics, where nothing else is said.
    public static let cutoffs = [1, 2, 5, 10, 20, 50, 100]
    /// The names of the metrics at these cutoffs, for users with one target each.
    public static let names = names(RankingMetric.Kind.ofOneTarget)
    /// The names of all metrics at these cutoffs, for users with several targets.
    public static let allNames = names(RankingMetric.Kind.allCases)

    private static func names(_ kinds: [RankingMetric.Kind]) -> [String] {
        kinds.flatMap { kind in cutoffs.map { RankingMetric(kind, at: $0).description } }
    }

    private struct Mean: Sendable, Equatable {
        let metric: RankingMetric
        let value: Double
    }

    private let means: [Mean]

    /// Averages over users with one target each.
    ///
    /// - Parameters:
    ///   - ranks: Rank of every user's target, from 1.
    ///   - cutoffs: Numbers of places that count.
    public init(ranks: [Int], cutoffs: [Int] = RankingMetrics.cutoffs) {
        self.init(ranks: TargetRanks(ranks), cutoffs: cutoffs)
    }

    /// Averages over users.
    ///
    /// - Parameters:
    ///   - ranks: The ranks of every user's targets.
    ///   - cutoffs: Numbers of places that count.
    public init(ranks: TargetRanks, cutoffs: [Int] = RankingMetrics.cutoffs) {
        guard !ranks.isEmpty else {
            means = []
            return
        }
        let kinds = ranks.hasSeveral ? RankingMetric.Kind.allCases : RankingMetric.Kind.ofOneTarget
        means = kinds.flatMap { kind in
            cutoffs.map { cutoff in
                let metric = RankingMetric(kind, at: cutoff)
                let sum =
                    ranks.hasSeveral
                    ? ranks.reduce(into: 0.0) { $0 += metric.value(ranks: $1) }
                    : ranks.flat.reduce(into: 0.0) { $0 += metric.value(rank: $1) }
                return Mean(metric: metric, value: sum / Double(ranks.count))
            }
        }
    }

    /// The metric of that name, such as `ndcg@10`; `nil` when it was not computed.
    public subscript(_ name: String) -> Double? {
        means.first { $0.metric.description == name }?.value
    }

    /// All metrics: first recall, then mean reciprocal rank, then discounted gain, then the others, each by rising cutoff.
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
