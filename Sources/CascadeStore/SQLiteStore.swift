// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import Foundation
internal import GRDB

/// The store in one SQLite file, in WAL mode: readers see a consistent state and never wait for the writer.
///
/// **Durable**: `synchronous` is FULL, so that the disk has confirmed what a writing method has returned for, and a power
/// cut takes nothing that was acknowledged. Concurrent writes share transactions (group commit), so that they share
/// the wait for the disk. **Private**: after ``erase(_:)`` and ``finishErasures()`` no file holds what was removed.
/// **Watchful**: ``foreignChanges()`` counts what other processes write, and ``obstacles()`` says when the file is gone,
/// replaced, damaged or cannot be written.
///
/// The files `-wal` and `-shm` beside the database belong to it: copy a store with ``backup(to:)``, never with `cp`.
public final class SQLiteStore: EventStore {
    /// The file.
    public let url: URL

    let pool: DatabasePool
    let clock: @Sendable () -> Int64
    let writer: GroupCommit
    let watch: ChangeWatch
    let files: StoreFiles
    let condition = StoreCondition()
    let compaction: Compaction
    private let isReadOnly: Bool
    var place: String { url.path }

    /// Opens a store, bringing the tables of an older version up to date.
    ///
    /// - Parameters:
    ///   - url: The file; its folder must exist.
    ///   - creating: Whether to make a new store where there is no file.
    ///   - isReadOnly: Whether nothing may be written: writing methods throw, and a store of an older version is refused.
    ///   - busyTimeout: How long to wait for another process that holds the file, in seconds.
    ///   - groupLimit: How many concurrent calls share a transaction at most.
    ///   - clock: The present, in seconds since 1970-01-01 UTC.
    /// - Throws: ``StoreError`` `.notFound`, `.notAStore`, `.newerVersion`, `.corrupt`, `.busy`, `.readOnly` or `.failed`; a
    ///   file that is not a store is left as it was.
    public init(
        at url: URL,
        creating: Bool = true,
        isReadOnly: Bool = false,
        busyTimeout: TimeInterval = 5,
        groupLimit: Int = 256,
        clock: @escaping @Sendable () -> Int64 = { Int64(Date().timeIntervalSince1970) }
    ) throws {
        precondition(groupLimit > 0, "a transaction holds at least one call")
        self.url = url
        self.clock = clock
        self.isReadOnly = isReadOnly
        guard creating && !isReadOnly || FileManager.default.fileExists(atPath: url.path) else {
            throw StoreError(.notFound, "\(url.path): there is no such file. Check the path.")
        }
        let wait = BusyWait(upTo: busyTimeout)
        (pool, watch, files) = try StoreError.naming(url.path) {
            var configuration = Configuration()
            configuration.busyMode = wait.mode
            configuration.maximumReaderCount = max(4, ProcessInfo.processInfo.activeProcessorCount)
            configuration.prepareDatabase { try $0.execute(sql: "PRAGMA trusted_schema = OFF") }
            let pool = try Self.pool(at: url, configuration, isReadOnly: isReadOnly)
            let watch = try ChangeWatch(url, pool)
            return (pool, watch, try StoreFiles(url))
        }
        writer = GroupCommit(pool, limit: groupLimit, watch: watch, files: files)
        compaction = Compaction(Scrubber(pool, watch, wait, patience: .seconds(busyTimeout)))
    }

    /// Opens the file; a store of this version is only read meanwhile, so that no other process is waited for.
    private static func pool(
        at url: URL,
        _ configuration: Configuration,
        isReadOnly: Bool
    ) throws -> DatabasePool {
        let found = StoreFiles.Identity(url.path)
        // In the journal mode that the file has: a database of another program must not be changed to WAL.
        let first = try DatabaseQueue(path: url.path, configuration: configuration)
        let isCurrent = try first.read { try StoreSchema.examine($0, url.path) }
        if isReadOnly, !isCurrent {
            throw StoreError(
                .readOnly,
                "\(url.path): found a store of an older version, or an empty file, expected one of this version, since it is only "
                    + "read. Bring it up to date with 'cascade store verify'."
            )
        }
        if !isCurrent { try first.write { try StoreSchema.claim($0, url.path) } }
        try first.close()
        let pool = try DatabasePool(path: url.path, configuration: configuration)
        try pool.writeWithoutTransaction { database in
            try database.execute(sql: "PRAGMA synchronous = FULL; PRAGMA cache_size = -65536")
            _ = try Row.fetchAll(database, sql: "PRAGMA secure_delete = ON")
            if isReadOnly { try database.execute(sql: "PRAGMA query_only = ON") }
        }
        if !isCurrent {
            try StoreSchema.migrator.migrate(pool)
            // An import that was interrupted leaves it out.
            try pool.write(StoreSchema.makeTimeIndex)
        }
        guard found == nil || found == StoreFiles.Identity(url.path) else {
            throw StoreError(.busy, "\(url.path): the store was replaced while it was opened. Try again.")
        }
        return pool
    }

    /// Finishes the writes under way, moves everything into the one file and closes it; later calls throw `.closed`.
    ///
    /// - Throws: ``StoreError`` when a read is still under way; what was written is safe all the same.
    public func close() async throws {
        await writer.close()
        if !isReadOnly { try await checkpoint() }
        try StoreError.naming(place) {
            try watch.close()
            try pool.close()
        }
    }

    private func checkpoint() async throws {
        // What another process still reads stays in the log, which that process moves then.
        try await StoreError.naming(place) { [pool] in
            do {
                try await pool.barrierWriteWithoutTransaction { _ = try $0.checkpoint(.truncate) }
            } catch let error as DatabaseError where error.resultCode == .SQLITE_BUSY {}
        }
    }

    /// Runs a query on a consistent state.
    func read<R: Sendable>(_ body: @escaping @Sendable (Database) throws -> R) async throws -> R {
        try await condition.watching {
            try await StoreError.naming(place) { [pool] in try await pool.read(body) }
        }
    }

    /// Runs statements in a transaction; returns when they are on the disk.
    ///
    /// - Throws: ``StoreError``; `.missing` when the file is not, or no longer, at its path.
    func write<R: Sendable>(_ body: @escaping @Sendable (Database) throws -> R) async throws -> R {
        try await condition.watchingWrite {
            try await StoreError.naming(place) { [writer] in try await writer.write(body) }
        }
    }
}
