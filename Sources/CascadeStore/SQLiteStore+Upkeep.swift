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
        self.events = events
        self.items = items
        self.requests = requests
        self.exposures = exposures
    }
}

extension SQLiteStore {
    /// Copies the store as it is now into a new file, which takes its name only when it is whole and checked.
    ///
    /// Waits for nobody: writes go on meanwhile, and are not in the copy. The copy is a store like any other, in one file.
    ///
    /// - Throws: ``StoreError`` `.alreadyExists`, `.full`, `.corrupt` and the like; no file is left then.
    public func backup(to target: URL) async throws {
        guard !FileManager.default.fileExists(atPath: target.path) else {
            throw StoreError(
                .alreadyExists,
                "\(target.path): this exists already and is not overwritten. Remove it or choose another name."
            )
        }
        let copy = StoreCopy(beside: target)
        defer { copy.discard() }
        try await read { source in try copy.fill(from: source) }
        try copy.rename(to: target)
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

    /// Makes sure that a database is sound.
    static func check(_ database: Database, _ place: String) throws {
        let findings = try String.fetchAll(database, sql: "PRAGMA integrity_check(10)").filter { $0 != "ok" }
        let strays = try Row.fetchAll(database, sql: "PRAGMA foreign_key_check")
            .map { "a row of '\($0["table"] ?? "")' belongs to no request" }
        if let first = (findings + strays).first { throw StoreError.damaged(place, first) }
    }
}
