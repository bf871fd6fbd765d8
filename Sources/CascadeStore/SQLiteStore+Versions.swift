// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import GRDB

extension SQLiteStore {
    /// Remembers that a model began to serve.
    public func record(_ version: ModelVersion) async throws {
        try Storable.check([version.slot, version.version, version.path], of: "a version", place)
        try await write { database in
            try database.execute(
                sql: "INSERT INTO versions (slot, version, path, time, metrics) VALUES (?, ?, ?, ?, ?)",
                arguments: [
                    version.slot, version.version, version.path, version.time, try Storable.json(version.metrics),
                ]
            )
        }
    }

    /// The versions that have served, latest first; of the same second, the last recorded first.
    public func versions(limit: Int) async throws -> [ModelVersion] {
        try await read { database in
            let rows = try Row.fetchAll(
                database,
                sql: "SELECT slot, version, path, time, metrics FROM versions ORDER BY time DESC, row DESC LIMIT ?",
                arguments: [max(0, limit)]
            )
            return try rows.map { row in
                guard let metrics: [String: Double] = Storable.value(try row.value(4)) else {
                    throw DatabaseError(resultCode: .SQLITE_CORRUPT)
                }
                return ModelVersion(
                    slot: try row.value(0),
                    version: try row.value(1),
                    path: try row.value(2),
                    time: try row.value(3),
                    metrics: metrics
                )
            }
        }
    }
}
