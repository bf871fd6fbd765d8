// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import GRDB
internal import Synchronization

/// Counts what others write into the file: other processes, and other connections of this one.
///
/// SQLite tells a connection when another one has committed (`PRAGMA data_version`). An observer that never writes notices
/// every commit, our own too; the writer notices exactly the others'. So after each of our commits the observer's version is
/// read first and the writer's second: when the writer has met nobody, all that the observer saw was ours.
/// Between the moment at which our commit can be seen and that reading, nobody can tell, and ``changes()`` says so.
final class ChangeWatch: Sendable {
    private struct State {
        /// The observer's version that is accounted for.
        var seen: Int64
        /// The writer's version that is accounted for.
        var own: Int64
        /// Whether a transaction of ours is under way.
        var isWriting = false
        /// How often others have written.
        var foreign = 0
    }

    private let observer: DatabaseQueue
    private let state: Mutex<State>

    /// Watches a file that a pool has open.
    init(_ url: URL, _ pool: DatabasePool) throws {
        var configuration = Configuration()
        configuration.readonly = true
        configuration.busyMode = .immediateError
        let observer = try DatabaseQueue(path: url.path, configuration: configuration)
        self.observer = observer
        let (seen, own) = try pool.writeWithoutTransaction { (try Self.version(observer), try Self.version($0)) }
        state = Mutex(State(seen: seen, own: own))
    }

    /// How often others have written since the file was opened, at least; nil when that cannot be told at this moment.
    func changes() -> Int? {
        state.withLock { state in
            guard let version = try? Self.version(observer) else { return nil }
            guard version != state.seen else { return state.foreign }
            // Our commit may be all there is to see; after it the writer knows.
            if state.isWriting { return nil }
            state.seen = version
            state.foreign += 1
            return state.foreign
        }
    }

    /// Runs a transaction of ours on the writer's connection.
    func committing<R>(_ database: Database, _ transaction: () throws -> R) throws -> R {
        state.withLock { $0.isWriting = true }
        defer { account(database) }
        return try transaction()
    }

    /// Stops watching.
    func close() throws { try observer.close() }

    private func account(_ database: Database) {
        state.withLock { state in
            state.isWriting = false
            // When a version cannot be read, the next call takes our commit for another's, which only costs time.
            guard let seen = try? Self.version(observer), let own = try? Self.version(database) else { return }
            if own != state.own { state.foreign += 1 }
            (state.seen, state.own) = (seen, own)
        }
    }

    private static func version(_ queue: DatabaseQueue) throws -> Int64 {
        try queue.unsafeRead { try version($0) }
    }

    private static func version(_ database: Database) throws -> Int64 {
        try Int64.fetchOne(database.cachedStatement(sql: "PRAGMA data_version")) ?? 0
    }
}
