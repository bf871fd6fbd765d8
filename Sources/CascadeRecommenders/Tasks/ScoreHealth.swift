// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeEvaluation
import CascadeTorch

/// What scores say about a model besides the order of the items: whether they tell anything apart.
public struct ScoreHealth: Sendable, Equatable {
    /// Scores that tell nothing apart.
    public enum Fault: String, Sendable {
        /// All items score alike.
        case constant = "all items have the same score"
        /// All users have the same scores, whatever their histories.
        case alike = "all users have the same scores, whatever their histories"
    }

    /// Scores that differ by less, as a share of the largest, differ by the rounding of float32 alone.
    static let tolerance = 1e-6

    /// What is wrong; nil when nothing is, or too little was scored to tell.
    public internal(set) var fault: Fault?
    /// Whether chance would do as well, by two standard deviations.
    public internal(set) var isAtChance = false

    /// Nothing is wrong.
    public init() {}

    /// Refuses scores that tell nothing apart, for a model that learns by gradients.
    ///
    /// - Throws: ``DivergenceError``.
    package func require(at place: String) throws {
        guard let fault else { return }
        throw DivergenceError(place, "\(fault.rawValue); expected scores that differ")
    }
}

// MARK: - Models that score the catalog

extension ScoreHealth.Fault {
    /// Looks at the scores of some users.
    ///
    /// - Parameters:
    ///   - scores: `[B, N]`, all finite, seen items included.
    ///   - areAlike: Whether all histories are the same, so that equal scores are right.
    init?(_ scores: Tensor, areAlike: Bool) throws {
        let (users, items) = (scores.size(0), scores.size(1))
        guard items > 1 else { return nil }
        let tolerance = try scores.abs().max().item() * ScoreHealth.tolerance
        if try (scores.max(1) - scores.min(1)).max().item() <= tolerance {
            self = .constant
        } else if users > 1, !areAlike, try (scores - scores.sliced(0, to: 1)).abs().max().item() <= tolerance {
            self = .alike
        } else {
            return nil
        }
    }
}

/// Ranks beside what chance would give.
struct ChanceOfRanks {
    private static let cutoff = 10
    private var cases = 0
    private var (sum, expected, variance) = (0.0, 0.0, 0.0)
    private var (hits, expectedHits) = (0.0, 0.0)

    /// Adds the rank of a target among so many candidates.
    mutating func add(rank: Int, of candidates: Int) {
        let count = Double(max(candidates, 1))
        cases += 1
        sum += Double(rank)
        expected += (count + 1) / 2
        variance += (count * count - 1) / 12
        hits += rank <= Self.cutoff ? 1 : 0
        expectedHits += min(1, Double(Self.cutoff) / count)
    }

    /// Whether neither the mean rank nor the hits among the first ten are better than chance by two deviations.
    var isAtChance: Bool {
        cases > 0 && sum >= expected - 2 * variance.squareRoot() && hits <= expectedHits + 2 * expectedHits.squareRoot()
    }
}

// MARK: - Models that score candidates

extension ScoreHealth {
    /// Looks at what a model said of the candidates of requests.
    ///
    /// - Parameters:
    ///   - scores: Log-odds of each candidate.
    ///   - requests: The request of each, numbered from 0, each request's candidates together.
    ///   - items: The item of each.
    ///   - metrics: What the scores amount to.
    ///   - labels: Whether each was chosen.
    public init(scores: [Float], requests: [Int], items: [Int32], labels: [Bool], metrics: ClickMetrics) {
        let largest = Double(scores.reduce(0) { max($0, abs($1)) })
        var canDiffer = false
        var doDiffer = false
        for place in scores.indices.dropFirst() where requests[place] == requests[place - 1] {
            guard items[place] != items[place - 1] else { continue }
            canDiffer = true
            guard Double(abs(scores[place] - scores[place - 1])) > largest * Self.tolerance else { continue }
            doDiffer = true
            break
        }
        fault = canDiffer && !doDiffer ? .constant : nil
        let chosen = Double(labels.count { $0 })
        let others = Double(labels.count) - chosen
        guard chosen > 0, others > 0 else { return }
        // The deviation of the area when chosen and others score alike (Mann and Whitney 1947).
        let bound = 0.5 + 2 * ((chosen + others + 1) / (12 * chosen * others)).squareRoot()
        isAtChance = ["auc", "gauc"].allSatisfy { metrics.values[$0].map { $0 <= bound } ?? true }
    }

    /// Refuses log-odds that are no numbers.
    ///
    /// - Throws: ``DivergenceError``.
    static func requireFinite(_ scores: [Float]) throws {
        guard let place = scores.firstIndex(where: { !$0.isFinite }) else { return }
        throw DivergenceError("score \(place + 1) of \(scores.count)", "a score is not a number (\(scores[place]))")
    }

    /// Refuses scores that are no numbers.
    static func requireFinite(_ scores: Tensor) throws {
        // A sum shows a single one of them, in one pass; in double precision it does not overflow by itself.
        guard try scores.sum().item().isFinite else {
            throw DivergenceError(
                "scores \(scores.shape)",
                "a score is not a number, or infinite; expected finite numbers"
            )
        }
    }
}
