// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
internal import GRDB

/// How far the erasure of a person is.
public struct ErasureStatus: Sendable, Equatable, Codable {
    /// When the person was erased last, in seconds since 1970-01-01 UTC.
    public var time: Int64
    /// Whether no file of the store holds anything of them any more.
    public var isDone: Bool

    /// Describes an erasure.
    public init(time: Int64, isDone: Bool) {
        self.time = time
        self.isDone = isDone
    }
}

extension SQLiteStore {
    /// Removes everything of one person; remembers, as a salted hash, that they were erased.
    ///
    /// When this returns, no answer holds anything of them, and the first of their rows are gone. ``finishErasures()`` removes
    /// the rest in short transactions, between which others write, also after a crash. SQLite overwrites the rows
    /// (`secure_delete`), but not the copies that it leaves in the gaps of pages when it moves rows between them:
    /// ``finishErasures()`` does that too.
    /// Imports leave out what the person did before. What they send later is taken in: they came back.
    ///
    /// - Returns: How many events and exposures are erased; 0 when there were none.
    /// - Throws: ``StoreError``.
    public func erase(_ user: UserID) async throws -> Int {
        guard Storable.holds(user.rawValue) else { return 0 }
        let time = clock()
        return try await write { database in
            guard let erasure = try ErasureRows.begin(user, time: time, in: database) else { return 0 }
            _ = try ErasureRows.removePiece(of: erasure.row, in: database)
            return erasure.hidden
        }
    }

    /// Finishes the erasures that were begun, after a crash also those of the process before.
    ///
    /// Afterwards no file of the store holds anything of these people. Backups made before still do.
    /// Works in short pieces, between which others write. Calls that wait together share the work.
    ///
    /// - Throws: ``StoreError``; `.busy` when another process reads an old state all the time.
    /// - Complexity: Linear in the size of the store, when there is anything to finish.
    public func finishErasures() async throws {
        for erasure in try await read(ErasureRows.begun) {
            while try await write({ try ErasureRows.removePiece(of: erasure, in: $0) }) {}
        }
        guard try await read(ErasureRows.last) != nil else { return }
        try await condition.watching {
            try await StoreError.naming(place) { [compaction] in try await compaction.run() }
        }
    }

    /// How far the erasure of a person is; nil when they were never erased.
    public func erasure(of user: UserID) async throws -> ErasureStatus? {
        guard Storable.holds(user.rawValue) else { return nil }
        return try await read { database in
            let people = try ErasedPeople(database)
            guard let time = try people.time(of: user) else { return nil }
            let isOwed = try Bool.fetchOne(
                database,
                sql: "SELECT EXISTS (SELECT 1 FROM erasures WHERE hash = ?)",
                arguments: [people.hash(user)]
            )
            return ErasureStatus(time: time, isDone: isOwed != true)
        }
    }
}
