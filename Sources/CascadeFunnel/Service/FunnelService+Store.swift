// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
public import CascadeStore

extension FunnelService {
    /// Stores events; the next answer knows them.
    public func record(_ events: [NewEvent]) async throws -> [Receipt] {
        guard !events.isEmpty else { return [] }
        return try await inFlight.run {
            try await histories.write(for: Set(events.map(\.event.user))) {
                let receipts = try await store.append(events)
                return (receipts, zip(events, receipts).filter { $1 == .stored }.map { $0.0.event })
            }
        }
    }

    /// Adds items, or replaces those of the same id; words and popularity follow about a second later.
    public func upsert(_ items: [ItemRecord]) async throws {
        guard !items.isEmpty else { return }
        try await inFlight.run { try await catalog.upsert(items) }
        recountSoon()
    }

    /// Those of the items that are known.
    public func items(_ ids: [ItemID]) async throws -> [ItemRecord] { try await store.items(ids) }

    /// Items whose ids begin with a text, in the order of the ids' bytes.
    public func items(beginningWith text: String, after: ItemID?, limit: Int) async throws -> ItemList {
        catalog.list(beginningWith: text, after: after, limit: limit)
    }

    /// Ids of users that begin with a text, in order.
    public func users(beginningWith text: String, limit: Int) async throws -> [UserID] {
        try await store.users(beginningWith: text, limit: limit)
    }

    /// Everything that is stored of one person; nil when there is nothing.
    public func export(_ user: UserID) async throws -> UserExport? {
        // What was shown last is still on its way to the store.
        await exposures.flush(user)
        return try await store.export(user)
    }

    /// Removes everything of one person: from the store, from memory, and from what is on its way to the store.
    ///
    /// No answer holds anything of them when this returns. Cleaning the files goes on behind the answer when it takes longer
    /// than four seconds.
    public func erase(_ user: UserID) async throws -> ErasureReceipt {
        try await inFlight.run {
            let rows = try await histories.write(for: [user]) {
                await exposures.forget(user)
                explanations.forget(user)
                let rows = try await store.erase(user)
                slotKeeper.forgetPeople()
                return (rows, nil)
            }
            let outcome = await storeRunner.run(within: Self.erasureWait) { [store] in try await store.finishErasures()
            }
            // What failed is taken up again in the background.
            guard case .finished = outcome else { return ErasureReceipt(rows: rows, isDone: false) }
            return ErasureReceipt(rows: rows, isDone: true)
        }
    }

    /// How far the erasure of a person is; nil when they were never erased.
    public func erasure(of user: UserID) async throws -> ErasureStatus? { try await store.erasure(of: user) }
}
