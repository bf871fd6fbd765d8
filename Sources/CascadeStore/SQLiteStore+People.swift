// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
internal import GRDB

extension SQLiteStore {
    /// Ids of users that begin with a text, in the order of their bytes: of everybody who did or was shown something.
    public func users(beginningWith text: String, limit: Int) async throws -> [UserID] {
        guard Storable.holds(text) else { return [] }
        return try await read { database in
            // From one user to the next by index, however many rows each has.
            func next(_ comparison: String) throws -> Statement {
                try database.cachedStatement(
                    sql: """
                        SELECT min(user) FROM (
                            SELECT min(user) AS user FROM events WHERE user \(comparison) ?1
                            UNION ALL SELECT min(user) FROM requests WHERE user \(comparison) ?1
                        )
                        """
                )
            }
            var found: [UserID] = []
            var user = try String.fetchOne(next(">="), arguments: [text])
            while let id = user, found.count < limit, id.utf8.starts(with: text.utf8) {
                found.append(UserID(id))
                user = try String.fetchOne(next(">"), arguments: [id])
            }
            return found
        }
    }

    /// Everything of one person; nil when there is nothing.
    public func export(_ user: UserID) async throws -> UserExport? {
        guard Storable.holds(user.rawValue) else { return nil }
        return try await read { database in
            let rows = try Row.fetchCursor(
                database,
                sql: "SELECT \(EventRows.columns) FROM events WHERE user = ? AND row > ? ORDER BY time, row",
                arguments: [user.rawValue, ErasureRows.lastEvent(of: user, in: database)]
            )
            var events: [NewEvent] = []
            while let row = try rows.next() { events.append(try EventRows.event(row)) }
            let exposures = try ExposureRows.exposures(of: user, in: database)
            return events.isEmpty && exposures.isEmpty
                ? nil : UserExport(user: user, events: events, exposures: exposures)
        }
    }
}
