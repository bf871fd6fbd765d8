// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Foundation

/// One ranking metric at one cutoff, for users with one relevant item (target) or several each.
///
/// Below, `T` is the number of a user's targets, different items all. With one target `recall`, `calibrated-recall` and
/// `hit-rate` are the same, `map` is `mrr`, and `precision` is the recall over the cutoff.
public struct RankingMetric: Sendable, Hashable, CustomStringConvertible {
    /// What is measured.
    public enum Kind: String, Sendable, CaseIterable {
        /// The share of the `T` targets that are among the first `cutoff`.
        case recall
        /// `1 / rank` of the best target, and 0 beyond the cutoff.
        case mrr
        /// The sum of `1 / log2(rank + 1)` over the targets among the first `cutoff`, over that of `min(cutoff, T)` targets
        /// at the top.
        case ndcg
        /// 1 when at least one target is among the first `cutoff`, otherwise 0.
        case hitRate = "hit-rate"
        /// The targets among the first `cutoff`, over the cutoff.
        case precision
        /// Average precision: the sum of the precisions at the ranks of the targets among the first `cutoff`, over
        /// `min(cutoff, T)`.
        case map
        /// The targets among the first `cutoff`, over `min(cutoff, T)`, so that 1 can be reached; Mult-VAE's recall.
        ///
        /// - Source: Liang et al., WWW 2018, arXiv:1802.05814, section 4.2.
        case calibratedRecall = "calibrated-recall"

        /// Those that say different things of users with one target each.
        public static let ofOneTarget: [Kind] = [.recall, .mrr, .ndcg]
    }

    /// What is measured.
    public let kind: Kind
    /// Number of places that count.
    public let cutoff: Int

    /// Creates a metric; `cutoff` must be at least 1.
    public init(_ kind: Kind, at cutoff: Int) {
        precondition(cutoff >= 1, "a cutoff counts places, so it is at least 1")
        self.kind = kind
        self.cutoff = cutoff
    }

    /// Understands a name such as `recall@10`; `nil` for anything else.
    public init?(_ name: String) {
        let parts = name.split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count == 2, let kind = Kind(rawValue: String(parts[0])), let cutoff = Int(parts[1]), cutoff >= 1
        else { return nil }
        self.init(kind, at: cutoff)
        guard description == name else { return nil }  // one spelling only: not "recall@+10", not "recall@010"
    }

    /// The metric's name, such as `ndcg@10`.
    public var description: String { "\(kind.rawValue)@\(cutoff)" }

    /// The metric of one user whose only target has this rank, counted from 1.
    public func value(rank: Int) -> Double {
        precondition(rank >= 1, "ranks count from 1")
        guard rank <= cutoff else { return 0 }
        return switch kind {
        case .recall, .hitRate, .calibratedRecall: 1
        case .mrr, .map: 1 / Double(rank)
        case .ndcg: 1 / log2(Double(rank) + 1)
        case .precision: 1 / Double(cutoff)
        }
    }

    /// The metric of one user whose targets have these ranks, counted from 1 and rising.
    public func value(ranks: some Collection<Int>) -> Double {
        guard ranks.count != 1 else { return ranks.first.map(value(rank:)) ?? 0 }
        let hits = ranks.prefix { $0 <= cutoff }
        guard let first = hits.first else { return 0 }
        let (found, possible) = (Double(hits.count), min(cutoff, ranks.count))
        return switch kind {
        case .recall: found / Double(ranks.count)
        case .calibratedRecall: found / Double(possible)
        case .precision: found / Double(cutoff)
        case .hitRate: 1
        case .mrr: 1 / Double(first)
        case .map: zip(1..., hits).reduce(0) { $0 + Double($1.0) / Double($1.1) } / Double(possible)
        case .ndcg: hits.reduce(0) { $0 + Self.gain($1) } / (1...possible).reduce(0) { $0 + Self.gain($1) }
        }
    }

    private static func gain(_ rank: Int) -> Double { 1 / log2(Double(rank) + 1) }

    /// A metric among those that a report holds, also one that it leaves out since users have one target each.
    ///
    /// - Parameters:
    ///   - name: A metric's name, of a ranking or another one.
    ///   - metrics: The report's.
    public static func value(_ name: String, in metrics: [String: Double]) -> Double? {
        if let value = metrics[name] { return value }
        guard let metric = RankingMetric(name) else { return nil }
        let same: Kind? =
            switch metric.kind {
            case .hitRate, .calibratedRecall, .precision: .recall
            case .map: .mrr
            case .recall, .mrr, .ndcg: nil
            }
        // Reports on several targets hold all kinds.
        guard let same, metrics["\(Kind.hitRate.rawValue)@\(metric.cutoff)"] == nil,
            let value = metrics[RankingMetric(same, at: metric.cutoff).description]
        else { return nil }
        return metric.kind == .precision ? value / Double(metric.cutoff) : value
    }
}

/// One metric of every user, for intervals and paired tests.
///
/// - Parameters:
///   - name: A metric's name, such as `ndcg@10`; ``RankingMetric/init(_:)`` tells whether one is valid.
///   - ranks: The ranks of every user's targets.
public func perUserMetric(_ name: String, ranks: TargetRanks) -> [Double] {
    guard let metric = RankingMetric(name) else {
        preconditionFailure("'\(name)' is not a ranking metric; expected for example 'ndcg@10'")
    }
    return ranks.hasSeveral ? ranks.map(metric.value(ranks:)) : ranks.flat.map(metric.value(rank:))
}

/// One metric of every user with one target each.
public func perUserMetric(_ name: String, ranks: [Int]) -> [Double] { perUserMetric(name, ranks: TargetRanks(ranks)) }

/// The rank of a target among candidates, from 1, with ties counted against the model.
///
/// That is one more than the number of other candidates whose score is at least the target's.
///
/// - Parameters:
///   - target: Position of the target in `scores`.
///   - scores: One score for every candidate.
///   - excluded: Positions left out of the ranking, such as items already seen; the target itself is never left out.
/// - Throws: ``EvaluationError`` when a score that takes part is NaN.
public func rank(
    of target: Int,
    in scores: [Float],
    excluding excluded: Set<Int> = []
) throws(EvaluationError) -> Int {
    let wanted = scores[target]
    var rank = 1
    for (index, score) in scores.enumerated() where index == target || !excluded.contains(index) {
        guard !score.isNaN else { throw .notANumber("rank", at: index) }
        if index != target, score >= wanted { rank += 1 }
    }
    return rank
}
