// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeConfigurations

/// What a candidate must show before it may serve.
public struct GateSettings: Sendable, Equatable {
    /// What the comparison with the serving version must show.
    public enum Requirement: String, Sendable, CaseIterable {
        /// Not worse: neither significantly, nor by more than the margin.
        case notWorse = "not-worse"
        /// Better: the whole confidence interval of the difference lies above 0.
        case better
    }

    /// A metric of the comparison, averaged over users.
    public enum Metric: String, Sendable, CaseIterable {
        /// Normalized discounted cumulative gain of the first `k` positions.
        case ndcg
        /// The wanted items among the first `k` positions, as a share of all wanted ones, or of `k` where there are more.
        case recall
        /// The reciprocal rank of the first wanted item, 0 beyond `k`.
        case mrr
    }

    /// Which choices of the window count.
    public enum Choices: String, Sendable, Codable, CaseIterable {
        /// Those that no recommended page led to: by a search, or by the user's own way.
        ///
        /// What a page offers is what can be chosen from it, so choices on pages speak for the version that made them.
        case organic
        /// All.
        case all
    }

    /// Which choices count; nil for organic ones where enough users have some, otherwise all.
    public var choices: Choices?
    /// What decides.
    public var metric = Metric.ndcg
    /// How many positions count.
    public var k = 10
    /// What the comparison must show.
    public var requirement = Requirement.notWorse
    /// The loss that is accepted, as a share of the serving version's metric.
    public var margin = 0.05
    /// The confidence of the interval.
    public var confidence = 0.95
    /// The fewest users of the window that a decision needs.
    public var minUsers = 50
    /// The most users that are asked about.
    public var maxUsers = 2_000
    /// How much slower than the serving version a candidate may be, by the 95th percentile.
    public var maxLatencyRatio = 3.0
    /// The least recall@100 of the candidate's index against exact search.
    public var minIndexRecall = 0.9

    /// The defaults.
    public init() {}

    init(_ group: SettingsGroup?) throws {
        guard var group else { return }
        choices = try group.choice("choices", of: Choices.self)
        metric = try group.choice("metric", of: Metric.self) ?? metric
        k = try group.whole("k", from: 1) ?? k
        requirement = try group.choice("require", of: Requirement.self) ?? requirement
        margin = try group.number("margin", from: 0) ?? margin
        confidence = try group.number("confidence", from: 0.5) ?? confidence
        minUsers = try group.whole("min_users", from: 2) ?? minUsers
        maxUsers = try group.whole("max_users", from: 2) ?? maxUsers
        maxLatencyRatio = try group.number("max_latency_ratio", from: 1) ?? maxLatencyRatio
        minIndexRecall = try group.number("min_index_recall", from: 0) ?? minIndexRecall
        try group.finish()
        guard confidence < 1 else {
            throw ConfigurationError("promotion.confidence: found \(confidence), expected a probability below 1")
        }
        guard minIndexRecall <= 1 else {
            throw ConfigurationError("promotion.min_index_recall: found \(minIndexRecall), expected at most 1")
        }
        guard minUsers <= maxUsers else {
            throw ConfigurationError(
                "promotion.max_users: found \(maxUsers), expected at least promotion.min_users, \(minUsers)"
            )
        }
    }
}
