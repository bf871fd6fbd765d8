// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// A logged page with its rewards, and how likely a target policy is to show the same items.
public struct OffPolicyPage: Sendable, Equatable {
    /// One item of the page.
    public struct Impression: Sendable, Equatable {
        /// Position on the page, from 0.
        public var position: Int
        /// What came of it: 1 for a click, 0 for none.
        public var reward: Double
        /// The probability with which the logged policy put this item here, given the items before; nil when unknown.
        public var propensity: Double?
        /// The probability with which the target policy puts this item here, given the same items before; 0 to 1.
        public var targetProbability: Double
        /// What a reward model expects; nil without one.
        public var estimates: RewardEstimates?

        /// Describes an impression.
        public init(
            position: Int,
            reward: Double,
            propensity: Double?,
            targetProbability: Double,
            estimates: RewardEstimates? = nil
        ) {
            self.position = position
            self.reward = reward
            self.propensity = propensity
            self.targetProbability = targetProbability
            self.estimates = estimates
        }
    }

    /// Who saw it: impressions of one user depend on one another.
    public var user: String
    /// By position.
    public var impressions: [Impression]

    /// Describes a page.
    public init(user: String, impressions: [Impression]) {
        self.user = user
        self.impressions = impressions
    }
}

/// What a reward model expects in one position of a page.
public struct RewardEstimates: Sendable, Equatable {
    /// Of the item that was shown.
    public var shown: Double
    /// Of the target policy: the mean over what it would show here, by its probabilities.
    public var target: Double

    /// Pairs two estimates.
    public init(shown: Double, target: Double) {
        self.shown = shown
        self.target = target
    }
}

extension OffPolicyPage.Impression {
    /// Whether the log says with which probability the item was shown.
    var isSupported: Bool { propensity.map { $0 > 0 } ?? false }

    /// The importance weight: target probability over propensity; 0 where that is unknown.
    var weight: Double {
        guard let propensity, propensity > 0 else { return 0 }
        return targetProbability / propensity
    }
}
