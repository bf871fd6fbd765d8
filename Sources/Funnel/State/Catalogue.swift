// Part of Cascade. SPDX-License-Identifier: Apache-2.0
import Datasets
import Store
import Synchronization

/// What the store knows of items, in memory.
final class Catalogue: Sendable {
    private let store: any EventStore
    private let records = Mutex<[ItemID: ItemRecord]>([:])
    private let line = WorkLine()

    init(_ store: any EventStore) { self.store = store }

    /// Reads everything from the store.
    func load() async throws {
        try await line.run { [self] in
            let items = try await store.allItems()
            records.withLock { $0 = Dictionary(items.map { ($0.id, $0) }) { $1 } }
        }
    }

    /// Stores items, and knows them as soon as they are stored.
    func upsert(_ items: [ItemRecord]) async throws {
        // One after another, so that of two changes of an item the one stays that stays in the store.
        try await line.run { [self] in
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
        try await line.run { [self] in
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

    /// The available items that came last, the newest first.
    func newest(_ count: Int, without known: Set<ItemID>) -> [ItemID] {
        let others = records.withLock { Array($0.values) }.filter { $0.available && !known.contains($0.id) }
        return others.sorted { ($1.created, $0.id) < ($0.created, $1.id) }.prefix(count).map(\.id)
    }
}
