// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
import CascadeStore
import Foundation

extension FunnelService {
    /// The items most like one, by a model that knows it, otherwise popular items that share a category with it.
    ///
    /// Blocked and unavailable items are kept away by the rules of the recommendation.
    public func similar(to item: ItemID, count: Int, isPreview: Bool, time: Int64?) async throws -> Page {
        try await inFlight.run {
            try checkCount(count)
            var trace = RequestTrace(clock, metrics, keeping: configuration.explain.items)
            await catchUp(within: configuration.history.deadline, &trace)
            let now = clock.time(of: time)
            var rules = Reranker(rules: configuration.recommendation.rerank, seen: [item], now: now)
            var placed: [Reranker.Placed]
            if let found = await neighbors(of: item, count: count, &trace) {
                rules.records = catalog.records(of: found.map(\.item))
                placed = found.map { .init(item: $0.item, score: $0.score, sources: ["similar"], reasons: ["similar"]) }
            } else {
                placed = try await relatives(of: item, &rules, &trace)
            }
            var present: Set<ItemID> = []
            placed = placed.filter { rules.objection(to: $0.item) == nil && present.insert($0.item).inserted }
            placed = Array(placed.prefix(count))
            let page = Page(
                request: UUID().uuidString.lowercased(),
                items: pageItems(placed, rules.records),
                degraded: trace.degraded,
                versions: trace.versions
            )
            let facts = RequestFacts(
                kind: .similar,
                policy: RequestFacts.defaultPolicy,
                versions: trace.versions
            )
            return try finish(
                page,
                facts,
                of: nil,
                at: now,
                propensities: placed.map(\.propensity),
                trace,
                isPreview: isPreview
            )
        }
    }

    /// What a slot says; nil when there is none that knows the item.
    private func neighbors(of item: ItemID, count: Int, _ trace: inout RequestTrace) async -> [ScoredItem]? {
        let (assembly, settings) = (slotKeeper.assembly, configuration.similar)
        guard let slot = assembly.similarSlot(named: settings.slot) else { return nil }
        let start = clock.now()
        guard let installed = assembly[slot], let source = installed.loaded.similar else {
            trace.note("similar", leftOut: .missing, milliseconds: 0)
            return nil
        }
        // Some may be unavailable.
        let limit = 2 * min(count, 1_000_000) + 10
        let outcome = await installed.runner.run(within: settings.deadline) {
            try await source.similar(to: item, limit: limit)
        }
        let milliseconds = clock.milliseconds(since: start)
        guard case .finished(let found) = outcome, found?.allSatisfy(\.score.isFinite) ?? true else {
            let reason = outcome.reason ?? .failed
            trace.note("similar", leftOut: reason, by: outcome.error, milliseconds: milliseconds)
            return nil
        }
        trace.note("similar", slot: slot, version: installed.version, milliseconds: milliseconds, kept: found ?? [])
        return found
    }

    /// Popular items, those that share most categories with the item first.
    private func relatives(
        of item: ItemID,
        _ rules: inout Reranker,
        _ trace: inout RequestTrace
    ) async throws -> [Reranker.Placed] {
        let start = clock.now()
        let outcome = await storeRunner.run(within: configuration.similar.deadline) { [popularity] in
            try await popularity.items(.always)
        }
        let popular: [ScoredItem] = if case .finished(let items) = outcome { items } else { [] }
        if let reason = outcome.reason {
            let milliseconds = clock.milliseconds(since: start)
            trace.note("fill", leftOut: reason, by: outcome.error, milliseconds: milliseconds)
        }
        rules.records = catalog.records(of: popular.map(\.item) + [item])
        // Where a stage was left out, nobody can say that the item does not exist.
        guard rules.records[item] != nil || popular.contains(where: { $0.item == item }) || !trace.degraded.isEmpty
        else {
            throw ServiceError(.notFound, "there is no such item")
        }
        let categories = rules.records[item]?.categories.map(ByteString.init(_:)) ?? []
        let shared = popular.map { other in
            let others = Set(rules.records[other.item]?.categories.map(ByteString.init(_:)) ?? [])
            return categories.filter(others.contains).map(\.rawValue)
        }
        let order = popular.indices.sorted { (shared[$1].count, $0) < (shared[$0].count, $1) }
        let placed = order.enumerated().map { place, index in
            Reranker.Placed(
                item: popular[index].item,
                score: 1 - Double(place) / Double(order.count),
                sources: ["popular"],
                reasons: (shared[index].first.map { [$0] } ?? []) + ["popular"]
            )
        }
        if outcome.reason == nil {
            trace.note(
                "fill",
                milliseconds: clock.milliseconds(since: start),
                received: popular.count,
                kept: placed.map { ScoredItem($0.item, $0.score ?? 0) }
            )
        }
        return placed
    }
}
