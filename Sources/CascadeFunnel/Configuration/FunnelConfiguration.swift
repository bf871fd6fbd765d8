// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeConfigurations
import CascadeTensorFiles

/// The configuration of a service: its store, the models in its slots, and the funnels for pages and searches.
///
/// `Documentation/serving.md` describes every key.
public struct FunnelConfiguration: Sendable, Equatable {
    /// A variant of the funnels for an arm of an A/B test; nil where the arm has the default.
    public struct Variant: Sendable, Equatable {
        /// The funnel for pages.
        public var recommendation: FunnelPlan?
        /// The funnel for searches.
        public var search: FunnelPlan?

        /// Describes a variant.
        public init(recommendation: FunnelPlan? = nil, search: FunnelPlan? = nil) {
            self.recommendation = recommendation
            self.search = search
        }
    }

    /// The database file.
    public var store = "cascade.sqlite"
    /// The dataset directory that an empty store is filled from; nil for none.
    public var seed: String?
    /// The places for models, by name.
    public var slots: [String: SlotConfiguration] = [:]
    /// The funnel for pages.
    public var recommendation = FunnelPlan(.recommendation, sources: [.popular])
    /// The funnel for searches.
    public var search = FunnelPlan(
        .search,
        sources: [.init("lexical", .builtin(.lexical))],
        rerank: RerankRules(excludeSeen: false)
    )
    /// Variants of the funnels, by name.
    public var variants: [String: Variant] = [:]
    /// The source of similar items.
    public var similar = SimilarSettings()
    /// How much is kept for explanations.
    public var explain = ExplainSettings()
    /// The history cache.
    public var history = HistorySettings()
    /// How popularity is counted.
    public var popularity = PopularitySettings()
    /// What is kept of what was shown.
    public var exposures = ExposureSettings()
    /// What a candidate must show before it may serve.
    public var promotion = GateSettings()

    /// The defaults: popularity for pages, words for searches.
    public init() {}

    /// Reads the keys of the funnel out of a whole file.
    ///
    /// - Parameters:
    ///   - tree: The file's content.
    ///   - others: The keys that others read, such as `server` and `ab_tests`.
    /// - Throws: ``ConfigurationError`` with the key, what was found and what was expected.
    public init(_ tree: JSONValue, beside others: [String] = []) throws {
        var file = try SettingsGroup(tree, path: "")
        for key in others { _ = file.value(key) }
        if var group = try file.group("store") {
            store = try group.text("path") ?? store
            seed = try group.text("seed")
            try group.finish()
        }
        if var group = try file.group("slots") {
            for name in group.keys {
                slots[name] = try SlotConfiguration(
                    SettingsGroup(group.value(name), path: group.name(name)),
                    name: name
                )
            }
        }
        recommendation = try FunnelPlan(
            file.group("recommendation") ?? SettingsGroup(.null, path: "recommendation"),
            .recommendation
        )
        search = try FunnelPlan(file.group("search") ?? SettingsGroup(.null, path: "search"), .search)
        if var group = try file.group("variants") {
            for name in group.keys { variants[name] = try Self.variant(name, &group, of: tree) }
        }
        similar = try SimilarSettings(file.group("similar"))
        explain = try ExplainSettings(file.group("explain"))
        history = try HistorySettings(file.group("history"))
        popularity = try PopularitySettings(file.group("popularity"))
        exposures = try ExposureSettings(file.group("exposures"))
        promotion = try GateSettings(file.group("promotion"))
        try file.finish()
        try validate()
    }

    /// Refuses what cannot work together: a stage whose slot is not there, or holds something else.
    ///
    /// - Throws: ``ConfigurationError``.
    public func validate() throws {
        try check(recommendation, "recommendation")
        try check(search, "search")
        for (name, variant) in variants.sorted(by: { $0.key < $1.key }) {
            if let plan = variant.recommendation { try check(plan, "variants.\(name).recommendation") }
            if let plan = variant.search { try check(plan, "variants.\(name).search") }
        }
        if let slot = similar.slot { try check(slot, for: .similar, by: .recommendation, "similar.slot") }
    }

    /// Everything that any funnel wants of a slot.
    func uses(of slot: String) -> [SlotUse] {
        let plans =
            [recommendation, search] + variants.values.flatMap { [$0.recommendation, $0.search].compactMap { $0 } }
        return plans.flatMap(\.slotUses).filter { $0.slot == slot }.map(\.use)
            + (similar.slot == slot ? [.similar] : [])
    }

    private static func variant(_ name: String, _ group: inout SettingsGroup, of file: JSONValue) throws -> Variant {
        guard var inner = try group.group(name) else {
            throw group.refusal(name, .null, "a group with recommendation, search or both")
        }
        var variant = Variant()
        for purpose in FunnelPlan.Purpose.allCases {
            let key = purpose.rawValue
            let changes = inner.value(key)
            if changes == .null { continue }
            // A change is read by itself first, for a value that is no group would replace the whole funnel.
            _ = try SettingsGroup(changes, path: inner.name(key))
            let plan = try FunnelPlan(SettingsGroup(file[key].merged(with: changes), path: inner.name(key)), purpose)
            if purpose == .search { variant.search = plan } else { variant.recommendation = plan }
        }
        try inner.finish()
        return variant
    }

    private func check(_ plan: FunnelPlan, _ path: String) throws {
        let counts =
            plan.sources.map { ("sources.\($0.name).quota", $0.quota) }
            + [("prerank.keep", plan.prerank?.keep ?? 1), ("rank.keep", plan.rank?.keep ?? 1)]
        for (key, count) in counts where count < 1 {
            throw ConfigurationError("\(path).\(key): found \(count), expected a whole number from 1")
        }
        let rules = plan.rerank
        for (key, weight) in [("diversity", rules.diversityWeight), ("freshness", rules.freshnessWeight)]
        where !(weight >= 0 && weight.isFinite) {
            throw ConfigurationError("\(path).rerank.\(key).weight: found \(weight), expected a number from 0")
        }
        guard rules.freshnessHalfLife > 0 else {
            throw ConfigurationError(
                "\(path).rerank.freshness.half_life_days: found \(rules.freshnessHalfLife), expected more than 0"
            )
        }
        try rules.exploration?.validate("\(path).rerank", beside: rules, for: plan.purpose)
        for use in plan.slotUses { try check(use.slot, for: use.use, by: plan.purpose, "\(path).\(use.place)") }
    }

    private func check(_ slot: String, for use: SlotUse, by purpose: FunnelPlan.Purpose, _ place: String) throws {
        guard let found = slots[slot] else {
            let hint = didYouMean(slot, slots.keys.sorted())
            throw ConfigurationError("\(place): found '\(slot)', expected the name of one of the slots.\(hint)")
        }
        let fits =
            switch use {
            case .source: found.kind == .retriever
            case .scorer: found.kind != .index && (found.kind != .searchRanker || purpose == .search)
            case .similar: found.kind == .retriever || found.kind == .index
            }
        guard fits else {
            throw ConfigurationError(
                "\(place): found the slot '\(slot)' of kind \(found.kind.rawValue), expected one that \(use.rawValue)"
                    + (use == .scorer ? " of a \(purpose.rawValue)" : "")
            )
        }
    }
}
