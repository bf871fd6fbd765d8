// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
import CascadeStore
import Foundation

extension FunnelService {
    /// A page for a user; popular items for one who is not known.
    public func recommend(
        to user: UserID,
        count: Int,
        context: [String: String],
        isPreview: Bool,
        time: Int64?
    ) async throws -> Page {
        try await inFlight.run {
            let question = Question(
                purpose: .recommendation,
                user: user,
                count: count,
                context: context,
                time: time
            )
            return try await page(for: question, isPreview: isPreview)
        }
    }

    /// A page for a query; empty when nothing is found.
    ///
    /// The first 256 Unicode scalars of the query count.
    public func search(
        _ query: String,
        user: UserID?,
        count: Int,
        context: [String: String],
        isPreview: Bool,
        time: Int64?
    ) async throws -> Page {
        let scalars = query.unicodeScalars.prefix(QueryTokenizer.maximumScalars)
        let query = String(String.UnicodeScalarView(scalars))
        return try await inFlight.run {
            let question = Question(
                purpose: .search,
                query: query,
                user: user,
                count: count,
                context: context,
                time: time
            )
            return try await page(for: question, isPreview: isPreview)
        }
    }

    /// What somebody asks the service for.
    private struct Question {
        var purpose: FunnelPlan.Purpose
        var query: String?
        var user: UserID?
        var count: Int
        var context: [String: String]
        /// The time of a simulation; nil for the present.
        var time: Int64?
    }

    private func page(for question: Question, isPreview: Bool) async throws -> Page {
        let (purpose, query, user, count) = (question.purpose, question.query, question.user, question.count)
        try checkCount(count)
        var trace = RequestTrace(clock, metrics, keeping: configuration.explain.items)
        let id = UUID().uuidString.lowercased()
        let assigned = arms.arms(for: user, request: id)
        let (plan, policy) = plan(purpose, assigned.compactMap(\.variant))
        let pipeline = Pipeline(
            plan: plan,
            assembly: slotKeeper.assembly,
            builtins: builtins,
            catalog: catalog,
            clock: clock,
            end: trace.start + plan.deadline
        )
        await catchUp(within: pipeline.limit(configuration.history.deadline), &trace)
        let history = await history(of: user, pipeline, &trace)
        let request = FunnelRequest(
            id: id,
            user: user,
            history: history,
            query: query,
            context: question.context,
            count: count,
            now: clock.time(of: question.time)
        )
        var (draft, rules) = await draft(for: request, pipeline, &trace)
        if let exploration = plan.rerank.exploration { explore(&draft, by: exploration, &rules, request, &trace) }

        let page = Page(
            request: id,
            items: pageItems(draft.items, rules.records),
            degraded: trace.degraded,
            versions: trace.versions,
            arms: Dictionary(assigned.map { ($0.test, $0.arm) }) { first, _ in first }
        )
        let facts = RequestFacts(
            kind: purpose == .search ? .search : .recommendation,
            query: query,
            context: question.context,
            policy: policy,
            versions: trace.versions
        )
        let propensities = draft.items.map(\.propensity)
        return try finish(
            page,
            facts,
            of: user,
            at: request.now,
            propensities: propensities,
            trace,
            isPreview: isPreview
        )
    }

    /// The page that the rules choose for a request, and what is known of its items.
    func draft(
        for request: FunnelRequest,
        _ pipeline: Pipeline,
        _ trace: inout RequestTrace
    ) async -> (draft: Reranker.Draft, rules: Reranker) {
        let plan = pipeline.plan
        let seen = request.history.lazy.filter { plan.rerank.seenActions.contains($0.action) }.map(\.item)
        var rules = Reranker(
            rules: plan.rerank,
            seen: plan.rerank.excludeSeen ? Set(seen) : [],
            rejected: Set(request.history.lazy.filter(\.action.isRejection).map(\.item)),
            now: request.now
        )
        var candidates = await pipeline.candidates(for: request, rules: rules, &trace)
        candidates = await pipeline.ranked(candidates, by: plan.prerank, named: "prerank", for: request, &trace)
        candidates = await pipeline.ranked(candidates, by: plan.rank, named: "rank", for: request, &trace)
        rules.records = catalog.records(of: candidates.map(\.item) + plan.rerank.pinned)
        var draft = rerank(candidates, rules, request, &trace)
        // Popular items answer no query.
        if request.query == nil, draft.items.count < request.count {
            await fill(&draft.items, &rules, count: request.count, pipeline, &trace)
        }
        return (draft, rules)
    }

    /// The funnel of the first variant that changes it, or everybody's, with its name.
    func plan(_ purpose: FunnelPlan.Purpose, _ names: [String]) -> (plan: FunnelPlan, policy: String) {
        let standard = purpose == .search ? configuration.search : configuration.recommendation
        for name in names {
            let variant = configuration.variants[name]
            if let plan = purpose == .search ? variant?.search : variant?.recommendation { return (plan, name) }
        }
        return (standard, RequestFacts.defaultPolicy)
    }

