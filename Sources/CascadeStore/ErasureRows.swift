// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import CascadeDatasets
internal import Foundation
internal import GRDB

/// Erasures under way, as rows: one each until no file holds the person any more.
enum ErasureRows {
    /// Remembers who is erased, and begins; nothing of what they did so far is seen from the commit on.
    ///
    /// - Returns: The erasure's row, and how many events and exposures it hides; nil when nothing more is stored of the person.
    static func begin(_ user: UserID, time: Int64, in database: Database) throws -> (row: Int64, hidden: Int)? {
        let people = try ErasedPeople(database)
        let hash = people.hash(user)
        try people.insert(hash, time: time)
        try Fact.markFilled(database)
        // What an earlier erasure of theirs hides is counted there.
        let hidden = (event: try lastEvent(of: user, in: database), request: try lastRequest(of: user, in: database))
        func found(_ query: String, after row: Int64) throws -> (last: Int64, count: Int) {
            let found = try Row.fetchOne(database, sql: query, arguments: [user.rawValue, row])
            return (try found?.optional(0) ?? row, try found?.value(1) ?? 0)
        }
        let events = try found("SELECT max(row), count(*) FROM events WHERE user = ? AND row > ?", after: hidden.event)
        let shown = try found(
            """
            SELECT max(requests.row), count(exposures.request) FROM requests
            LEFT JOIN exposures ON exposures.request = requests.row
            WHERE requests.user = ? AND requests.row > ?
            """,
            after: hidden.request
        )
        guard events.last > hidden.event || shown.last > hidden.request else { return nil }
        try database.execute(
            sql: "INSERT INTO erasures (hash, user, last_event, last_request) VALUES (?, ?, ?, ?)",
            arguments: [hash, user.rawValue, events.last, shown.last]
        )
        return (database.lastInsertedRowID, events.count + shown.count)
    }

    /// Removes a piece of what an erasure has left; the person's id goes with the last.
    ///
    /// - Returns: Whether an earlier call had not removed the last piece.
    static func removePiece(of erasure: Int64, in database: Database) throws -> Bool {
        let found = try Row.fetchOne(
            database,
            sql: "SELECT user, last_event, last_request FROM erasures WHERE row = ? AND user IS NOT NULL",
            arguments: [erasure]
        )
        guard let found else { return false }
        let (user, event, request): (String, Int64, Int64) = (
            try found.value(0), try found.value(1), try found.value(2)
        )
        let chosen = "SELECT row FROM events WHERE user = ? AND row <= ? ORDER BY row LIMIT ?"
        try database.execute(
            sql: "DELETE FROM events WHERE row IN (\(chosen))",
            arguments: [user, event, SQLiteStore.rowsPerChange]
        )
        let events = database.changesCount
        let requests = try ExposureRows.remove(
            "row IN (SELECT row FROM requests WHERE user = ? AND row <= ? ORDER BY row LIMIT ?)",
            arguments: [user, request, SQLiteStore.requestsPerChange],
            in: database
        ).requests
        if events < SQLiteStore.rowsPerChange, requests < SQLiteStore.requestsPerChange {
            try database.execute(
                sql: "UPDATE erasures SET user = NULL, last_event = NULL, last_request = NULL WHERE row = ?",
                arguments: [erasure]
            )
        }
        return true
    }

    /// The erasures whose rows are not all gone.
    static func begun(_ database: Database) throws -> [Int64] {
        try Int64.fetchAll(database, sql: "SELECT row FROM erasures WHERE user IS NOT NULL ORDER BY row")
    }

    /// The latest erasure that has yet to be finished; nil when there is none.
    static func last(_ database: Database) throws -> Int64? {
        try Int64.fetchOne(database, sql: "SELECT max(row) FROM erasures")
    }

    /// The last event that an erasure under way hides; 0 when none does.
    static func lastEvent(of user: UserID, in database: Database) throws -> Int64 {
        let find = try database.cachedStatement(sql: "SELECT max(last_event) FROM erasures WHERE user = ?")
        return try Int64.fetchOne(find, arguments: [user.rawValue]) ?? 0
    }

    /// The last request that an erasure under way hides; 0 when none does.
    static func lastRequest(of user: UserID, in database: Database) throws -> Int64 {
        let find = try database.cachedStatement(sql: "SELECT max(last_request) FROM erasures WHERE user = ?")
        return try Int64.fetchOne(find, arguments: [user.rawValue]) ?? 0
    }
}
