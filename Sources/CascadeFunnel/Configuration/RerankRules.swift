// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeConfigurations
public import CascadeDatasets

/// The rules by which judged candidates become a page.
///
/// Weights are shares of the list: what stands first is worth 1, what stands last next to 0, whatever the scores are,
/// so that a weight means the same for every model, and when a judge is left out.
public struct RerankRules: Sendable, Equatable {
    /// Which categories make two items alike.
    public enum Likeness: String, Sendable, CaseIterable {
        /// The first category of both, the most important one.
        case first
        /// Any category that both have.
        case any
    }

    /// Whether items that the person has dealt with stay away.
    public var excludeSeen: Bool
    /// The actions that make an item a seen one.
    public var seenActions: Set<Action>
    /// Whether items that are known to be unavailable stay away.
    public var availableOnly: Bool
    /// What being unlike one other item of the page is worth; 0 for no diversity.
    public var diversityWeight: Double
    /// Which categories make two items alike.
    public var likeness: Likeness
    /// What being brand new is worth; 0 for no boost.
    public var freshnessWeight: Double
    /// After how many days half of that is left.
    public var freshnessHalfLife: Double
    /// Items at the top of every page, in this order.
    public var pinned: [ItemID]
    /// Items that are on no page.
    public var blocked: Set<ItemID>

    /// Describes the rules; without arguments, those of a recommendation.
    public init(
        excludeSeen: Bool = true,
        seenActions: Set<Action> = Set(Action.allCases),
        availableOnly: Bool = true,
        diversityWeight: Double = 0,
        likeness: Likeness = .any,
        freshnessWeight: Double = 0,
        freshnessHalfLife: Double = 7,
        pinned: [ItemID] = [],
        blocked: Set<ItemID> = []
    ) {
        (self.excludeSeen, self.seenActions, self.availableOnly) = (excludeSeen, seenActions, availableOnly)
        (self.diversityWeight, self.likeness) = (diversityWeight, likeness)
        (self.freshnessWeight, self.freshnessHalfLife) = (freshnessWeight, freshnessHalfLife)
        (self.pinned, self.blocked) = (pinned, blocked)
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
            likeness = try diversity.choice("category", of: Likeness.self) ?? likeness
            try diversity.finish()
        }
        if var freshness = try group.group("freshness") {
            freshnessWeight = try freshness.number("weight", from: 0) ?? freshnessWeight
            freshnessHalfLife = try freshness.number("half_life_days", from: 0.001) ?? freshnessHalfLife
            try freshness.finish()
        }
        pinned = try group.texts("pinned")?.map { ItemID($0) } ?? pinned
        blocked = Set(try group.texts("blocked")?.map { ItemID($0) } ?? [])
        try group.finish()
        if let twice = pinned.enumerated().first(where: { pinned[..<$0.offset].contains($0.element) }) {
            throw group.refusal("pinned", .string(twice.element.rawValue), "each item once")
        }
    }
}
