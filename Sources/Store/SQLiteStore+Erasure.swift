// Part of Cascade. SPDX-License-Identifier: Apache-2.0
public import Datasets
internal import GRDB

extension SQLiteStore {
    /// Removes everything of one person, so that their bytes leave the files of the store.
    ///
    /// The rows go at once. SQLite overwrites them (`secure_delete`), but not the copies that it leaves in the gaps of pages when
    /// it moves rows between them, so the file is then written anew without them; the log of changes is cut to nothing.
    /// Reads go on meanwhile, other writes wait; erasures that wait together share the work. One that a crash interrupts is
    /// finished when the store is opened. Backups made before still hold the person.
    ///
    /// - Returns: How many events and exposures went; 0 when there were none.
    /// - Throws: ``StoreError``; `.busy` when the rows are gone but another process reads older pages, `.full` when there is
    ///   no room to write the file anew: call again.
    /// - Complexity: Linear in the size of the store.
    public func erase(_ user: UserID) async throws -> Int {
        guard Storable.holds(user.rawValue) else { return 0 }
        let (removed, isOwed) = try await write { database in
            try database.execute(sql: "DELETE FROM events WHERE user = ?", arguments: [user.rawValue])
            let removed =
                try database.changesCount
                + ExposureTable.remove("user = ?", arguments: [user.rawValue], in: database).exposures
            if removed > 0 { try database.execute(sql: "INSERT INTO erasures DEFAULT VALUES") }
            return (removed, try Int.fetchOne(database, sql: "SELECT count(*) FROM erasures") ?? 0 > 0)
        }
        if isOwed { try await StoreError.naming(place) { [compaction] in try await compaction.run() } }
        return removed
    }
}

/// Writes the file of a database anew, so that nothing is left in it but its rows.
actor Compaction {
    private let pool: DatabasePool
    private var latest: Task<Void, any Error>?
    private var hasBegun = false

    init(_ pool: DatabasePool) { self.pool = pool }

    /// Returns when a compaction that began after the call is done; calls that wait together share one.
    func run() async throws {
        if let latest, !hasBegun { return try await latest.value }
        let previous = latest
        hasBegun = false
        let task = Task {
            _ = await previous?.result
            hasBegun = true
            try await Self.compact(pool)
        }
        latest = task
        try await task.value
    }

    /// Finishes the erasures that a crash has left half done.
    static func finish(_ pool: DatabasePool) throws {
        guard let last = try pool.read({ try Int64.fetchOne($0, sql: "SELECT max(row) FROM erasures") }) else { return }
        try pool.writeWithoutTransaction { try rewrite($0) }
        try pool.barrierWriteWithoutTransaction { _ = try $0.checkpoint(.truncate) }
        try pool.write { try settle(last, $0) }
    }

    private static func compact(_ pool: DatabasePool) async throws {
        let last = try await pool.writeWithoutTransaction { database in
            let last = try Int64.fetchOne(database, sql: "SELECT max(row) FROM erasures") ?? 0
            try rewrite(database)
            return last
        }
        // Until here readers went on; now they wait a moment.
        try await pool.barrierWriteWithoutTransaction { _ = try $0.checkpoint(.truncate) }
        try await pool.write { try settle(last, $0) }
    }

    private static func rewrite(_ database: Database) throws {
        try database.execute(sql: "VACUUM")
        // Most of the log can go into the file while others read.
        _ = try database.checkpoint(.passive)
    }

    private static func settle(_ last: Int64, _ database: Database) throws {
        try database.execute(sql: "DELETE FROM erasures WHERE row <= ?", arguments: [last])
    }
}
