// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeStore
import Synchronization

/// The items of the store, in memory.
final class ItemCatalog: Sendable {
    private let store: any EventStore
    private let records = Mutex<[ItemID: ItemRecord]>([:])
    private let queue = SerialQueue()

    init(_ store: any EventStore) { self.store = store }

    /// Reads everything from the store.
    func load() async throws {
        try await queue.run { [self] in
            let items = try await store.allItems()
            records.withLock { $0 = Dictionary(items.map { ($0.id, $0) }) { $1 } }
        }
    }

    /// Stores items, and knows them as soon as they are stored.
    func upsert(_ items: [ItemRecord]) async throws {
        // One after another, so that of two changes of an item the one stays that stays in the store.
        try await queue.run { [self] in
            try await store.upsert(items)
            records.withLock { known in for item in items { known[item.id] = item } }
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
            records.withLock { $0[item] = changed }
            return changed
        }
    }

    /// Those of the items that are known.
    func records(of items: some Sequence<ItemID>) -> [ItemID: ItemRecord] {
        records.withLock { known in
            items.reduce(into: [:]) { result, item in if let record = known[item] { result[item] = record } }
        }
    }

    /// Every item, in the order of their ids.
    func all() -> [ItemRecord] { records.withLock { Array($0.values) }.sorted { $0.id < $1.id } }

    /// The ids longer than some bytes: the longest, and how many.
    func longest(over bytes: Int) -> (id: ItemID, count: Int)? {
        records.withLock { known in
            let long = known.keys.filter { $0.rawValue.utf8.count > bytes }
            return long.max { $0.rawValue.utf8.count < $1.rawValue.utf8.count }.map { ($0, long.count) }
        }
    }

    /// Items whose ids begin with a text, in the order of their bytes.
    func list(beginningWith text: String, after: ItemID?, limit: Int) -> ItemList {
        func precedes(_ left: ItemRecord, _ right: ItemRecord) -> Bool {
            left.id.rawValue.utf8.lexicographicallyPrecedes(right.id.rawValue.utf8)
        }
        let found = records.withLock { Array($0.values) }.filter {
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

    /// The available items that came last, the newest first.
    func newest(_ count: Int, without known: Set<ItemID>) -> [ItemID] {
        let others = records.withLock { Array($0.values) }.filter { $0.available && !known.contains($0.id) }
        return others.sorted { ($1.created, $0.id) < ($0.created, $1.id) }.prefix(count).map(\.id)
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
