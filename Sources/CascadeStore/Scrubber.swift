// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import GRDB

/// Has a store's files hold nothing but its rows, in pieces of some milliseconds, between which others read and write.
///
/// Each piece empties the log into the file, takes the write lock, and clears unused bytes of some hundred pages in the file
/// itself. Rows are not touched, so readers see no difference, and a power cut in the middle does no harm. The piece ends with
/// a commit, which has other processes drop the pages that they keep in memory; our own writer drops its pages too.
/// So nobody writes back what was cleared.
actor Scrubber {
    private enum Outcome {
        case finished
        case unfinished
        /// Somebody reads an older state out of the log, or wrote between two steps.
        case disturbed
    }

    /// How many pages a piece clears.
    private static let pagesPerPiece = 256
    /// How long a piece waits for readers, in tries of one to three milliseconds.
    private static let briefTries = 15

    private let pool: DatabasePool
    private let watch: ChangeWatch
    private let wait: BusyWait
    private let patience: Duration

    /// Prepares for a store that is open.
    ///
    /// - Parameter patience: How long readers of an older state may hold up everything before it is an error.
    init(_ pool: DatabasePool, _ watch: ChangeWatch, _ wait: BusyWait, patience: Duration) {
        self.pool = pool
        self.watch = watch
        self.wait = wait
        self.patience = patience
    }

    /// Finishes the erasures whose rows are gone.
    ///
    /// - Throws: `SQLITE_BUSY` when it is held up for too long; what is left is done by the next call.
    func run() async throws {
        guard let last = try await pool.read(ErasureRows.last) else { return }
        var scrub = PageScrub()
        var moved = ContinuousClock.now
        while true {
            switch try await piece(&scrub) {
            case .finished:
                try await pool.writeWithoutTransaction { [watch] database in
                    try watch.committing(database) {
                        try database.execute(
                            sql: "DELETE FROM erasures WHERE row <= ? AND user IS NULL",
                            arguments: [last]
                        )
                    }
                }
                return
            case .unfinished:
                moved = .now
                // Others come in between.
                try await Task.sleep(for: .milliseconds(2))
            case .disturbed:
                guard moved.duration(to: .now) < patience else { throw DatabaseError(resultCode: .SQLITE_BUSY) }
                try await Task.sleep(for: .milliseconds(20))
            }
        }
    }

    private func piece(_ scrub: inout PageScrub) async throws -> Outcome {
        let before = scrub
        let (outcome, after) = try await pool.writeWithoutTransaction { [watch, wait] database in
            try watch.committing(database) { try Self.piece(before, database, wait) }
        }
        scrub = after
        return outcome
    }

    private static func piece(
        _ before: PageScrub,
        _ database: Database,
        _ wait: BusyWait
    ) throws -> (Outcome, PageScrub) {
        let version = try Int64.fetchOne(database, sql: "PRAGMA data_version")
        guard try wait.briefly(briefTries, { try emptyLog(database) }) else { return (.disturbed, before) }
        var scrub = before
        var outcome = Outcome.disturbed
        try database.inTransaction(.immediate) {
            guard try Int64.fetchOne(database, sql: "PRAGMA data_version") == version else { return .rollback }
            let roots = try UInt32.fetchAll(database, sql: "SELECT rootpage FROM sqlite_master WHERE rootpage > 0")
            let file = try DatabaseFile(database)
            let isDone = try scrub.advance(file, roots: [1] + roots, pages: pagesPerPiece)
            if isDone { try file.synchronize() }
            try database.execute(sql: "UPDATE facts SET value = value + 1 WHERE name = 'scrubbed'")
            outcome = isDone ? .finished : .unfinished
            return .commit
        }
        try database.execute(sql: "PRAGMA shrink_memory")
        return (outcome, scrub)
    }

    /// Moves the log into the file and cuts it to nothing; false when somebody reads an older state out of it.
    private static func emptyLog(_ database: Database) throws -> Bool {
        do {
            _ = try database.checkpoint(.truncate)
            return true
        } catch let error as DatabaseError where error.resultCode == .SQLITE_BUSY {
            return false
        }
    }
}
