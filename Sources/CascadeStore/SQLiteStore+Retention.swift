// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import GRDB

extension SQLiteStore {
    /// How many events one transaction of a long change has, so that others' writes come in between.
    static let rowsPerChange = 2_000
    /// How many requests, each with a page of exposures, one transaction has.
    static let requestsPerChange = 200

    /// How much ``removeEvents(before:)`` would remove.
    public func counts(before time: Int64) async throws -> StoreCounts {
        try await read { database in
            func count(_ query: String) throws -> Int {
                try Int.fetchOne(database, sql: "SELECT count(*) FROM \(query) < ?", arguments: [time]) ?? 0
            }
            return StoreCounts(
                events: try count("events WHERE time"),
                items: 0,
                requests: try count("requests WHERE time"),
                exposures: try count("requests JOIN exposures ON exposures.request = requests.row WHERE time")
            )
        }
    }

    /// Removes events, and exposures with their requests, from before a time, in seconds since 1970-01-01 UTC.
    ///
    /// What counts is the time that an event's sender gave it. The file does not shrink; its free pages are used again.
    /// A store that is empty afterwards counts as filled all the same: see ``wantsSeed()``.
    ///
    /// - Returns: How many events and exposures went.
    public func removeEvents(before time: Int64) async throws -> (events: Int, exposures: Int) {
        var removed = 0
        try await write { try Fact.markFilled($0) }
        while true {
            let part = try await write { database in
                try database.execute(
                    sql: "DELETE FROM events WHERE row IN (SELECT row FROM events WHERE time < ? LIMIT ?)",
                    arguments: [time, Self.rowsPerChange]
                )
                return database.changesCount
            }
            removed += part
            guard part > 0 else { break }
        }
        return (removed, try await removeExposures(before: time))
    }

    /// Removes exposures with their requests from before a time, in seconds since 1970-01-01 UTC, in short pieces.
    ///
    /// - Returns: How many exposures went.
    public func removeExposures(before time: Int64) async throws -> Int {
        var removed = 0
        while true {
            try Task.checkCancellation()
            let part = try await write { database in
                try ExposureRows.remove(
                    "row IN (SELECT row FROM requests WHERE time < ? ORDER BY time, row LIMIT ?)",
                    arguments: [time, Self.requestsPerChange],
                    in: database
                )
            }
            removed += part.exposures
            guard part.requests > 0 else { return removed }
        }
    }
}
