// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
internal import GRDB

extension SQLiteStore {
    /// The latest recommendations and searches of users that were logged with a propensity, oldest first.
    ///
    /// One consistent state, while others write. Erased people are not in it. A click counts by the rule of A/B tests: for the
    /// request that it names, otherwise for the latest request that showed its item to its user, at most a day before.
    ///
    /// - Parameters:
    ///   - since: The first time, in seconds since 1970-01-01 UTC; nil for all.
    ///   - until: The time before which they end; nil for all.
    ///   - limit: How many at most; the latest are kept.
    public func loggedRequests(since: Int64? = nil, until: Int64? = nil, limit: Int) async throws -> [LoggedRequest] {
        try await read { database in
            let rows = try Row.fetchAll(
                database,
                sql: Self.logged,
                arguments: [since ?? .min, until ?? .max, max(0, limit)]
            )
            let shown = try database.cachedStatement(sql: Self.shown)
            return try rows.reversed().map { row in
                LoggedRequest(
                    id: try row.value(1),
                    user: UserID(try row.value(2)),
                    time: try row.value(3),
                    facts: try ExposureRows.facts(row, from: 4),
                    impressions: try Row.fetchAll(shown, arguments: [try row.value(0) as Int64]).map {
                        LoggedRequest.Impression(
                            item: ItemID(try $0.value(0)),
                            position: try $0.value(1),
                            propensity: try $0.optional(2),
                            isClicked: try $0.value(3)
                        )
                    }
                )
            }
        }
    }

    /// The latest events of a user from before a time, oldest first: what was known of them then.
    ///
    /// - Parameters:
    ///   - user: The user.
    ///   - time: In seconds since 1970-01-01 UTC; events of this very second are left out.
    ///   - limit: How many at most; the latest are kept.
    public func history(of user: UserID, before time: Int64, limit: Int) async throws -> [Event] {
        guard Storable.holds(user.rawValue) else { return [] }
        return try await read { database in
            let select = try database.cachedStatement(
                sql: """
                    SELECT * FROM (
                        SELECT \(EventRows.columns), row FROM events
                        WHERE user = ?1 AND row > ?2 AND time < ?3 AND NOT (\(StoreSchema.rejecting))
                        ORDER BY time DESC, row DESC LIMIT ?4
                    )
                    UNION ALL
                    SELECT \(EventRows.columns), row FROM events
                    WHERE user = ?1 AND row > ?2 AND time < ?3 AND \(StoreSchema.rejecting)
                    ORDER BY time, row
                    """
            )
            let last = try ErasureRows.lastEvent(of: user, in: database)
            let rows = try Row.fetchAll(select, arguments: [user.rawValue, last, time, max(0, limit)])
            return try rows.map { try EventRows.event($0).event }
        }
    }

    /// The items with the most events from a time on and before another; of equally many, the lower id first.
    ///
    /// - Parameters:
    ///   - since: The first time, in seconds since 1970-01-01 UTC; `Int64.min` for all.
    ///   - time: The time before which they end.
    ///   - limit: How many at most.
    /// - Complexity: Linear in the number of events in that time; for all times in those after it, and in the number of items.
    public func popular(
        since: Int64,
        before time: Int64,
        limit: Int
    ) async throws -> [(item: ItemID, events: Int)] {
        let counted =
            since == .min
            ? """
            SELECT popularity.item, popularity.events - coalesce(later.events, 0) AS events FROM popularity
            LEFT JOIN (
                SELECT item, count(*) AS events FROM events
                WHERE time >= ?2 AND NOT (\(StoreSchema.rejecting)) GROUP BY item
            ) AS later ON later.item = popularity.item
            WHERE ?1 < 0 AND popularity.events > coalesce(later.events, 0)
            """
            : """
            SELECT item, count(*) AS events FROM events
            WHERE time >= ?1 AND time < ?2 AND NOT (\(StoreSchema.rejecting)) GROUP BY item
            """
        return try await read { database in
            let select = try database.cachedStatement(sql: counted + " ORDER BY 2 DESC, 1 LIMIT ?3")
            let rows = try Row.fetchAll(select, arguments: [since, time, max(0, limit)])
            return try rows.map { (ItemID(try $0.value(0)), try $0.value(1)) }
        }
    }

    private static let logged = """
        SELECT row, id, user, time, \(ExposureRows.factColumns) FROM requests
        WHERE user IS NOT NULL AND time >= ?1 AND time < ?2
            AND kind IN ('\(RequestKind.recommendation.rawValue)', '\(RequestKind.search.rawValue)')
            AND row > coalesce((SELECT max(last_request) FROM erasures WHERE erasures.user = requests.user), 0)
            AND EXISTS (
                SELECT 1 FROM exposures WHERE exposures.request = requests.row AND exposures.propensity IS NOT NULL
            )
        ORDER BY time DESC, row DESC LIMIT ?3
        """

    /// What a request showed, with whether a click belongs to it.
    private static let shown = """
        SELECT exposures.item, exposures.place, exposures.propensity, EXISTS (
            SELECT 1 FROM events
            WHERE events.request = requests.id AND events.item = exposures.item
                AND events.action = \(Action.click.rawValue) AND \(visible)
        ) OR EXISTS (
            SELECT 1 FROM events
            WHERE events.user = requests.user AND events.request IS NULL AND events.item = exposures.item
                AND events.time BETWEEN requests.time AND requests.time + \(UnitOutcome.attributionSeconds)
                AND events.action = \(Action.click.rawValue) AND \(visible)
                AND requests.row = (
                    SELECT later.row FROM requests AS later JOIN exposures AS seen ON seen.request = later.row
                    WHERE later.user = events.user AND seen.item = events.item
                        AND later.time BETWEEN events.time - \(UnitOutcome.attributionSeconds) AND events.time
                    ORDER BY later.time DESC, later.row DESC LIMIT 1
                )
        )
        FROM exposures JOIN requests ON requests.row = exposures.request
        WHERE exposures.request = ? ORDER BY exposures.place
        """

    /// Events that no erasure under way hides.
    private static let visible = """
        events.row > coalesce((SELECT max(last_event) FROM erasures WHERE erasures.user = events.user), 0)
        """
}
