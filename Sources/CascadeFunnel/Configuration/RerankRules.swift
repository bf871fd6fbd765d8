// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeConfigurations
public import CascadeDatasets

/// The rules that turn ranked candidates into a page.
///
/// Weights are shares of the list: what stands first is worth 1, what stands last next to 0, whatever the scores are,
/// so that a weight means the same for every model, and when a ranker is skipped.
public struct RerankRules: Sendable, Equatable {
    /// Which shared categories make two items similar.
    public enum Similarity: String, Sendable, CaseIterable {
        /// The first category of both, the most important one.
        case first
        /// Any category that both have.
        case any
    }

    /// Whether items in the history of the user are removed.
    public var excludeSeen: Bool
    /// The actions that make an item a seen one.
    public var seenActions: Set<Action>
    /// Whether unavailable items are removed.
    public var availableOnly: Bool
    /// The score for each selected item that shares no category; 0 for no diversity.
    public var diversityWeight: Double
    /// Which shared categories make two items similar.
    public var similarity: Similarity
    /// The score for being brand new; 0 for no boost.
    public var freshnessWeight: Double
    /// After how many days half of that is left.
    public var freshnessHalfLife: Double
    /// Items at the top of every page, in this order.
    public var pinned: [ItemID]
    /// Items that are on no page.
    public var blocked: Set<ItemID>
    /// How pages depart at random from what these rules choose; nil for never.
    public var exploration: Exploration?

    /// Describes the rules; without arguments, those of a recommendation.
    public init(
        excludeSeen: Bool = true,
        seenActions: Set<Action> = Set(Action.allCases),
        availableOnly: Bool = true,
        diversityWeight: Double = 0,
        similarity: Similarity = .any,
        freshnessWeight: Double = 0,
        freshnessHalfLife: Double = 7,
        pinned: [ItemID] = [],
        blocked: Set<ItemID> = [],
        exploration: Exploration? = nil
    ) {
        self.excludeSeen = excludeSeen
        self.seenActions = seenActions
        self.availableOnly = availableOnly
        self.diversityWeight = diversityWeight
        self.similarity = similarity
        self.freshnessWeight = freshnessWeight
        self.freshnessHalfLife = freshnessHalfLife
        self.pinned = pinned
        self.blocked = blocked
        self.exploration = exploration
    }

    init(_ group: SettingsGroup?, _ purpose: FunnelPlan.Purpose) throws {
        // Who searches often wants to find again.
        self.init(excludeSeen: purpose == .recommendation)
        guard var group else { return }
        excludeSeen = try group.flag("exclude_seen") ?? excludeSeen
        if let names = try group.texts("seen_actions") {
            seenActions = Set(
                try names.map { name in
                    guard let action = Action(name: name) else {
                        let known = Action.allCases.map(\.name).joined(separator: ", ")
                        throw group.refusal("seen_actions", .string(name), "some of \(known)")
                    }
                    return action
                }
            )
        }
        availableOnly = try group.flag("available_only") ?? availableOnly
        if var diversity = try group.group("diversity") {
            diversityWeight = try diversity.number("weight", from: 0) ?? diversityWeight
            similarity = try diversity.choice("category", of: Similarity.self) ?? similarity
            try diversity.finish()
        }
        if var freshness = try group.group("freshness") {
            freshnessWeight = try freshness.number("weight", from: 0) ?? freshnessWeight
            freshnessHalfLife = try freshness.number("half_life_days", from: 0.001) ?? freshnessHalfLife
            try freshness.finish()
        }
        pinned = try group.texts("pinned")?.map { ItemID($0) } ?? pinned
        blocked = Set(try group.texts("blocked")?.map { ItemID($0) } ?? [])
        exploration = try Exploration(in: &group, "exploration")
        try group.finish()
        if let twice = pinned.enumerated().first(where: { pinned[..<$0.offset].contains($0.element) }) {
            throw group.refusal("pinned", .string(twice.element.rawValue), "each item once")
        }
    }
}
