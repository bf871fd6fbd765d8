// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets

/// An answered request of a user, with what it showed and what was clicked: what off-policy evaluation reads.
public struct LoggedRequest: Sendable, Equatable {
    /// An item that was shown.
    public struct Impression: Sendable, Equatable {
        /// The item.
        public var item: ItemID
        /// Position on the page, from 0.
        public var position: Int
        /// The probability with which the policy put the item into this position, given the positions before it; nil when
        /// unknown.
        public var propensity: Double?
        /// Whether a click is attributed to it.
        public var isClicked: Bool

        /// Describes an impression.
        public init(item: ItemID, position: Int, propensity: Double?, isClicked: Bool) {
            self.item = item
            self.position = position
            self.propensity = propensity
            self.isClicked = isClicked
        }
    }

    /// The request's id.
    public var id: String
    /// Who saw it.
    public var user: UserID
    /// When, in seconds since 1970-01-01 UTC.
    public var time: Int64
    /// What is known of the request.
    public var facts: RequestFacts
    /// By position.
    public var impressions: [Impression]

    /// Describes a request.
    public init(id: String, user: UserID, time: Int64, facts: RequestFacts, impressions: [Impression]) {
        self.id = id
        self.user = user
        self.time = time
        self.facts = facts
        self.impressions = impressions
    }
}
