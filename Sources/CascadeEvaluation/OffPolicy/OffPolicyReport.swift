// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// How the value of a policy is estimated from pages that another policy showed.
public enum OffPolicyEstimator: String, Sendable, Codable, CaseIterable {
    /// The click rate of the pages that the target policy would have shown exactly so, for certain.
    ///
    /// Assumes that such requests are like the others; most often few are left.
    ///
    /// - Source: Li et al. 2011, Unbiased Offline Evaluation of Contextual-bandit-based News Article Recommendation Algorithms.
    case replay
    /// Inverse propensity scoring: each reward weighs target probability over propensity.
    ///
    /// Assumes the item-position model: a click depends on the item and its position only.
    ///
    /// - Source: Li et al. 2018, Offline Evaluation of Ranking Policies with Click Models.
    /// - Deviation: probabilities are those given the items before, not marginal ones. Both agree where the target's choice in a
    ///   position does not depend on the items before, as on a deterministic page.
    case ips
    /// The same, divided in each position by the mean weight there, which would be 1: some bias for less variance.
    ///
    /// - Source: Swaminathan and Joachims 2015, The Self-Normalized Estimator for Counterfactual Learning.
    case snips
    /// Each reward weighs the product of the ratios of its position and all before, divided in each position by the mean weight.
    ///
    /// Assumes only that a click does not depend on the items below.
    ///
    /// - Source: RIPS, McInerney et al. 2020, Counterfactual Evaluation of Slate Recommendations with Sequential Reward
    ///   Interactions.
    /// - Deviation: the products always go back to the first position; there is no shorter lookback.
    case sequential
    /// What a reward model expects of the target policy, plus its weighted errors on what was shown; as ``ips`` otherwise.
    ///
    /// Right when either the propensities or the model are.
    ///
    /// - Source: Dudik et al. 2011, Doubly Robust Policy Evaluation and Learning.
    case doublyRobust = "doubly-robust"
}

/// What logged pages say of a target policy: its click rate by several estimators, and how far to trust them.
///
/// The value is expected clicks per impression. Intervals are normal ones of 95 %, by the delta method, with users as the unit:
/// impressions of one user may depend on one another.
///
/// - Source: Deng, Knoblich and Lu 2018, Applying the Delta Method in Metric Analytics, KDD, section 3.
public struct OffPolicyReport: Sendable, Equatable, Codable {
    /// One estimate of the target policy's value.
    public struct Estimate: Sendable, Equatable, Codable {
        /// How it was made.
        public var estimator: OffPolicyEstimator
        /// Expected clicks per impression; nil when the log says nothing of it, or nothing in some positions.
        public var value: Double?
        /// Where the value lies; nil for fewer than two users.
        public var interval: ConfidenceInterval?
        /// How many impressions of equal weight would say as much: the squared sum of the weights over the sum of their squares.
        ///
        /// - Source: Kish 1965, Survey Sampling.
        public var effectiveSampleSize: Double
        /// The estimated share of the target policy's probability that the log can speak of, 0 to 1.
        ///
        /// It is the mean weight, which is 1 when the logged policy may show all that the target shows. For
        /// ``OffPolicyEstimator/replay`` it is the share of the requests.
        public var support: Double
        /// The largest weight, before clipping.
        public var largestWeight: Double
        /// How many weights were clipped.
        public var clippedCount: Int

        private enum CodingKeys: String, CodingKey {
            case estimator, value, interval, support
            case effectiveSampleSize = "effective_sample_size"
            case largestWeight = "largest_weight"
            case clippedCount = "clipped_count"
        }
    }

    /// The threshold that weights are clipped at when nobody says otherwise.
    public static let defaultClip = 100.0

    /// One for each estimator that could be used, in the order of ``OffPolicyEstimator``.
    public var estimates: [Estimate]
    /// The logged policy's own clicks per impression; nil without impressions.
    public var loggedValue: Double?
    /// Where that lies; nil for fewer than two users.
    public var loggedInterval: ConfidenceInterval?
    /// How many users saw the pages.
    public var users: Int
    /// How many pages there are.
    public var requests: Int
    /// How many items they show.
    public var impressions: Int
    /// How many impressions have no propensity, so that nothing can be said of them.
    public var unknownPropensities: Int
    /// The largest weight that is used; larger ones are cut to it.
    public var clip: Double
    /// The estimated share of the target policy's probability without support in the log, 0 to 1.
    public var unsupported: Double
    /// Reasons not to trust the estimates, in sentences.
    public var warnings: [String]

    private enum CodingKeys: String, CodingKey {
        case estimates, users, requests, impressions, clip, unsupported, warnings
        case loggedValue = "logged_value"
        case loggedInterval = "logged_interval"
        case unknownPropensities = "unknown_propensities"
    }

    /// Estimates the value of the target policy.
    ///
    /// - Parameters:
    ///   - pages: What was logged, with the target's probabilities.
    ///   - clip: The largest weight that is used, above 0. Clipping lowers the variance, for some bias.
    /// - Throws: ``EvaluationError`` for probabilities outside 0 to 1, and rewards or estimates that are not finite.
    public init(_ pages: [OffPolicyPage], clip: Double = defaultClip) throws {
        precondition(clip > 0, "weights are clipped at a number above 0")
        try Self.check(pages)
        let sample = OffPolicySample(pages, clip: clip)
        users = sample.userCount
        requests = pages.count
        impressions = sample.rows.count
        unknownPropensities = sample.rows.count { !$0.impression.isSupported }
        self.clip = clip
        let logged = sample.ratio { ($0.impression.reward, 1) }
        (loggedValue, loggedInterval) = (logged.value, logged.interval)
        estimates = OffPolicyEstimator.allCases.compactMap(sample.estimate)
        unsupported = max(0, 1 - sample.ratio { ($0.impression.weight, 1) }.orZero)
        warnings = []
        warnings = self.warnings(on: sample)
    }

    private static func check(_ pages: [OffPolicyPage]) throws {
        var index = 0
        for impression in pages.lazy.flatMap(\.impressions) {
            for probability in [impression.targetProbability, impression.propensity ?? 1]
            where !(0...1).contains(probability) {
                throw EvaluationError.notAPropensity("off-policy evaluation", at: index, probability)
            }
            let estimates = impression.estimates
            for number in [impression.reward, estimates?.shown ?? 0, estimates?.target ?? 0] where !number.isFinite {
                throw EvaluationError.notFinite("off-policy evaluation", at: index, number)
            }
            index += 1
        }
    }
}
