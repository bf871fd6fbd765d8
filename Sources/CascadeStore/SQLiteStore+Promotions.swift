// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import GRDB

extension SQLiteStore: PromotionLog {
    private static let columns = "row, slot, decision, version, place, time, reason, report, applied, problem, previous"

    /// Remembers a decision; returns it with its number.
    public func record(_ promotion: Promotion) async throws -> Promotion {
        try Storable.check(
            [promotion.slot, promotion.version, promotion.reason, promotion.report],
            of: "a promotion",
            place
        )
        let folders = try Storable.json(promotion.place)
        let previous = try promotion.previous.map { try Storable.json($0) }
        return try await write { database in
            try database.execute(
                sql: """
                    INSERT INTO promotions (slot, decision, version, place, previous, time, reason, report)
                    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                    """,
                arguments: [
                    promotion.slot, promotion.decision.rawValue, promotion.version, folders, previous, promotion.time,
                    promotion.reason, promotion.report,
                ]
            )
            var stored = promotion
            stored.id = database.lastInsertedRowID
            return stored
        }
    }

    /// The decisions about a slot, or about all, the latest first.
    public func promotions(of slot: String?, limit: Int) async throws -> [Promotion] {
        try await read { database in
            try Row.fetchAll(
                database,
                sql: """
                    SELECT \(Self.columns) FROM promotions WHERE ?1 IS NULL OR slot = ?1 ORDER BY row DESC LIMIT ?2
                    """,
                arguments: [slot, max(0, limit)]
            ).map(Self.promotion)
        }
    }

    /// The latest decision that changes what serves, for each slot.
    public func latestChanges() async throws -> [String: Promotion] {
        try await read { database in
            let rows = try Row.fetchAll(
                database,
                sql: """
                    SELECT \(Self.columns) FROM promotions
                    WHERE row IN (SELECT max(row) FROM promotions WHERE decision <> 'refused' GROUP BY slot)
                    """
            )
            return try rows.map(Self.promotion).reduce(into: [:]) { $0[$1.slot] = $1 }
        }
    }

    /// Notes that a service serves a decision's version, or why it does not.
    public func note(_ promotion: Int64, applied time: Int64?, problem: String?) async throws {
        try Storable.check([problem ?? ""], of: "a promotion", place)
        try await write { database in
            try database.execute(
                sql: "UPDATE promotions SET applied = coalesce(applied, ?), problem = ? WHERE row = ?",
                arguments: [time, problem, promotion]
            )
        }
    }

    private static func promotion(_ row: Row) throws -> Promotion {
        guard let decision = Promotion.Decision(rawValue: try row.value(2)),
            let place: Promotion.Place = Storable.value(try row.value(4))
        else { throw DatabaseError(resultCode: .SQLITE_CORRUPT) }
        var promotion = Promotion(
            slot: try row.value(1),
            decision: decision,
            version: try row.value(3),
            place: place,
            time: try row.value(5),
            reason: try row.value(6),
            report: try row.value(7)
        )
        promotion.id = try row.value(0)
        promotion.applied = try row.optional(8)
        promotion.problem = try row.optional(9)
        promotion.previous = try (row.optional(10) as String?).flatMap { Storable.value($0) }
        return promotion
    }
}
