// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
internal import GRDB

extension SQLiteStore {
    /// Adds items, or replaces those of the same id; all of them or, when it throws, none.
    public func upsert(_ items: [ItemRecord]) async throws {
        for item in items {
            guard !item.id.rawValue.isEmpty else {
                throw StoreError(.invalid, "\(place): an item has an empty id. Nothing was stored.")
            }
            try Storable.check([item.id.rawValue, item.title], of: "an item", place)
        }
        try await write { database in
            let insert = try ItemTable.insertion(database, replacing: true)
            for item in items { try insert.execute(arguments: ItemTable.arguments(item)) }
        }
    }

    /// Those of the items that are known, in the order asked for.
    public func items(_ ids: [ItemID]) async throws -> [ItemRecord] {
        try await read { database in
            let select = try database.cachedStatement(sql: "SELECT \(ItemTable.columns) FROM items WHERE id = ?")
            return try ids.filter { Storable.holds($0.rawValue) }.compactMap { id in
                try Row.fetchOne(select, arguments: [id.rawValue]).map(ItemTable.item)
            }
        }
    }

    /// All items, in the order of their ids' bytes.
    public func allItems() async throws -> [ItemRecord] {
        try await read { database in
            let rows = try Row.fetchCursor(database, sql: "SELECT \(ItemTable.columns) FROM items ORDER BY id")
            var items: [ItemRecord] = []
            while let row = try rows.next() { items.append(try ItemTable.item(row)) }
            return items
        }
    }
}

/// Items as rows; lists are JSON.
enum ItemTable {
    static let columns = "id, title, categories, available, created, attributes"

    static func item(_ row: Row) throws -> ItemRecord {
        guard let categories: [String] = Storable.value(try row.value(2)),
            let attributes: [String: String] = Storable.value(try row.value(5))
        else { throw DatabaseError(resultCode: .SQLITE_CORRUPT) }
        return ItemRecord(
            id: ItemID(try row.value(0)),
            title: try row.value(1),
            categories: categories,
            available: try row.value(3),
            created: try row.value(4),
            attributes: attributes
        )
    }

    /// The statement that stores an item; one that is there already is replaced or left alone.
    static func insertion(_ database: Database, replacing: Bool) throws -> Statement {
        let fields = columns.split(separator: ", ").dropFirst().map { "\($0) = excluded.\($0)" }
        let conflict = replacing ? "UPDATE SET \(fields.joined(separator: ", "))" : "NOTHING"
        return try database.cachedStatement(
            sql: "INSERT INTO items (\(columns)) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO \(conflict)"
        )
    }

    static func arguments(_ item: ItemRecord) throws -> StatementArguments {
        [
            item.id.rawValue, item.title, try Storable.json(item.categories), item.available, item.created,
            try Storable.json(item.attributes),
        ]
    }
}
