// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeFunnel
import CascadeStore
import Foundation
import Synchronization

/// A store as it was at an earlier moment, as far as it can tell: events are those from before; items are those of now.
///
/// Only for reading: whatever would write throws.
final class PastStore: EventStore {
    private let store: SQLiteStore
    private let moment: Mutex<Int64>

    init(_ store: SQLiteStore, at time: Int64) {
        self.store = store
        moment = Mutex(time)
    }

    /// The moment, in seconds since 1970-01-01 UTC.
    var time: Int64 {
        get { moment.withLock { $0 } }
        set { moment.withLock { $0 = newValue } }
    }

    /// A clock for deadlines that goes on, with the calendar of the moment.
    var clock: FunnelClock { FunnelClock(ContinuousClock()) { self.time } }

    func history(of user: UserID, limit: Int) async throws -> [Event] {
        try await store.history(of: user, before: time, limit: limit)
    }

    func popular(since: Int64, limit: Int) async throws -> [(item: ItemID, events: Int)] {
        try await store.popular(since: since, before: time, limit: limit)
    }

    func items(_ ids: [ItemID]) async throws -> [ItemRecord] { try await store.items(ids) }
    func allItems() async throws -> [ItemRecord] { try await store.allItems() }
    func users(beginningWith text: String, limit: Int) async throws -> [UserID] {
        try await store.users(beginningWith: text, limit: limit)
    }
    func export(_ user: UserID) async throws -> UserExport? { try await store.export(user) }
    func erasure(of user: UserID) async throws -> ErasureStatus? { try await store.erasure(of: user) }
    func versions(limit: Int) async throws -> [ModelVersion] { try await store.versions(limit: limit) }
    func foreignChanges() -> Int? { store.foreignChanges() }
    func changeCounts() async throws -> ChangeCounts { try await store.changeCounts() }
    func obstacles() async -> [String] { await store.obstacles() }
    func examine() async throws {}

    func append(_ events: [NewEvent]) async throws -> [Receipt] { throw refusal }
    func upsert(_ items: [ItemRecord]) async throws { throw refusal }
    func erase(_ user: UserID) async throws -> Int { throw refusal }
    func finishErasures() async throws { throw refusal }
    func log(_ exposures: [Exposure]) async throws { throw refusal }
    func removeExposures(before time: Int64) async throws -> Int { throw refusal }
    func record(_ version: ModelVersion) async throws { throw refusal }

    private var refusal: StoreError {
        StoreError(
            .readOnly,
            "\(store.url.path): found a change of the past, expected questions only, since the store is only read. Write to the "
                + "running service."
        )
    }
}
