// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import CascadeDatasets
internal import Foundation
internal import GRDB

/// Who was erased, and when: as a hash with the store's own salt, which says nothing about anybody who is not asked for by id.
struct ErasedPeople {
    private let database: Database
    private let salt: Data
    /// Whether nobody was ever erased, which spares the hashing.
    let isEmpty: Bool

    init(_ database: Database) throws {
        self.database = database
        salt = try Data.fetchOne(database, sql: "SELECT value FROM facts WHERE name = 'salt'") ?? Data()
        isEmpty = try !(Bool.fetchOne(database, sql: "SELECT EXISTS (SELECT 1 FROM erased)") ?? false)
    }

    /// Gives a store that remembers nobody yet another salt, that of the store whose erasures it takes over.
    init(_ database: Database, salt: Data) throws {
        try database.execute(sql: "UPDATE facts SET value = ? WHERE name = 'salt'", arguments: [salt])
        try self.init(database)
    }

    /// Whether hashes with another store's salt mean the same here.
    func hasSalt(_ other: Data) -> Bool { salt == other }

    /// The hash of a user, 32 bytes.
    func hash(_ user: UserID) -> Data { Data(SHA256.hash(salt + user.rawValue.utf8)) }

    /// When a user was erased last; nil when they never were.
    func time(of user: UserID) throws -> Int64? {
        if isEmpty { return nil }
        let find = try database.cachedStatement(sql: "SELECT time FROM erased WHERE hash = ?")
        return try Int64.fetchOne(find, arguments: [hash(user)])
    }

    /// Remembers an erasure.
    func insert(_ hash: Data, time: Int64) throws {
        try database.execute(
            sql: "INSERT INTO erased VALUES (?, ?) ON CONFLICT (hash) DO UPDATE SET time = max(time, excluded.time)",
            arguments: [hash, time]
        )
    }
}
