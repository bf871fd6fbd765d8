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
            let arms = exposure.arms.flatMap { [$0.key, $0.value] }
            try Storable.check(texts + arms, of: "an exposure", place)
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
    static func insert(_ exposures: [Exposure], into database: Database) throws {
        let request = try database.cachedStatement(
            sql: "INSERT INTO requests (id, user, time) VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING"
        )
        let find = try database.cachedStatement(sql: "SELECT row FROM requests WHERE id = ?")
        let arm = try database.cachedStatement(sql: "INSERT INTO arms (request, experiment, arm) VALUES (?, ?, ?)")
        let insert = try database.cachedStatement(
            sql: "INSERT INTO exposures (request, place, item) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
        )
        for exposure in exposures {
            try request.execute(arguments: [exposure.request, exposure.user?.rawValue, exposure.time])
            let isNew = database.changesCount == 1
            let row = try Int64.fetchOne(find, arguments: [exposure.request])
            if isNew {
                for (experiment, name) in exposure.arms { try arm.execute(arguments: [row, experiment, name]) }
            }
            try insert.execute(arguments: [row, exposure.position, exposure.item.rawValue])
        }
    }

    /// What a user was shown, oldest first.
    static func exposures(of user: UserID, in database: Database) throws -> [Exposure] {
        let requests = try Row.fetchAll(
            database,
            sql: "SELECT row, id, time FROM requests WHERE user = ? AND row > ? ORDER BY time, row",
            arguments: [user.rawValue, ErasureRows.lastRequest(of: user, in: database)]
        )
        let arms = try database.cachedStatement(sql: "SELECT experiment, arm FROM arms WHERE request = ?")
        let shown = try database.cachedStatement(
            sql: "SELECT place, item FROM exposures WHERE request = ? ORDER BY place"
        )
        return try requests.flatMap { request in
            let (row, id, time): (Int64, String, Int64) = (
                try request.value(0), try request.value(1), try request.value(2)
            )
            let own = try Row.fetchAll(arms, arguments: [row])
                .reduce(into: [String: String]()) { $0[try $1.value(0)] = try $1.value(1) as String }
            return try Row.fetchAll(shown, arguments: [row]).map {
                Exposure(
                    request: id,
                    user: user,
                    item: ItemID(try $0.value(1)),
                    position: try $0.value(0),
                    time: time,
                    arms: own
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
