// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import GRDB

extension SQLiteStore {
    /// The longest id of a user with events, by bytes; nil without events.
    ///
    /// Reads every user once, which takes seconds for a hundred million events.
    public func longestUser() async throws -> String? {
        try await read { database in
            try String.fetchOne(
                database,
                sql: """
                    SELECT user FROM (SELECT DISTINCT user FROM events)
                    ORDER BY length(CAST(user AS BLOB)) DESC LIMIT 1
                    """
            )
        }
    }
}
