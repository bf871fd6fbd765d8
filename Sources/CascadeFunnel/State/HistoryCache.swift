// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeStore
import Synchronization

/// The recent events of users, cached in memory.
///
/// A history is kept only when nothing was written for its user from the beginning of its reading to the end. A history
/// that is kept was therefore read before any write that goes on now, so each write can add its events to it, and none
/// is lost or comes twice. Two writes for one user at a time have no order that is known here: then the history is
/// forgotten and read again. When another process has written to the store, all are forgotten; while nobody can tell
/// whether one has, they are read from the store and not kept.
final class HistoryCache: Sendable {
    /// Users who are written for, or read, at this moment.
    private struct Activity {
        var writers = 0
        var readers = 0
        /// Grows with every write that begins.
        var writes = 0
    }

    private struct State {
        var kept: LRUCache<UserID, [Event]>
        var active: [UserID: Activity] = [:]
        /// How often other processes had written when the histories were read.
        var foreignChanges = 0

        mutating func tidy(_ user: UserID) {
            if let activity = active[user], activity.readers == 0, activity.writers == 0 { active[user] = nil }
        }
    }

    private let store: any EventStore
    private let limit: Int
    private let state: Mutex<State>

    init(_ settings: HistorySettings, store: any EventStore) {
        (limit, self.store) = (settings.events, store)
        state = Mutex(State(kept: LRUCache(capacity: settings.users)))
    }

    /// The latest events of a user, oldest first, those of every finished ``write(for:_:)`` among them.
    func events(of user: UserID) async throws -> [Event] {
        let changes = store.foreignChanges()
        let (kept, writes) = state.withLock { state -> ([Event]?, Int?) in
            // One who asked before and comes here later brings a lower number, which proves nothing.
            if let changes, changes > state.foreignChanges {
                state.kept.removeAll()
                state.foreignChanges = changes
            }
            let isCurrent = changes == state.foreignChanges
            if isCurrent, let events = state.kept.use(user) { return (events, nil) }
            var activity = state.active[user] ?? Activity()
            activity.readers += 1
            state.active[user] = activity
            return (nil, activity.writers == 0 && isCurrent ? activity.writes : nil)
        }
        if let kept { return kept }
        let result: Result<[Event], any Error>
        do { result = .success(try await store.history(of: user, limit: limit)) } catch { result = .failure(error) }
        state.withLock { state in
            if case .success(let events) = result, let writes, state.active[user]?.writes == writes,
                state.foreignChanges == changes
            {
                state.kept.insert(user, events)
            }
            state.active[user]?.readers -= 1
            state.tidy(user)
        }
        return try result.get()
    }

    /// Writes to the store and adds what was stored to the histories that are kept.
    ///
    /// - Parameters:
    ///   - users: Everybody whose events the work may change.
    ///   - work: Writes, and returns the events that were added; nil when others were taken away.
    func write<Value>(
        for users: Set<UserID>,
        _ work: () async throws -> (result: Value, added: [Event]?)
    ) async throws -> Value {
        state.withLock { state in
            for user in users {
                var activity = state.active[user] ?? Activity()
                if activity.writers > 0 { state.kept.remove(user) }
                activity.writers += 1
                activity.writes += 1
                state.active[user] = activity
            }
        }
        let written: Result<(result: Value, added: [Event]?), any Error>
        do { written = .success(try await work()) } catch { written = .failure(error) }
        state.withLock { state in
            if case .success((_, let added?)) = written {
                for event in added { state.kept.change(event.user) { Self.insert(event, into: &$0, limit: limit) } }
            } else {
                // What became of a write that failed, only the store knows.
                for user in users { state.kept.remove(user) }
            }
            for user in users {
                state.active[user]?.writers -= 1
                state.tidy(user)
            }
        }
        return try written.get().result
    }

    /// Keeps the order by time, and by arrival among equals.
    private static func insert(_ event: Event, into events: inout [Event], limit: Int) {
        let place = events.lastIndex { $0.time <= event.time }.map { $0 + 1 } ?? 0
        events.insert(event, at: place)
        // Rejections stay, however old they are.
        guard events.count(where: { !$0.action.isRejection }) > limit else { return }
        if let oldest = events.firstIndex(where: { !$0.action.isRejection }) { events.remove(at: oldest) }
    }
}
