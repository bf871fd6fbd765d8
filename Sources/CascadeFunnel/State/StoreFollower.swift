// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeStore
import Synchronization

/// Brings what the service keeps in memory up to the store after another process has written to it.
final class StoreFollower: Sendable {
    private struct State {
        var foreignChanges = 0
        var counts: ChangeCounts?
    }

    private let store: any EventStore
    private let catchUp: @Sendable (_ items: Bool, _ erasures: Bool) async throws -> Void
    private let state = Mutex(State())
    private let queue = SerialQueue()

    /// Follows a store.
    ///
    /// - Parameter catchUp: Reads again what others may have changed: the items, and who was erased.
    init(_ store: any EventStore, catchUp: @escaping @Sendable (_ items: Bool, _ erasures: Bool) async throws -> Void) {
        self.store = store
        self.catchUp = catchUp
    }

    /// Whether another process has written since memory was brought up to date; takes some microseconds.
    ///
    /// At a moment at which nobody can tell, a commit of our own is under way; the request after it knows.
    var isBehind: Bool {
        guard let changes = store.foreignChanges() else { return false }
        return state.withLock { $0.foreignChanges } < changes
    }

    /// Brings memory up to date, once for all who ask at the same time.
    func run() async throws {
        try await queue.run { [self] in
            guard let changes = store.foreignChanges(), state.withLock({ $0.foreignChanges }) < changes else { return }
            let (known, counts) = (state.withLock { $0.counts }, try await store.changeCounts())
            try await catchUp(known?.items != counts.items, known?.erasures != counts.erasures)
            state.withLock { $0 = State(foreignChanges: changes, counts: counts) }
        }
    }
}
