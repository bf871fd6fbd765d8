// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
internal import GRDB

extension SQLiteStore {
    /// Whether the store waits to be filled from a data set: because nothing was ever put into it, or because filling it was
    /// interrupted.
    ///
    /// A store that retention or an erasure has emptied was filled before, and is not filled again.
    public func wantsSeed() async throws -> Bool {
        try await read { database in
            if let state = try Fact.filled.text(database) { return state == Fact.begun }
            return try !(Bool.fetchOne(database, sql: "SELECT EXISTS (SELECT 1 FROM events)") ?? false)
        }
    }

    /// Fills the store from a data set; when that is interrupted, ``wantsSeed()`` stays true and the next call adds what is missing.
    ///
    /// - Parameters:
    ///   - dataset: The data set.
    ///   - progress: Is told after each transaction how many events are done.
    /// - Throws: What ``importing(_:category:progress:)`` throws.
    public func seed(
        from dataset: Dataset,
        progress: @escaping @Sendable (_ events: Int) -> Void = { _ in }
    ) async throws -> StoreImportReport {
        try await write { try Fact.filled.set(Fact.begun, $0) }
        let report = try await importing(dataset, progress: progress)
        try await write { try Fact.filled.set(Fact.done, $0) }
        return report
    }
}

/// Single values that the store keeps about itself.
enum Fact: String {
    /// Whether the store is being filled (``begun``) or was (``done``).
    case filled
    /// How often items were changed.
    case items
    /// How often people were erased.
    case erased
    /// How many events were removed.
    case removed
    /// How often pages were scrubbed, which has other processes read them again.
    case scrubbed

    static let begun = "begun"
    static let done = "done"

    func text(_ database: Database) throws -> String? {
        try String.fetchOne(database, sql: "SELECT value FROM facts WHERE name = ?", arguments: [rawValue])
    }

    func number(_ database: Database) throws -> Int {
        try Int.fetchOne(database, sql: "SELECT value FROM facts WHERE name = ?", arguments: [rawValue]) ?? 0
    }

    func set(_ value: String, _ database: Database) throws {
        try database.execute(
            sql: "INSERT INTO facts VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            arguments: [rawValue, value]
        )
    }

    /// Remembers that a store was filled, unless that is still under way.
    static func markFilled(_ database: Database) throws {
        try database.execute(sql: "INSERT INTO facts VALUES ('filled', 'done') ON CONFLICT DO NOTHING")
    }
}
