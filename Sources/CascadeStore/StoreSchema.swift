// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import GRDB

/// The tables, as a series of named changes: a released one is never edited, a new one is added below it.
enum StoreSchema {
    /// `CSTR`: marks a database as a store of Cascade.
    static let application: Int32 = 0x4353_5452

    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1-events-items-requests-versions") { try $0.execute(sql: first) }
        migrator.registerMigration("2-facts-erased-popularity") { try $0.execute(sql: second) }
        migrator.registerMigration("3-request-facts-promotions") { try $0.execute(sql: third) }
        return migrator
    }

    /// Version 1.
    ///
    /// Order within a user is (time, row). Exposures of one request share its user, time and arms. A row of `erasures` is
    /// an erasure whose bytes have yet to leave the file.
    private static let first = """
        CREATE TABLE events (
            row INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            user TEXT NOT NULL,
            item TEXT NOT NULL,
            action INTEGER NOT NULL,
            time INTEGER NOT NULL,
            query TEXT,
            value REAL,
            request TEXT,
            received INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX events_by_user ON events (user, time);
        \(timeIndex);
        CREATE INDEX events_by_request ON events (request) WHERE request IS NOT NULL;

        CREATE TABLE items (
            id TEXT PRIMARY KEY,
            title TEXT NOT NULL,
            categories TEXT NOT NULL,
            available INTEGER NOT NULL,
            created INTEGER NOT NULL,
            attributes TEXT NOT NULL
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE requests (
            row INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            user TEXT,
            time INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX requests_by_user ON requests (user, time) WHERE user IS NOT NULL;
        CREATE INDEX requests_by_time ON requests (time);

        CREATE TABLE exposures (
            request INTEGER NOT NULL REFERENCES requests (row) ON DELETE CASCADE,
            place INTEGER NOT NULL,
            item TEXT NOT NULL,
            PRIMARY KEY (request, place)
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE arms (
            request INTEGER NOT NULL REFERENCES requests (row) ON DELETE CASCADE,
            experiment TEXT NOT NULL,
            arm TEXT NOT NULL,
            PRIMARY KEY (request, experiment)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX arms_by_experiment ON arms (experiment, arm);

        CREATE TABLE versions (
            row INTEGER PRIMARY KEY,
            slot TEXT NOT NULL,
            version TEXT NOT NULL,
            path TEXT NOT NULL,
            time INTEGER NOT NULL,
            metrics TEXT NOT NULL
        ) STRICT;

        CREATE TABLE erasures (row INTEGER PRIMARY KEY) STRICT;
        """

    private static let timeIndex = "CREATE INDEX IF NOT EXISTS events_by_time ON events (time, item)"

    /// Takes the index of times away: events that come in the order of their users would change pages all over it.
    static func dropTimeIndex(_ database: Database) throws {
        try database.execute(sql: "DROP INDEX IF EXISTS events_by_time")
    }

    /// Makes the index of times, where it is missing.
    static func makeTimeIndex(_ database: Database) throws { try database.execute(sql: timeIndex) }

    /// Makes sure that a database is a store, or an empty one that can become one; only reads.
    ///
    /// - Returns: Whether the tables are those of this version, and no index is missing.
    /// - Throws: ``StoreError`` `.notAStore` or `.newerVersion`.
    static func examine(_ database: Database, _ place: String) throws -> Bool {
        let found = try Int32.fetchOne(database, sql: "PRAGMA application_id") ?? 0
        let tables = try Int.fetchOne(database, sql: "SELECT count(*) FROM sqlite_master") ?? 0
        if found == 0, tables == 0 { return false }
        guard found == application else {
            throw StoreError(
                .notAStore,
                "\(place): this is a database of another program. Check the path; a store is made by 'cascade serve' or "
                    + "'cascade store import'."
            )
        }
        guard try !migrator.hasBeenSuperseded(database) else {
            throw StoreError(
                .newerVersion,
                "\(place): a later version of Cascade has changed the tables of this store. Use that version, or a backup "
                    + "made before."
            )
        }
        return try tables > 0 && migrator.hasCompletedMigrations(database)
            && database.indexes(on: "events").contains { $0.name == "events_by_time" }
    }

    /// Marks a new and empty database as a store; changes nothing in one that is.
    static func claim(_ database: Database, _ place: String) throws {
        _ = try examine(database, place)
        try database.execute(sql: "PRAGMA application_id = \(application)")
    }
}
