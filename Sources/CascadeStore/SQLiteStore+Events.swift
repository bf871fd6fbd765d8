// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
internal import GRDB

extension SQLiteStore {
    /// Stores events; all of them or, when it throws, none.
    ///
    /// An id that is on the disk already, or that came earlier in the same call, is a duplicate: what was stored first stays.
    ///
    /// - Throws: ``StoreError`` `.invalid` for an event that cannot be kept as it is; `.full`, `.busy` and the like.
    public func append(_ events: [NewEvent]) async throws -> [Receipt] {
        for (position, event) in events.enumerated() {
            try Storable.check(event, position, of: events.count, place)
        }
        guard !events.isEmpty else { return [] }
        let received = clock()
        return try await write { database in
            let insert = try EventRows.Insertion(database, received: received)
            return try events.map { try insert($0) ? .stored : .duplicate }
        }
    }

    /// The latest events of a user, oldest first: by time, then in the order in which they came; rejections are beyond the
    /// limit, and all of them are there.
    public func history(of user: UserID, limit: Int) async throws -> [Event] {
        guard Storable.holds(user.rawValue) else { return [] }
        return try await read { database in
            let select = try database.cachedStatement(
                sql: """
                    SELECT * FROM (
                        SELECT \(EventRows.columns), row FROM events
                        WHERE user = ?1 AND row > ?2 AND NOT (\(StoreSchema.rejecting))
                        ORDER BY time DESC, row DESC LIMIT ?3
                    )
                    UNION ALL
                    SELECT \(EventRows.columns), row FROM events
                    WHERE user = ?1 AND row > ?2 AND \(StoreSchema.rejecting)
                    ORDER BY time, row
                    """
            )
            let last = try ErasureRows.lastEvent(of: user, in: database)
            let rows = try Row.fetchCursor(select, arguments: [user.rawValue, last, max(0, limit)])
            var events: [Event] = []
            while let row = try rows.next() { events.append(try EventRows.event(row).event) }
            return events
        }
    }

    /// The items with the most events at or after a time; of equally many, the lower id first.
    ///
    /// - Complexity: Linear in the number of events since then; for all times (`Int64.min`) in the number of items, whose counts
    ///   are kept.
    public func popular(since time: Int64, limit: Int) async throws -> [(item: ItemID, events: Int)] {
        let counted =
            time == .min
            ? "SELECT item, events FROM popularity WHERE ? < 0"
            : "SELECT item, count(*) FROM events WHERE time >= ? AND NOT (\(StoreSchema.rejecting)) GROUP BY item"
        return try await read { database in
            let select = try database.cachedStatement(sql: counted + " ORDER BY 2 DESC, item LIMIT ?")
            let rows = try Row.fetchCursor(select, arguments: [time, max(0, limit)])
            var items: [(item: ItemID, events: Int)] = []
            while let row = try rows.next() { items.append((ItemID(try row.value(0)), try row.value(1))) }
            return items
        }
    }
}

/// Events as rows.
enum EventRows {
    /// What ``event(_:)`` reads.
    static let columns = "id, user, item, action, time, query, value, request"

    /// An event out of ``columns``.
    static func event(_ row: Row) throws -> NewEvent {
        guard let action = Action(rawValue: try row.value(3)) else {
            throw DatabaseError(resultCode: .SQLITE_CORRUPT)
        }
        return NewEvent(
            id: try row.value(0),
            event: Event(
                user: UserID(try row.value(1)),
                item: ItemID(try row.value(2)),
                action: action,
                time: try row.value(4),
                query: try row.optional(5),
                value: try row.optional(6)
            ),
            request: try row.optional(7)
        )
    }

    /// The statement that stores an event whose id is new.
    struct Insertion {
        private let database: Database
        private let statement: Statement
        private let received: Int64

        init(_ database: Database, received: Int64) throws {
            self.database = database
            self.received = received
            statement = try database.cachedStatement(
                sql: """
                    INSERT INTO events (\(EventRows.columns), received) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                    ON CONFLICT (id) DO NOTHING
                    """
            )
        }

        /// Whether the event was new.
        func callAsFunction(_ new: NewEvent) throws -> Bool {
            let event = new.event
            statement.setUncheckedArguments([
                new.id, event.user.rawValue, event.item.rawValue, event.action.rawValue, event.time, event.query,
                event.value, new.request, received,
            ])
            try statement.execute()
            return database.changesCount == 1
        }
    }
}
