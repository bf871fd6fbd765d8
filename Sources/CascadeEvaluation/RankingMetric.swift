// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Foundation

/// One ranking metric at one cutoff, for users with exactly one relevant item each.
public struct RankingMetric: Sendable, Hashable, CustomStringConvertible {
    /// What is measured.
    public enum Kind: String, Sendable, CaseIterable {
        /// 1 when the target is among the first `cutoff`, otherwise 0 (with one relevant item also the hit rate).
        case recall
        /// `1 / rank`, and 0 beyond the cutoff.
        case mrr
        /// `1 / log2(rank + 1)`, and 0 beyond the cutoff; the ideal gain is 1.
        case ndcg
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

    /// The metric of one user whose target has this rank, counted from 1.
    public func value(rank: Int) -> Double {
        precondition(rank >= 1, "ranks count from 1")
        guard rank <= cutoff else { return 0 }
        return switch kind {
        case .recall: 1
        case .mrr: 1 / Double(rank)
        case .ndcg: 1 / log2(Double(rank) + 1)
        }
    }
}

/// One metric of every user, for intervals and paired tests.
///
/// - Parameters:
///   - name: A metric's name, such as `ndcg@10`; ``RankingMetric/init(_:)`` tells whether one is valid.
///   - ranks: Rank of every user's target, from 1.
public func perUserMetric(_ name: String, ranks: [Int]) -> [Double] {
    guard let metric = RankingMetric(name) else {
        preconditionFailure("'\(name)' is not a ranking metric; expected for example 'ndcg@10'")
    }
    return ranks.map(metric.value(rank:))
}

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