    /// The events of the user; none when the store does not answer in time.
    private func history(of user: UserID?, _ pipeline: Pipeline, _ trace: inout RequestTrace) async -> [Event] {
        guard let user else { return [] }
        let start = clock.now()
        let outcome = await storeRunner.run(within: pipeline.limit(configuration.history.deadline)) { [histories] in
            try await histories.events(of: user)
        }
        let milliseconds = clock.milliseconds(since: start)
        guard case .finished(let events) = outcome else {
            let reason = outcome.reason ?? .failed
            trace.note("history", leftOut: reason, by: outcome.error, milliseconds: milliseconds)
            return []
        }
        trace.note("history", milliseconds: milliseconds, keptCount: events.count)
        return events
    }

    private func rerank(
        _ candidates: [Candidate],
        _ rules: Reranker,
        _ request: FunnelRequest,
        _ trace: inout RequestTrace
    ) -> Reranker.Draft {
        let start = clock.now()
        // Pinned items would be no answer to a query that finds nothing.
        let isUnanswered = request.query != nil && candidates.isEmpty
        let draft = isUnanswered ? Reranker.Draft() : rules.page(of: candidates, count: request.count)
        trace.note(
            "rerank",
            milliseconds: clock.milliseconds(since: start),
            received: candidates.count,
            kept: draft.items.map { ScoredItem($0.item, $0.score ?? 0) },
            dropped: draft.dropped
        )
        return draft
    }

    /// Adds popular items to a page that is too short.
    private func fill(
        _ placed: inout [Reranker.Placed],
        _ rules: inout Reranker,
        count: Int,
        _ pipeline: Pipeline,
        _ trace: inout RequestTrace
    ) async {
        let start = clock.now()
        var outcome = DeadlineOutcome.finished(popularity.counted(.always) ?? [])
        if popularity.counted(.always) == nil {
            outcome = await storeRunner.run(within: pipeline.limit(pipeline.plan.deadline)) { [popularity] in
                try await popularity.items(.always)
            }
        }
        guard case .finished(let popular) = outcome else {
            let milliseconds = clock.milliseconds(since: start)
            let reason = outcome.reason ?? .failed
            return trace.note("fill", leftOut: reason, by: outcome.error, milliseconds: milliseconds)
        }
        var present = Set(placed.map(\.item))
        var added: [ScoredItem] = []
        for item in popular {
            guard placed.count < count else { break }
            rules.records.merge(catalog.records(of: [item.item])) { $1 }
            guard rules.objection(to: item.item) == nil, present.insert(item.item).inserted else { continue }
            placed.append(.init(item: item.item, score: nil, sources: ["popular"], reasons: ["popular"]))
            added.append(item)
        }
        trace.note("fill", milliseconds: clock.milliseconds(since: start), received: popular.count, kept: added)
    }
}

extension FunnelService {
    /// Has memory follow what other processes wrote; noted only when there was something.
    func catchUp(within limit: Duration, _ trace: inout RequestTrace) async {
        guard follower.isBehind else { return }
        let start = clock.now()
        let outcome = await storeRunner.run(within: limit) { [follower] in try await follower.run() }
        let milliseconds = clock.milliseconds(since: start)
        if let reason = outcome.reason {
            trace.note("items", leftOut: reason, milliseconds: milliseconds)
        } else {
            trace.note("items", milliseconds: milliseconds)
        }
    }

    func checkCount(_ count: Int) throws {
        guard count > 0 else { throw ServiceError(.invalid, "count: found \(count), expected a whole number from 1") }
    }

    /// The items of a page.
    ///
    /// An item that no stage scored has the lowest score of the page.
    func pageItems(_ placed: [Reranker.Placed], _ records: [ItemID: ItemRecord]) -> [Page.Item] {
        let lowest = placed.compactMap(\.score).min() ?? 0
        return placed.map {
            Page.Item(
                item: $0.item,
                title: records[$0.item]?.title ?? "",
                score: $0.score ?? lowest,
                sources: $0.sources,
                reasons: $0.reasons
            )
        }
    }

    /// Remembers a response: for explanations at once, for A/B tests in the background.
    ///
    /// Of a preview, the explanation alone is kept.
    ///
    /// - Parameter propensities: Those of the page's items, in order.
    func finish(
        _ page: Page,
        _ facts: RequestFacts,
        of user: UserID?,
        at now: Int64,
        propensities: [Double],
        _ trace: RequestTrace,
        isPreview: Bool
    ) throws -> Page {
        // A cancelled request leaves no impressions.
        try Task.checkCancellation()
        let milliseconds = trace.milliseconds
        explanations.add(trace.explanation(of: page, user: user, time: now, milliseconds: milliseconds))
        let kind = facts.kind ?? .recommendation
        guard !isPreview else {
            metrics.previewed(kind)
            return page
        }
        exposures.add(
            zip(page.items, propensities).enumerated().map { position, shown in
                let (item, propensity) = shown
                return Exposure(
                    request: page.request,
                    user: user,
                    item: item.item,
                    position: position,
                    time: now,
                    arms: page.arms,
                    facts: facts,
                    score: item.score,
                    propensity: propensity
                )
            }
        )
        metrics.responded(kind, milliseconds: milliseconds, degraded: !page.degraded.isEmpty)
        return page
    }
}
