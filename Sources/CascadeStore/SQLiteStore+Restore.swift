// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import CascadeDatasets
public import Foundation
internal import GRDB

/// What putting a backup back has done.
public struct RestoreReport: Sendable, Equatable {
    /// How many events the store has now.
    public var events = 0
    /// How many rows of the backup went, because their people were erased after it was made.
    public var erasedRows = 0
    /// What could not be done, in sentences.
    public var warnings: [String] = []
}

extension SQLiteStore {
    /// Puts a backup in the place of a store that nobody has open, in one step.
    ///
    /// The backup is copied, checked and brought up to date under another name first. The log of the old store goes before the copy
    /// takes its name, since SQLite would add it to the copy. People whom the old store remembers as erased are erased
    /// from the copy.
    ///
    /// - Parameters:
    ///   - backup: A copy that ``backup(to:)`` made.
    ///   - target: The store to replace, or to make.
    /// - Throws: ``StoreError`` `.busy` when somebody has the store open, `.notAStore`, `.corrupt` and the like; the store is
    ///   left as it was then.
    public static func restore(_ backup: URL, to target: URL) async throws -> RestoreReport {
        guard FileManager.default.fileExists(atPath: backup.path) else {
            throw StoreError(.notFound, "\(backup.path): there is no such file. Check the path.")
        }
        var report = RestoreReport()
        let lock = try StoreLock(target)
        var erasures: ErasureRecord?
        if lock != nil {
            try lock?.check()
            if let header = lock?.header(100) { try checkIsStore(header, target.path) }
            do {
                erasures = try ErasureRecord(target)
            } catch {
                report.warnings.append(
                    "\(target.path): who was erased since the backup cannot be read, since the store is damaged. Erase them again."
                )
            }
        }
        let copy = StoreCopy(beside: target)
        defer { copy.discard() }
        try fill(copy, from: backup, without: erasures, &report)
        try lock?.take()
        for suffix in ["-wal", "-shm", "-journal"] { unlink(target.path + suffix) }
        try copy.rename(to: target)
        return report
    }

    private static func fill(
        _ copy: StoreCopy,
        from backup: URL,
        without erasures: ErasureRecord?,
        _ report: inout RestoreReport
    ) throws {
        var configuration = Configuration()
        configuration.readonly = true
        let source = try StoreError.naming(backup.path) {
            let source = try DatabaseQueue(path: backup.path, configuration: configuration)
            try source.read { database in
                _ = try StoreSchema.examine(database, backup.path)
                // A new file would pass as a store that has yet to be made.
                guard try Int32.fetchOne(database, sql: "PRAGMA application_id") == StoreSchema.application else {
                    throw StoreError(.notAStore, "\(backup.path): this file is empty, and no backup. Check the path.")
                }
                try check(database, backup.path)
            }
            return source
        }
        var found = report
        try source.read { database in
            try copy.fill(from: database) { queue in
                try StoreSchema.migrator.migrate(queue)
                try erasures?.apply(to: queue, &found)
                found.events = try queue.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM events") ?? 0 }
            }
        }
        report = found
    }

    /// A file that is no store is not overwritten.
    private static func checkIsStore(_ header: [UInt8], _ place: String) throws {
        let mark = withUnsafeBytes(of: StoreSchema.application.bigEndian) { Array($0) }
        guard header.starts(with: "SQLite format 3\0".utf8), header.count >= 72, Array(header[68..<72]) == mark else {
            throw StoreError(
                .notAStore,
                "\(place): this is no store of Cascade, and is not overwritten. Check the path, or move the file away."
            )
        }
    }
}

/// Whom a store remembers as erased.
private struct ErasureRecord {
    private let place: String
    private let salt: Data
    private let people: [Data: Int64]

    /// Reads a store that nobody has open; nil of one whose version remembers nobody.
    init?(_ url: URL) throws {
        place = url.path
        let queue = try DatabaseQueue(path: url.path)
        let found = try queue.read { database -> (Data, [Data: Int64])? in
            guard try database.tableExists("erased") else { return nil }
            let salt = try Data.fetchOne(database, sql: "SELECT value FROM facts WHERE name = 'salt'") ?? Data()
            let rows = try Row.fetchAll(database, sql: "SELECT hash, time FROM erased")
            return (salt, try rows.reduce(into: [:]) { $0[try $1.value(0)] = try $1.value(1) as Int64 })
        }
        try queue.close()
        guard let found, !found.1.isEmpty else { return nil }
        (salt, people) = found
    }

    /// Erases from a copy whoever was erased after it was made.
    func apply(to queue: DatabaseQueue, _ report: inout RestoreReport) throws {
        let removed = try queue.write { database -> Int? in
            var own = try ErasedPeople(database)
            if own.isEmpty { own = try ErasedPeople(database, salt: salt) }
            guard own.hasSalt(salt) else { return nil }
            var removed = 0
            for user in try String.fetchAll(
                database,
                sql: "SELECT user FROM events UNION SELECT user FROM requests WHERE user IS NOT NULL"
            ) {
                guard let time = people[own.hash(UserID(user))] else { continue }
                try database.execute(
                    sql: "DELETE FROM events WHERE user = ? AND received <= ?",
                    arguments: [user, time]
                )
                removed += database.changesCount
                removed += try ExposureRows.remove("user = ? AND time <= ?", arguments: [user, time], in: database)
                    .exposures
            }
            for (hash, time) in people { try own.insert(hash, time: time) }
            return removed
        }
        guard let removed else {
            report.warnings.append(
                "\(place): the backup is of another store, so that \(people.count) erasures cannot be carried over. Erase them again."
            )
            return
        }
        report.erasedRows = removed
        if removed > 0 { try queue.vacuum() }
    }
}
