// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import GRDB

/// The one door through which everything is written: calls that wait for the disk at the same time share a transaction.
///
/// While one transaction commits, the next calls gather. A call returns once the commit that holds its rows is done, so
/// that a disk that syncs 500 times a second still takes tens of thousands of events from many callers. No call
/// waits for others to come.
actor GroupCommit {
    /// Something to write, and somebody who waits for it.
    private struct Call: Sendable {
        /// Writes, and returns what tells the caller, for when the commit is done.
        let write: @Sendable (Database) throws -> @Sendable () -> Void
        /// Tells the caller that nothing was written.
        let fail: @Sendable (any Error) -> Void
    }

    private let pool: DatabasePool
    private let limit: Int
    private let watch: ChangeWatch
    private let files: StoreFiles
    private var waiting: [Call] = []
    private var isWriting = false
    private var isClosed = false
    private var closers: [CheckedContinuation<Void, Never>] = []

    /// Writes into a database.
    ///
    /// - Parameter limit: How many calls share a transaction at most; with 1, each has its own.
    init(_ pool: DatabasePool, limit: Int, watch: ChangeWatch, files: StoreFiles) {
        self.pool = pool
        self.limit = limit
        self.watch = watch
        self.files = files
    }

    /// Runs `body` in a transaction that may hold other calls' writes too, and returns once it is on the disk.
    ///
    /// The body may run twice: once with others, and again alone when the shared transaction failed.
    func write<R: Sendable>(_ body: @escaping @Sendable (Database) throws -> R) async throws -> R {
        guard !isClosed else { throw DatabaseError(resultCode: .SQLITE_MISUSE) }
        return try await withCheckedThrowingContinuation { continuation in
            waiting.append(
                Call(
                    write: { database in
                        let result = try body(database)
                        return { continuation.resume(returning: result) }
                    },
                    fail: { continuation.resume(throwing: $0) }
                )
            )
            guard !isWriting else { return }
            isWriting = true
            // A task of its own: a caller that is cancelled must not take the others' transaction with it.
            Task { await writeAll() }
        }
    }

    /// How many calls will be in the next transactions.
    var waitingCount: Int { waiting.count }

    /// Takes no more calls and returns when those that wait are on the disk.
    func close() async {
        isClosed = true
        if isWriting { await withCheckedContinuation { closers.append($0) } }
    }

    private func writeAll() async {
        while !waiting.isEmpty {
            let group = Array(waiting.prefix(limit))
            waiting.removeFirst(group.count)
            await commit(group)
        }
        isWriting = false
        for closer in closers { closer.resume() }
        closers = []
    }

    private static func transaction(_ group: [Call], _ database: Database) throws -> [@Sendable () -> Void] {
        var announcements: [@Sendable () -> Void] = []
        try database.inTransaction(.immediate) {
            announcements = try group.map { try $0.write(database) }
            return .commit
        }
        return announcements
    }

    private func commit(_ group: [Call]) async {
        do {
            try files.check()
            let announcements = try await pool.writeWithoutTransaction { [watch] database in
                try watch.committing(database) { try Self.transaction(group, database) }
            }
            // A file that went meanwhile took the rows along: nobody may be told that they are stored.
            try files.check()
            for announce in announcements { announce() }
        } catch {
            // Whoever holds the lock keeps every call out; anything else may be the fault of one.
            // Neither does a file that is gone become better by trying each.
            let isCommon =
                (error as? StoreError)?.reason == .missing || (error as? DatabaseError)?.resultCode == .SQLITE_BUSY
            guard group.count > 1, !isCommon else {
                for call in group { call.fail(error) }
                return
            }
            for call in group { await commit([call]) }
        }
    }
}
