// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import CascadeDatasets
internal import GRDB

extension SQLiteStore {
    /// Remembers what was shown; one place of one request is remembered once.
    ///
    /// What somebody saw before they were erased is left out: it may have been on its way while another process erased them.
    /// The first exposure of a request says who saw it, when, and in which arms; the request's others share that.
    public func log(_ exposures: [Exposure]) async throws {
        for exposure in exposures {
            let texts = [exposure.request, exposure.item.rawValue, exposure.user?.rawValue ?? ""]
            let facts = exposure.facts
            let named = [exposure.arms, facts.context, facts.versions].flatMap { $0.flatMap { [$0.key, $0.value] } }
            try Storable.check(
                texts + named + [facts.query ?? "", facts.policy ?? ""],
                of: "an exposure",
                place
            )
            guard exposure.score?.isFinite ?? true, exposure.propensity.map({ $0 > 0 && $0 <= 1 }) ?? true else {
                throw StoreError(
                    .invalid,
                    "\(place): an exposure: found the score \(exposure.score ?? 0) and the propensity "
                        + "\(exposure.propensity ?? 1), expected a finite score and a propensity above 0, at most 1."
                )
            }
        }
        guard !exposures.isEmpty else { return }
        try await write { database in
            let erased = try ErasedPeople(database)
            let kept = try exposures.filter { exposure in
                try exposure.user.flatMap { try erased.time(of: $0) }.map { $0 < exposure.time } ?? true
            }
            try ExposureRows.insert(kept, into: database)
        }
    }
}

/// Requests, what they showed, and their arms, as rows.
enum ExposureRows {
    /// What ``facts(_:from:)`` reads.
    static let factColumns = "kind, query, context, policy, versions"

    static func insert(_ exposures: [Exposure], into database: Database) throws {
        let request = try database.cachedStatement(
            sql: """
                INSERT INTO requests (id, user, time, \(factColumns)) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT (id) DO NOTHING
                """
        )
        let find = try database.cachedStatement(sql: "SELECT row FROM requests WHERE id = ?")
        let arm = try database.cachedStatement(sql: "INSERT INTO arms (request, experiment, arm) VALUES (?, ?, ?)")
        let insert = try database.cachedStatement(
            sql: """
                INSERT INTO exposures (request, place, item, score, propensity) VALUES (?, ?, ?, ?, ?)
                ON CONFLICT DO NOTHING
                """
        )
        var open: (id: String, row: Int64?)?
        for exposure in exposures {
            if open?.id != exposure.request {
                try request.execute(arguments: arguments(exposure))
                let isNew = database.changesCount == 1
                let row = try Int64.fetchOne(find, arguments: [exposure.request])
                if isNew {
                    for (experiment, name) in exposure.arms { try arm.execute(arguments: [row, experiment, name]) }
                }
                open = (exposure.request, row)
            }
            try insert.execute(
                arguments: [
                    open?.row, exposure.position, exposure.item.rawValue, exposure.score, exposure.propensity,
                ]
            )
        }
    }

    private static func arguments(_ exposure: Exposure) throws -> StatementArguments {
        let facts = exposure.facts
        return [
            exposure.request, exposure.user?.rawValue, exposure.time, facts.kind?.rawValue, facts.query,
            facts.context.isEmpty ? nil : try Storable.json(facts.context), facts.policy,
            facts.versions.isEmpty ? nil : try Storable.json(facts.versions),
        ]
    }

    /// What is known of a request, out of ``factColumns`` that begin at a column.
    static func facts(_ row: Row, from column: Int) throws -> RequestFacts {
        func texts(_ column: Int) throws -> [String: String] {
            guard let json: String = try row.optional(column) else { return [:] }
            guard let texts: [String: String] = Storable.value(json) else {
                throw DatabaseError(resultCode: .SQLITE_CORRUPT)
            }
            return texts
        }
        let kind: String? = try row.optional(column)
        return RequestFacts(
            kind: kind.flatMap(RequestKind.init(rawValue:)),
            query: try row.optional(column + 1),
            context: try texts(column + 2),
            policy: try row.optional(column + 3),
            versions: try texts(column + 4)
        )
    }

    /// What a user was shown, oldest first.
    static func exposures(of user: UserID, in database: Database) throws -> [Exposure] {
        let requests = try Row.fetchAll(
            database,
            sql: "SELECT row, id, time, \(factColumns) FROM requests WHERE user = ? AND row > ? ORDER BY time, row",
            arguments: [user.rawValue, ErasureRows.lastRequest(of: user, in: database)]
        )
        let arms = try database.cachedStatement(sql: "SELECT experiment, arm FROM arms WHERE request = ?")
        let shown = try database.cachedStatement(
            sql: "SELECT place, item, score, propensity FROM exposures WHERE request = ? ORDER BY place"
        )
        return try requests.flatMap { request in
            let (row, id, time): (Int64, String, Int64) = (
                try request.value(0), try request.value(1), try request.value(2)
            )
            let facts = try facts(request, from: 3)
            let own = try Row.fetchAll(arms, arguments: [row])
                .reduce(into: [String: String]()) { $0[try $1.value(0)] = try $1.value(1) as String }
            return try Row.fetchAll(shown, arguments: [row]).map {
                Exposure(
                    request: id,
                    user: user,
                    item: ItemID(try $0.value(1)),
                    position: try $0.value(0),
                    time: time,
                    arms: own,
                    facts: facts,
                    score: try $0.optional(2),
                    propensity: try $0.optional(3)
                )
            }
        }
    }

    /// Removes requests with everything that hangs on them.
    static func remove(
        _ condition: String,
        arguments: StatementArguments,
        in database: Database
    ) throws -> (requests: Int, exposures: Int) {
        let chosen = "SELECT row FROM requests WHERE \(condition)"
        try database.execute(sql: "DELETE FROM exposures WHERE request IN (\(chosen))", arguments: arguments)
        let exposures = database.changesCount
        // Arms go by their foreign key.
        try database.execute(sql: "DELETE FROM requests WHERE row IN (\(chosen))", arguments: arguments)
        return (database.changesCount, exposures)
    }
}
