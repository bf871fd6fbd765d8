// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeConfigurations

/// How a page departs at random from what the rules choose, so that the store learns about other items too.
///
/// Each impression is logged with its propensity, the exact probability of its item in its position given those before. Off-policy
/// evaluation needs both: random choices, and their probabilities.
public enum Exploration: Sendable, Equatable {
    /// Some of the last positions show an item from further down.
    case epsilonGreedy(EpsilonGreedy)
    /// The order is drawn at random, the better items first more often.
    case plackettLuce(PlackettLuce)

    /// The last positions of the page each show, with some probability, an item drawn uniformly from a pool.
    public struct EpsilonGreedy: Sendable, Equatable {
        /// The probability with which a position explores, 0 to 1.
        public var epsilon: Double
        /// How many positions at the end of the page explore; never those of pinned items.
        public var positions: Int
        /// How many ranked candidates the pool has: the next ones that are not on the page.
        public var pool: Int
        /// Whether the pool also has as many of the newest items of the catalog, which nobody has seen yet.
        public var newest: Bool

        /// Describes the exploration.
        public init(epsilon: Double = 0.1, positions: Int = 1, pool: Int = 50, newest: Bool = false) {
            self.epsilon = epsilon
            self.positions = positions
            self.pool = pool
            self.newest = newest
        }
    }

    /// The page below the pinned items is drawn without replacement with probabilities proportional to exp(score / temperature).
    ///
    /// The score is the one by which the rules order items: position score plus freshness score.
    ///
    /// - Source: Plackett 1975, The Analysis of Permutations; Luce 1959, Individual Choice Behavior.
    public struct PlackettLuce: Sendable, Equatable {
        /// In units of the score, above 0: small keeps the order, large makes all candidates alike.
        public var temperature: Double
        /// How many of the best candidates are drawn from; the others follow in their order.
        public var pool: Int

        /// Describes the exploration.
        public init(temperature: Double = 0.05, pool: Int = 50) {
            self.temperature = temperature
            self.pool = pool
        }
    }

    private enum Kind: String, CaseIterable {
        case epsilonGreedy = "epsilon"
        case plackettLuce = "plackett-luce"
    }

    /// The lowest temperature of a configuration: a thousandth of the list.
    static let lowestTemperature = 0.001

    /// Reads the exploration of a funnel; nil when there is none, or when it is switched off with `false`.
    ///
    /// Keys of the other kind are read but not used, so that a variant can change the kind.
    init?(in outer: inout SettingsGroup, _ key: String) throws {
        if outer.value(key) == .bool(false) { return nil }
        guard var group = try outer.group(key) else { return nil }
        guard let kind = try group.choice("kind", of: Kind.self) else {
            throw group.refusal("kind", .null, "epsilon or plackett-luce; add one, or leave 'exploration' out")
        }
        var (greedy, drawn) = (EpsilonGreedy(), PlackettLuce())
        greedy.epsilon = try group.number("epsilon", from: 0) ?? greedy.epsilon
        greedy.positions = try group.whole("positions", from: 1) ?? greedy.positions
        greedy.newest = try group.flag("newest") ?? greedy.newest
        let pool = try group.whole("pool", from: 1)
        (greedy.pool, drawn.pool) = (pool ?? greedy.pool, pool ?? drawn.pool)
        drawn.temperature = try group.number("temperature", from: Self.lowestTemperature) ?? drawn.temperature
        try group.finish()
        switch kind {
        case .epsilonGreedy: self = .epsilonGreedy(greedy)
        case .plackettLuce: self = .plackettLuce(drawn)
        }
    }

    /// Refuses what cannot work, by itself or with the other rules.
    ///
    /// - Parameters:
    ///   - path: The name of the funnel's `rerank`, for messages.
    ///   - rules: The rules that the exploration belongs to.
    ///   - purpose: What the funnel makes pages for.
    /// - Throws: ``ConfigurationError``.
    func validate(_ path: String, beside rules: RerankRules, for purpose: FunnelPlan.Purpose) throws {
        switch self {
        case .epsilonGreedy(let greedy):
            guard (0...1).contains(greedy.epsilon) else {
                throw ConfigurationError(
                    "\(path).exploration.epsilon: found \(greedy.epsilon), expected a probability from 0 to 1"
                )
            }
            guard greedy.positions >= 1, greedy.pool >= 1 else {
                throw ConfigurationError(
                    """
                    \(path).exploration: found \(greedy.positions) positions and a pool of \(greedy.pool), expected at least 1 \
                    of each; leave 'exploration' out for none
                    """
                )
            }
            guard !greedy.newest || purpose == .recommendation else {
                throw ConfigurationError(
                    """
                    \(path).exploration.newest: found true, expected false in a search, since the newest items answer no query; \
                    leave it out
                    """
                )
            }
        case .plackettLuce(let drawn):
            guard drawn.temperature >= Self.lowestTemperature, drawn.temperature.isFinite, drawn.pool >= 1 else {
                throw ConfigurationError(
                    """
                    \(path).exploration: found the temperature \(drawn.temperature) and a pool of \(drawn.pool), expected a \
                    temperature from \(Self.lowestTemperature) and a pool from 1; leave 'exploration' out for none
                    """
                )
            }
            guard rules.diversityWeight == 0 else {
                throw ConfigurationError(
                    """
                    \(path).exploration: found kind plackett-luce beside diversity.weight \(rules.diversityWeight), expected one \
                    of them, since a drawn order takes no notice of diversity; set diversity.weight to 0, or use kind epsilon
                    """
                )
            }
        }
    }
}
