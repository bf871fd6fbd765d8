// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeStore
import Synchronization

/// The items of the store, in memory.
final class ItemCatalog: Sendable {
    private let store: any EventStore
    private let records = Mutex(Records())
    private let queue = SerialQueue()

    private struct Records {
        var byID: [ItemID: ItemRecord] = [:] {
            didSet { (newest, changes) = (nil, changes + 1) }
        }
        var changes = 0
        /// The available items that came last, the newest first; nil until somebody asks.
        var newest: [ItemRecord]?
    }

    /// How many of the newest items are kept in order.
    static let newestCount = 2_000

    init(_ store: any EventStore) { self.store = store }

    /// Reads everything from the store.
    func load() async throws {
        try await queue.run { [self] in
            let items = try await store.allItems()
            records.withLock { $0.byID = Dictionary(items.map { ($0.id, $0) }) { $1 } }
        }
    }

    /// Stores items, and knows them as soon as they are stored.
    func upsert(_ items: [ItemRecord]) async throws {
        // One after another, so that of two changes of an item the one stays that stays in the store.
        try await queue.run { [self] in
            try await store.upsert(items)
            records.withLock { known in for item in items { known.byID[item.id] = item } }
        }
    }

    /// Changes one item as the store has it now; nil leaves it as it is.
    ///
    /// - Parameter change: What the item becomes; called with nil when nobody knows it.
    func update(
        _ item: ItemID,
        _ change: @escaping @Sendable (ItemRecord?) throws -> ItemRecord?
    ) async throws -> ItemRecord? {
        try await queue.run { [self] in
            guard let changed = try change(try await store.items([item]).first) else { return nil }
            try await store.upsert([changed])
            records.withLock { $0.byID[item] = changed }
            return changed
        }
    }

    /// Those of the items that are known.
    func records(of items: some Sequence<ItemID>) -> [ItemID: ItemRecord] {
        records.withLock { known in
            items.reduce(into: [:]) { result, item in if let record = known.byID[item] { result[item] = record } }
        }
    }

    /// Every item, in the order of their ids.
    func all() -> [ItemRecord] { records.withLock { Array($0.byID.values) }.sorted { $0.id < $1.id } }

    /// The ids longer than some bytes: the longest, and how many.
    func longest(over bytes: Int) -> (id: ItemID, count: Int)? {
        records.withLock { known in
            let long = known.byID.keys.filter { $0.rawValue.utf8.count > bytes }
            return long.max { $0.rawValue.utf8.count < $1.rawValue.utf8.count }.map { ($0, long.count) }
        }
    }

    /// Items whose ids begin with a text, in the order of their bytes.
    func list(beginningWith text: String, after: ItemID?, limit: Int) -> ItemList {
        func precedes(_ left: ItemRecord, _ right: ItemRecord) -> Bool {
            left.id.rawValue.utf8.lexicographicallyPrecedes(right.id.rawValue.utf8)
        }
        let found = records.withLock { Array($0.byID.values) }.filter {
            !$0.isWithdrawn && $0.id.rawValue.utf8.starts(with: text.utf8)
        }
        let rest = after.map { after in
            found.filter { after.rawValue.utf8.lexicographicallyPrecedes($0.id.rawValue.utf8) }
        }
        // Only the first are put in order, for a catalog may be large and a page is small.
        var first: [ItemRecord] = []
        for record in rest ?? found {
            if first.count == limit, let last = first.last, !precedes(record, last) { continue }
            let place = first.partitioningIndex { precedes(record, $0) }
            first.insert(record, at: place)
            if first.count > limit { first.removeLast() }
        }
        return ItemList(items: first, total: found.count)
    }

    /// The available items that came last, the newest first; at most ``newestCount``, and equally new ones by id.
    func newest() -> [ItemRecord] {
        if let newest = records.withLock({ $0.newest }) { return newest }
        let (all, changes) = records.withLock { (Array($0.byID.values), $0.changes) }
        let sorted = Array(
            all.filter(\.available).sorted { ($1.created, $0.id) < ($0.created, $1.id) }.prefix(Self.newestCount)
        )
        // Another list is due when items came meanwhile.
        records.withLock { if $0.changes == changes { $0.newest = sorted } }
        return sorted
    }

    /// The available items that came last, without some.
    func newest(_ count: Int, without known: Set<ItemID>) -> [ItemID] {
        newest().lazy.map(\.id).filter { !known.contains($0) }.prefix(count).map { $0 }
    }
}

/// The items that came last as a source of candidates.
struct NewestSource: CandidateSource {
    let catalog: ItemCatalog

    var version: String { "newest" }

    func candidates(for _: FunnelRequest, limit: Int, excluding: Set<ItemID>) async throws -> [ScoredItem] {
        let found = catalog.newest().lazy.filter { !excluding.contains($0.id) }.prefix(limit)
        return found.map { ScoredItem($0.id, Double($0.created)) }
    }
}

extension [ItemRecord] {
    /// The first place whose element, and all after it, fulfil the condition.
    fileprivate func partitioningIndex(where fulfils: (ItemRecord) -> Bool) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if fulfils(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
