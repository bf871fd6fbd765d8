// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import Dispatch
internal import GRDB
internal import Synchronization

/// A fixed number of connections to one database, each of which answers one thread at a time.
///
/// GRDB's own pool opens connections when they are first needed, by path. Here all are opened at once, so that an index
/// goes on answering from the file that it opened after that was replaced or removed.
final class ReadConnections: Sendable {
    private let idle: Mutex<[DatabaseQueue]>
    private let available: DispatchSemaphore

    init(_ connections: [DatabaseQueue]) {
        idle = Mutex(connections)
        available = DispatchSemaphore(value: connections.count)
    }

    /// Waits for a connection and reads through it.
    func read<Result>(_ body: (Database) throws -> Result) throws -> Result {
        available.wait()
        defer { available.signal() }
        let connection = idle.withLock { $0.removeLast() }
        defer { idle.withLock { $0.append(connection) } }
        return try connection.read(body)
    }
}
