// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
internal import CascadeTensorFiles
internal import Foundation
internal import GRDB

/// What an import added to a store.
public struct StoreImportReport: Sendable, Equatable {
    /// Events that were new.
    public var newEvents: Int
    /// Events that the store had already: of the same user, item, action and time, and as many of them.
    public var knownEvents: Int
    /// Items that were new.
    public var newItems: Int
    /// Events that were left out, because their person was erased after them.
    public var erasedEvents: Int
    /// The people whose events were left out.
    public var erasedPeople: Int

    /// Describes what was added.
    public init(
        newEvents: Int = 0,
        knownEvents: Int = 0,
        newItems: Int = 0,
        erasedEvents: Int = 0,
        erasedPeople: Int = 0
    ) {
        self.newEvents = newEvents
        self.knownEvents = knownEvents
        self.newItems = newItems
        self.erasedEvents = erasedEvents
        self.erasedPeople = erasedPeople
    }

    fileprivate static func += (sum: inout StoreImportReport, part: StoreImportReport) {
        sum.newEvents += part.newEvents
        sum.knownEvents += part.knownEvents
        sum.newItems += part.newItems
        sum.erasedEvents += part.erasedEvents
        sum.erasedPeople += part.erasedPeople
    }
}

extension SQLiteStore {
    /// About how many events one transaction of an import has, so that others' writes come in between.
    private static let eventsPerChange = 5_000

    /// Takes in the events and the items of a data set.
    ///
    /// An event is known by its user, item, action and time, and by how many of the same there are: importing the same data
    /// again, more of it, or after an interruption, adds only what is missing. What people did before they were erased is left out.
    /// Items that the store has already stay as they are.
    ///
    /// Data with more events than the store has are written without the index of times, which is made at the end. Until then
    /// popularity since a time is counted slowly, and while it is made others wait to write.
    ///
    /// - Parameters:
    ///   - dataset: The data set.
    ///   - category: The item feature that becomes the items' categories; nil takes `category`, or else the only one.
    ///   - progress: Is told after each transaction how many events are done.
    /// - Throws: ``DatasetError`` `.unknownFeature` for a feature that items do not have; ``StoreError``; `CancellationError`
    ///   between two transactions.
    public func importing(
        _ dataset: Dataset,
        category: String? = nil,
        progress: @escaping @Sendable (_ events: Int) -> Void = { _ in }
    ) async throws -> StoreImportReport {
        let items = (0..<dataset.itemCount).map { dataset.itemID(ItemIndex($0)) }
        try Storable.check(items.map(\.rawValue), of: "an item of the data set", place)
        var report = StoreImportReport(newItems: try await add(items, of: dataset, category))
        let source = EventSource(dataset, items: items, place: place)
        guard try await dataset.eventCount > counts().events else {
            report += try await add(source, progress)
            return report
        }
        try await write(StoreSchema.dropTimeIndex)
        do {
            report += try await add(source, progress)
        } catch {
            // Also when the task is canceled; what fails here is made up for when the store is opened next.
            _ = await Task { try await write(StoreSchema.makeTimeIndex) }.result
            throw error
        }
        try await write(StoreSchema.makeTimeIndex)
        return report
    }

    /// Adds the events that are new, some thousands a transaction.
    private func add(_ source: EventSource, _ progress: (Int) -> Void) async throws -> StoreImportReport {
        let (dataset, received) = (source.dataset, clock())
        var report = StoreImportReport()
        var first = 0
        while first < dataset.userCount {
            try Task.checkCancellation()
            var last = first + 1
            while last < dataset.userCount,
                dataset.offsets[last + 1] - dataset.offsets[first] <= Self.eventsPerChange
            { last += 1 }
            let users = first..<last
            report += try await write { database in
                let insert = try EventRows.Insertion(database, received: received)
                let erased = try ErasedPeople(database)
                return try users.reduce(into: StoreImportReport()) { part, user in
                    part += try source.add(UserIndex(user), insert, erased, database)
                }
            }
            progress(Int(dataset.offsets[last]))
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
            try Fact.markFilled(database)
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
}

/// The events of a data set on their way into a store.
private struct EventSource: Sendable {
    let dataset: Dataset
    private let items: [ItemID]
    private let places: [ItemID: Int32]
    private let place: String

    init(_ dataset: Dataset, items: [ItemID], place: String) {
        self.dataset = dataset
        self.items = items
        self.place = place
        places = Dictionary(zip(items, 0...)) { first, _ in first }
    }

    /// Adds a user's events that are new, and that no erasure came after.
    func add(
        _ user: UserIndex,
        _ insert: EventRows.Insertion,
        _ erased: ErasedPeople,
        _ database: Database
    ) throws -> StoreImportReport {
        let id = dataset.userID(user)
        try Storable.check([id.rawValue], of: "a user of the data set", place)
        let erasure = try erased.time(of: id)
        var identity = try EventIdentity(of: id, items: places, in: database)
        var report = StoreImportReport()
        for row in dataset.events(of: user) {
            let (item, action, time) = (dataset.items[row], dataset.actions[row], dataset.times[row])
            if let erasure, time <= erasure {
                report.erasedEvents += 1
                report.erasedPeople = 1
                continue
            }
            let name = identity.id(item: item, items[Int(item)], action: action, time: time)
            let isNew = try name.map { try insert(NewEvent(id: $0, event: event(row, of: id))) } ?? false
            if isNew { report.newEvents += 1 } else { report.knownEvents += 1 }
        }
        if let table = dataset.rejections {
            for row in table.of(user) where erasure.map({ table.times[row] > $0 }) ?? true {
                let (item, action, time) = (table.items[row], table.actions[row], table.times[row])
                let name = identity.id(item: item, items[Int(item)], action: action, time: time)
                guard let known = Action(rawValue: action) else {
                    throw DatasetError(
                        .corrupt,
                        "\(dataset.url.path): rejection \(row) has no known action; import it again."
                    )
                }
                let event = Event(user: id, item: items[Int(item)], action: known, time: time)
                let isNew = try name.map { try insert(NewEvent(id: $0, event: event)) } ?? false
                if isNew { report.newEvents += 1 } else { report.knownEvents += 1 }
            }
        }
        return report
    }

    private func event(_ row: Int, of user: UserID) throws -> Event {
        guard let action = Action(rawValue: dataset.actions[row]) else {
            throw DatasetError(.corrupt, "\(dataset.url.path): row \(row) has no known action; import it again.")
        }
        let value = dataset.values[row]
        let query = dataset.query(at: row)
        try Storable.check([query ?? ""], of: "a query of the data set", place)
        return Event(
            user: user,
            item: items[Int(dataset.items[row])],
            action: action,
            time: dataset.times[row],
            query: query,
            value: value.isFinite ? Double(value) : nil
        )
    }
}
