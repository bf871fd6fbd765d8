// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeConfigurations

/// One funnel: the sources of candidates, the models that rank them, and the rules of the page.
public struct FunnelPlan: Sendable, Equatable {
    /// What a page is made for.
    public enum Purpose: String, Sendable, CaseIterable {
        /// A page for a person.
        case recommendation
        /// A page for a query.
        case search
    }

    /// A source of candidates.
    public struct Source: Sendable, Equatable {
        /// What finds them.
        public enum Origin: Sendable, Equatable {
            /// The model or index in a slot.
            case slot(String)
            /// One of the sources that need no model.
            case builtin(Builtin)
        }

        /// Its name in pages and explanations.
        public var name: String
        /// What finds the candidates.
        public var origin: Origin
        /// The maximum number of candidates.
        public var quota: Int
        /// The time that it may take.
        public var deadline: Duration

        /// Describes a source.
        public init(_ name: String, _ origin: Origin, quota: Int = 300, deadline: Duration = .milliseconds(100)) {
            self.name = name
            self.origin = origin
            self.quota = quota
            self.deadline = deadline
        }
    }

    /// A source that needs no model.
    public enum Builtin: String, Sendable, CaseIterable {
        /// The items with the most events of all times.
        case popular
        /// The items with the most events lately.
        case recentPopular = "recent-popular"
        /// The items that came last.
        case newest
        /// The items whose title or categories share words with the query.
        case lexical
    }

    /// A stage that ranks candidates by the scores of a model.
    public struct RankingStage: Sendable, Equatable {
        /// The slot of the model.
        public var slot: String
        /// The number of best candidates that it keeps.
        public var keep: Int
        /// The time that it may take.
        public var deadline: Duration

        /// Describes a stage.
        public init(slot: String, keep: Int, deadline: Duration = .milliseconds(100)) {
            self.slot = slot
            self.keep = keep
            self.deadline = deadline
        }
    }

    /// What the page is made for.
    public var purpose: Purpose
    /// In the order of the configuration, which decides between equals.
    public var sources: [Source]
    /// The first, cheap ranker; nil for none.
    public var prerank: RankingStage?
    /// The last ranker; nil for none.
    public var rank: RankingStage?
    /// The rules of the page.
    public var rerank: RerankRules
    /// The time that the whole may take.
    public var deadline: Duration

    /// Describes a funnel.
    public init(
        _ purpose: Purpose,
        sources: [Source],
        prerank: RankingStage? = nil,
        rank: RankingStage? = nil,
        rerank: RerankRules = RerankRules(),
        deadline: Duration = .milliseconds(500)
    ) {
        self.purpose = purpose
        self.sources = sources
        self.prerank = prerank
        self.rank = rank
        self.rerank = rerank
        self.deadline = deadline
    }

    /// Every slot that the funnel uses, with the place that names it.
    var slotUses: [(place: String, slot: String, use: SlotUse)] {
        let found = sources.compactMap { source -> (place: String, slot: String, use: SlotUse)? in
            guard case .slot(let slot) = source.origin else { return nil }
            return ("sources.\(source.name)", slot, .source)
        }
        let rankers = [("prerank", prerank), ("rank", rank)].compactMap { place, stage in
            stage.map { (place: place, slot: $0.slot, use: SlotUse.scorer) }
        }
        return found + rankers
    }
}

/// What a funnel uses a slot for.
enum SlotUse: String, Sendable {
    case source = "retrieves candidates"
    case scorer = "scores candidates"
    case similar = "finds similar items"
}

extension FunnelPlan {
    /// Names that explanations give to stages of their own.
    static let reservedNames = ["history", "merge", "prerank", "rank", "rerank", "fill", "explore", "similar"]

    init(_ group: SettingsGroup, _ purpose: Purpose) throws {
        var group = group
        let standard: [Source] = purpose == .search ? [Source("lexical", .builtin(.lexical))] : [.popular]
        self.init(
            purpose,
            sources: try group.groups("sources")?.map { try Source($0) } ?? standard,
            prerank: try RankingStage(in: &group, "prerank", keep: 300),
            rank: try RankingStage(in: &group, "rank", keep: 50),
            rerank: try RerankRules(group.group("rerank"), purpose),
            deadline: .milliseconds(try group.whole("deadline_ms", from: 1) ?? 500)
        )
        try group.finish()
        guard !sources.isEmpty else { throw group.refusal("sources", .array([]), "at least one source") }
        for (place, source) in sources.enumerated() {
            let key = "sources[\(place + 1)]"
            if sources[..<place].contains(where: { $0.name == source.name }) || Self.reservedNames.contains(source.name)
            {
                throw group.refusal("\(key).name", .string(source.name), "a name that nothing else in the funnel has")
            }
            if purpose == .recommendation, source.origin == .builtin(.lexical) {
                throw group.refusal(
                    "\(key).builtin",
                    .string("lexical"),
                    "popular, recent-popular or newest: there is no query"
                )
            }
        }
    }
}

extension FunnelPlan.Source {
    static let popular = FunnelPlan.Source("popular", .builtin(.popular))

    fileprivate init(_ group: SettingsGroup) throws {
        var group = group
        let slot = try group.text("slot")
        let builtin = try group.choice("builtin", of: FunnelPlan.Builtin.self)
        let origin: Origin
        switch (slot, builtin) {
        case (let slot?, nil): origin = .slot(slot)
        case (nil, let builtin?): origin = .builtin(builtin)
        default:
            let found = slot == nil ? "neither" : "both"
            throw ConfigurationError("\(group.path): found \(found) of 'slot' and 'builtin', expected one of them")
        }
        self.init(
            try group.text("name") ?? slot ?? builtin?.rawValue ?? "",
            origin,
            quota: try group.whole("quota", from: 1) ?? 300,
            deadline: .milliseconds(try group.whole("deadline_ms", from: 1) ?? 100)
        )
        try group.finish()
    }
}

extension FunnelPlan.RankingStage {
    /// Reads a stage; nil when there is none, or when it is switched off with `false`.
    fileprivate init?(in outer: inout SettingsGroup, _ key: String, keep: Int) throws {
        if outer.value(key) == .bool(false) { return nil }
        guard var group = try outer.group(key) else { return nil }
        self.init(
            slot: try group.requiredText("slot", "the name of a slot"),
            keep: try group.whole("keep", from: 1) ?? keep,
            deadline: .milliseconds(try group.whole("deadline_ms", from: 1) ?? 100)
        )
        try group.finish()
    }
}
