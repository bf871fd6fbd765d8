// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeStore

extension FunnelService {
    /// How likely each page is as this funnel's answer to a request, with what is loaded now.
    ///
    /// Nothing is logged, counted or cached. The request brings its history and its time; items are those of now, and popularity
    /// is as it was counted last. No stage is given up for being slow.
    ///
    /// - Parameters:
    ///   - request: The request; one with a query is a search.
    ///   - variant: The variant of the funnel; nil for the default. A variant that does not change this kind of page has the
    ///     default's.
    /// - Throws: ``ServiceError`` for a variant that the configuration lacks, and for a count below 1.
    public func distribution(for request: FunnelRequest, variant: String? = nil) async throws -> PageDistribution {
        try checkCount(request.count)
        if let variant, configuration.variants[variant] == nil {
            let known = configuration.variants.keys.sorted().joined(separator: ", ")
            throw ServiceError(
                .notFound,
                "unknown variant; the configuration has: \(known.isEmpty ? "none" : known). Name one of them, or none"
            )
        }
        return try await inFlight.run {
            var trace = RequestTrace(clock, NoMetrics(), keeping: 0)
            let (plan, _) = self.plan(request.query == nil ? .recommendation : .search, [variant].compactMap { $0 })
            let pipeline = Pipeline(
                plan: plan.patient,
                assembly: slotKeeper.assembly,
                builtins: builtins,
                catalog: catalog,
                clock: clock,
                end: trace.start + FunnelPlan.patience
            )
            let (draft, rules) = await self.draft(for: request, pipeline, &trace)
            var distribution =
                plan.rerank.exploration.map { self.distribution(of: draft, by: $0, rules) }
                ?? PageDistribution(draft.items.map(\.item))
            distribution.degraded = trace.degraded
            return distribution
        }
    }

    /// Counts popular items again, instead of waiting for the next time.
    ///
    /// - Throws: What the store throws.
    public func recountPopularity() async throws { try await inFlight.run { try await popularity.recount() } }

    /// How a page departs from what the rules chose.
    func distribution(of draft: Reranker.Draft, by exploration: Exploration, _ rules: Reranker) -> PageDistribution {
        let page = draft.items.map(\.item)
        switch exploration {
        case .epsilonGreedy(let greedy):
            return PageDistribution(
                page,
                .epsilonGreedy(
                    epsilon: greedy.epsilon,
                    first: max(draft.pinnedCount, page.count - greedy.positions),
                    pool: pool(of: draft, greedy, rules)
                )
            )
        case .plackettLuce(let drawn):
            let pool = draft.ranked.prefix(drawn.pool).map {
                PageDistribution.Scored(item: $0.candidate.item, score: $0.score)
            }
            return PageDistribution(
                page,
                .plackettLuce(temperature: drawn.temperature, first: draft.pinnedCount, pool: pool)
            )
        }
    }

    /// The items that an exploring position draws from: the next candidates, then the newest items.
    private func pool(of draft: Reranker.Draft, _ greedy: Exploration.EpsilonGreedy, _ rules: Reranker) -> [ItemID] {
        let onPage = Set(draft.items.map(\.item))
        var pool = Array(draft.ranked.lazy.map(\.candidate.item).filter { !onPage.contains($0) }.prefix(greedy.pool))
        guard greedy.newest else { return pool }
        let present = Set(pool)
        // They are available, so that only what the request forbids keeps them away.
        let newest = catalog.newest().lazy.map(\.id).filter { !onPage.contains($0) && rules.objection(to: $0) == nil }
        pool += newest.prefix(greedy.pool).filter { !present.contains($0) }
        return pool
    }

    /// Draws the page that is served, with the propensity of each item.
    func explore(
        _ draft: inout Reranker.Draft,
        by exploration: Exploration,
        _ rules: inout Reranker,
        _ request: FunnelRequest,
        _ trace: inout RequestTrace
    ) {
        let start = clock.now()
        var generator = SplitMix64(exploring: request.id)
        let drawn = distribution(of: draft, by: exploration, rules).draw(using: &generator)
        let chosen = Dictionary(draft.items.map { ($0.item, $0) }) { first, _ in first }
        let ranked = Dictionary(draft.ranked.map { ($0.candidate.item, $0.candidate) }) { first, _ in first }
        draft.items = drawn.map { choice in
            var placed =
                chosen[choice.item] ?? ranked[choice.item].map { rules.placed($0) }
                ?? .init(item: choice.item, score: nil, sources: ["newest"], reasons: ["newest"])
            placed.propensity = choice.propensity
            if choice.isExplored { placed.reasons.insert("explored", at: 0) }
            return placed
        }
        rules.records.merge(catalog.records(of: draft.items.map(\.item))) { $1 }
        trace.note(
            "explore",
            milliseconds: clock.milliseconds(since: start),
            received: chosen.count,
            kept: draft.items.map { ScoredItem($0.item, $0.score ?? 0) }
        )
    }
}

extension FunnelPlan {
    /// How long a page may take that nobody waits for.
    static let patience = Duration.seconds(600)

    /// The same funnel without deadlines that matter.
    var patient: FunnelPlan {
        var plan = self
        for index in plan.sources.indices { plan.sources[index].deadline = Self.patience }
        plan.prerank?.deadline = Self.patience
        plan.rank?.deadline = Self.patience
        plan.deadline = Self.patience
        return plan
    }
}
