// Part of Cascade. SPDX-License-Identifier: Apache-2.0
public import Foundation
internal import GRDB

/// How much a store holds.
public struct StoreCounts: Sendable, Equatable, Codable {
    /// Events.
    public var events: Int
    /// Items.
    public var items: Int
    /// Answered requests whose exposures are remembered.
    public var requests: Int
    /// Items that those showed.
    public var exposures: Int

    /// Describes how much there is.
    public init(events: Int, items: Int, requests: Int, exposures: Int) {
        (self.events, self.items) = (events, items)
        (self.requests, self.exposures) = (requests, exposures)
    }
}

extension SQLiteStore {
    /// How many rows one transaction of a long change has, so that others' writes come in between.
    static let rowsPerChange = 10_000

    /// Copies the store as it is now into a new file, which takes its name only when it is whole and checked.
    ///
    /// Writes go on meanwhile, and are not in the copy. The copy is a store like any other.
    ///
    /// - Throws: ``StoreError`` `.alreadyExists`, `.full`, `.corrupt` and the like; no file is left then.
    public func backup(to target: URL) async throws {
        guard !FileManager.default.fileExists(atPath: target.path) else {
            throw StoreError(
                .alreadyExists,
                "\(target.path): this exists already and is not overwritten. Remove it or choose another name."
            )
        }
        let temporary = target.deletingLastPathComponent()
            .appendingPathComponent(".cascade-\(UUID().uuidString).tmp")
        defer { for suffix in ["", "-journal", "-wal", "-shm"] { unlink(temporary.path + suffix) } }
        let copy = try StoreError.naming(target.path) { try DatabaseQueue(path: temporary.path) }
        try await read { source in
            try StoreError.naming(target.path) {
                try copy.writeWithoutTransaction { try source.backup(to: $0) }
                try copy.writeWithoutTransaction { try Self.check($0, target.path) }
                try copy.close()
            }
        }
        guard rename(temporary.path, target.path) == 0 else {
            throw StoreError(.failed, "\(target.path): cannot be named so: \(String(cString: strerror(errno))).")
        }
        synchroniseFolder(of: target)
    }

    /// Reads the whole file and makes sure that it is sound.
    ///
    /// - Throws: ``StoreError`` `.corrupt`, with what is wrong.
    public func verify() async throws {
        try await read { [place] in try Self.check($0, place) }
    }

    /// How much the store holds.
    public func counts() async throws -> StoreCounts {
        try await read { database in
            func count(_ table: String) throws -> Int {
                try Int.fetchOne(database, sql: "SELECT count(*) FROM \(table)") ?? 0
            }
            return StoreCounts(
                events: try count("events"),
                items: try count("items"),
                requests: try count("requests"),
                exposures: try count("exposures")
            )
        }
    }

    /// Removes events, and exposures with their requests, from before a time, in seconds since 1970-01-01 UTC.
    ///
    /// What counts is the time that an event's sender gave it. The file does not shrink; its free pages are used again.
    ///
    /// - Returns: How many events and exposures went.
    public func removeEvents(before time: Int64) async throws -> (events: Int, exposures: Int) {
        var removed = (events: 0, exposures: 0)
        while true {
            let part = try await write { database in
                try database.execute(
                    sql: "DELETE FROM events WHERE row IN (SELECT row FROM events WHERE time < ? LIMIT ?)",
                    arguments: [time, Self.rowsPerChange]
                )
                let events = database.changesCount
                let condition = "row IN (SELECT row FROM requests WHERE time < ? ORDER BY time, row LIMIT ?)"
                let shown = try ExposureTable.remove(condition, arguments: [time, 1000], in: database)
                return (events: events, requests: shown.requests, exposures: shown.exposures)
            }
            removed.events += part.events
            removed.exposures += part.exposures
            guard part.events > 0 || part.requests > 0 else { return removed }
        }
    }

    private static func check(_ database: Database, _ place: String) throws {
        let findings = try String.fetchAll(database, sql: "PRAGMA integrity_check(10)").filter { $0 != "ok" }
        let strays = try Row.fetchAll(database, sql: "PRAGMA foreign_key_check")
            .map { "a row of '\($0["table"] ?? "")' belongs to no request" }
        guard let first = (findings + strays).first else { return }
        throw StoreError(
            .corrupt,
            "\(place): the database is damaged: \(first.split(separator: "\n").joined(separator: "; ")). Stop, and restore a "
                + "backup."
        )
    }
}

/// Makes a new name in a folder last; a disk that cannot still has the file.
private func synchroniseFolder(of file: URL) {
    let descriptor = open(file.deletingLastPathComponent().path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    fsync(descriptor)
    close(descriptor)
}
