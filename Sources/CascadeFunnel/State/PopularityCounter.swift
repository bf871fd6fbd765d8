// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeStore
import Synchronization

/// Popular items, counted by the store at intervals.
final class PopularityCounter: Sendable {
    /// Of all times, or lately.
    enum Span: Sendable, CaseIterable {
        case always
        case lately
    }

    /// How many items are kept of each span.
    static let limit = 2_000

    private let settings: PopularitySettings
    private let store: any EventStore
    private let catalog: ItemCatalog
    private let clock: FunnelClock
    private let lists = Mutex<[Span: [ScoredItem]]>([:])
    private let queue = SerialQueue()

    init(_ settings: PopularitySettings, store: any EventStore, catalog: ItemCatalog, clock: FunnelClock) {
        self.settings = settings
        self.store = store
        self.catalog = catalog
        self.clock = clock
    }

    /// The items of a span, most events first; counted now when they never were.
    func items(_ span: Span) async throws -> [ScoredItem] {
        if let counted = counted(span) { return counted }
        return try await queue.run { [self] in
            if let counted = counted(span) { return counted }
            return try await count(span)
        }
    }

    /// Counts again; where that fails, what was counted before stays.
    func refresh(_ spans: [Span] = Span.allCases, telling metrics: any FunnelMetrics) async {
        for span in spans {
            do {
                _ = try await queue.run { [self] in try await count(span) }
            } catch {
                metrics.failed(FunnelFailure("popularity", error))
            }
        }
    }

    /// Counts all spans again.
    ///
    /// - Throws: What the store throws; what was counted before stays then.
    func recount() async throws {
        for span in Span.allCases { _ = try await queue.run { [self] in try await count(span) } }
    }

    /// What was counted last; nil when nothing was.
    func counted(_ span: Span) -> [ScoredItem]? { lists.withLock { $0[span] } }

    private func count(_ span: Span) async throws -> [ScoredItem] {
        let since = span == .always ? Int64.min : clock.seconds() - Int64(settings.windowDays) * 86_400
        var items = try await store.popular(since: since, limit: Self.limit).map {
            ScoredItem($0.item, Double($0.events))
        }
        if span == .always, items.count < Self.limit {
            // What nobody has dealt with yet comes last, the newest first: it is all that a new shop has.
            let others = catalog.newest(Self.limit - items.count, without: Set(items.map(\.item)))
            items += others.map { ScoredItem($0, 0) }
        }
        let counted = items
        lists.withLock { $0[span] = counted }
        return counted
    }
}

/// Popularity as a source of candidates.
struct PopularSource: CandidateSource {
    let popularity: PopularityCounter
    let span: PopularityCounter.Span

    var version: String { span == .always ? "popular" : "recent-popular" }

    func candidates(for _: FunnelRequest, limit: Int, excluding: Set<ItemID>) async throws -> [ScoredItem] {
        Array(try await popularity.items(span).lazy.filter { !excluding.contains($0.item) }.prefix(limit))
    }
}
