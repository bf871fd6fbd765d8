// Part of Cascade. SPDX-License-Identifier: Apache-2.0
public import Datasets
internal import Foundation
internal import GRDB
internal import TensorFiles

/// What an import added to a store.
public struct StoreImportReport: Sendable, Equatable {
    /// Events that were new.
    public var newEvents: Int
    /// Events that the store had already, from an earlier import of the same data.
    public var knownEvents: Int
    /// Items that were new.
    public var newItems: Int
}

extension SQLiteStore {
    /// About how many events one transaction of an import has.
    private static let eventsPerChange = 50_000

    /// Takes in the events and the items of a data set.
    ///
    /// An event's id is made of the fingerprint of the data and its row, so that importing the same data again, or after an
    /// interruption, adds only what is missing. Items that the store has already stay as they are.
    ///
    /// - Parameters:
    ///   - dataset: The data set.
    ///   - category: The item feature that becomes the items' categories; nil takes `category`, or else the only one.
    ///   - progress: Is told after each transaction how many events are done.
    /// - Throws: ``DatasetError`` `.unknownFeature` for a feature that items do not have; ``StoreError``.
    public func importing(
        _ dataset: Dataset,
        category: String? = nil,
        progress: @escaping @Sendable (_ events: Int) -> Void = { _ in }
    ) async throws -> StoreImportReport {
        let items = (0..<dataset.itemCount).map { dataset.itemID(ItemIndex($0)) }
        try Storable.check(items.map(\.rawValue), of: "an item of the data set", place)
        var report = StoreImportReport(
            newEvents: 0,
            knownEvents: 0,
            newItems: try await add(items, of: dataset, category)
        )
        let received = clock()
        var first = 0
        while first < dataset.userCount {
            var last = first + 1
            while last < dataset.userCount,
                dataset.offsets[last + 1] - dataset.offsets[first] <= Self.eventsPerChange
            { last += 1 }
            let users = first..<last
            let added = try await write { [place] database in
                let insert = try EventTable.Insertion(database, received: received)
                return try users.reduce(0) { sum, user in
                    try sum + Self.add(UserIndex(user), of: dataset, items: items, insert, place)
                }
            }
            let done = Int(dataset.offsets[last])
            report.newEvents += added
            report.knownEvents += done - Int(dataset.offsets[first]) - added
            progress(done)
            first = last
        }
        return report
    }

    /// Adds the items that are new; returns how many.
    private func add(_ items: [ItemID], of dataset: Dataset, _ category: String?) async throws -> Int {
        let names = dataset.itemFeatureNames
        let name = category ?? (names.contains("category") || names.count != 1 ? "category" : names[0])
        if category != nil { _ = try dataset.itemCategories(name) }  // says which there are
        let feature = dataset.itemFeature(name)
        return try await write { [place] database in
            let insert = try ItemTable.insertion(database, replacing: false)
            return try items.indices.reduce(0) { sum, index in
                let item = ItemRecord(
                    id: items[index],
                    title: dataset.title(ItemIndex(index)),
                    categories: feature?.values(of: index) ?? []
                )
                try Storable.check([item.title], of: "an item of the data set", place)
                try insert.execute(arguments: ItemTable.arguments(item))
                return sum + database.changesCount
            }
        }
    }

    /// Adds a user's events that are new; returns how many.
    private static func add(
        _ user: UserIndex,
        of dataset: Dataset,
        items: [ItemID],
        _ insert: EventTable.Insertion,
        _ place: String
    ) throws -> Int {
        let id = dataset.userID(user)
        try Storable.check([id.rawValue], of: "a user of the data set", place)
        let prefix = "data:\(dataset.manifest.contentHash.prefix(16)):"
        return try dataset.events(of: user).reduce(0) { sum, row in
            guard let action = Action(rawValue: dataset.actions[row]) else {
                throw DatasetError(.corrupt, "\(dataset.url.path): row \(row) has no known action; import it again.")
            }
            let value = dataset.values[row]
            let query = dataset.query(at: row)
            try Storable.check([query ?? ""], of: "a query of the data set", place)
            let event = Event(
                user: id,
                item: items[Int(dataset.items[row])],
                action: action,
                time: dataset.times[row],
                query: query,
                value: value.isFinite ? value : nil
            )
            return try sum + (insert(NewEvent(id: prefix + String(row), event: event)) ? 1 : 0)
        }
    }
}
