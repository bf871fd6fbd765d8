// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
internal import CascadeTensorFiles
public import Foundation
internal import GRDB

extension SQLiteStore {
    /// Makes a data set of what the store holds: events, items with their categories and attributes, and requests with their
    /// impressions and what was clicked and bought of them.
    ///
    /// Reads one consistent state while others write. Erased people are not in it. With a previous export only what is new is
    /// read, and the result is the same; where that cannot be, since something was removed in between, all is read again.
    /// An impression counts as chosen by a click, a cart, a favourite, a rating or a purchase. These belong to a request by the
    /// rule of A/B tests: to the one that they name, otherwise to the latest that showed the item, at most a day before. Events that arrive more than a day late leave the impressions of an
    /// earlier export as they were.
    ///
    /// - Parameters:
    ///   - url: The data set directory to create; nothing may exist there.
    ///   - options: Which part of the store to keep.
    ///   - previous: An earlier export of the same store.
    ///   - progress: Is told now and then how many events are done.
    /// - Throws: ``DatasetError`` `.badOption` for a previous data set of another source, `.empty`, `.alreadyExists`;
    ///   ``StoreError``.
    public func exportDataset(
        to url: URL,
        _ options: DatasetExportOptions = DatasetExportOptions(),
        previous: Dataset? = nil,
        progress: @escaping @Sendable (_ events: Int) -> Void = { _ in }
    ) async throws -> (dataset: Dataset, report: DatasetExportReport) {
        if let since = options.since, let until = options.until, since >= until {
            throw DatasetError(
                .badOption,
                "\(place): found a part of the store that begins at \(since) and ends before \(until), expected a time in between. "
                    + "Name an earlier beginning, or a later end."
            )
        }
        let now = clock()
        let (builder, report) = try await read { [place] database in
            var mark = try ExportMark(database, time: now, options: options)
            var (usable, reason): (Dataset?, String?) = (previous, nil)
            if let previous {
                guard let earlier = ExportMark(previous.manifest), earlier.store == mark.store else {
                    throw DatasetError(
                        .badOption,
                        """
                        \(previous.url.path): found a data set that was not exported from \(place), expected an earlier export \
                        of this store. Name another, or none.
                        """
                    )
                }
                reason = earlier.obstacle(to: mark)
                if reason != nil { usable = nil } else { mark.lastEvent = max(mark.lastEvent, earlier.lastEvent) }
            }
            var export = try StoreExport(database, mark, previous: usable, progress)
            export.report.fullReason = reason
            try export.run()
            return (export.builder, export.report)
        }
        let dataset = try builder.write(
            to: url,
            minUserEvents: options.minUserEvents,
            minItemEvents: options.minItemEvents
        )
        return (dataset, report)
    }
}

extension ExportMark {
    /// The mark of a store as it is now.
    fileprivate init(_ database: Database, time: Int64, options: DatasetExportOptions) throws {
        let salt = try Data.fetchOne(database, sql: "SELECT value FROM facts WHERE name = 'salt'") ?? Data()
        let id = SHA256.hash(Data("store id".utf8) + salt).prefix(8).map { String(format: "%02x", $0) }.joined()
        self.init(
            store: id,
            lastEvent: try Int64.fetchOne(database, sql: "SELECT max(row) FROM events") ?? 0,
            removed: try Fact.removed.number(database),
            erased: try Fact.erased.number(database),
            time: time,
            options: options
        )
    }
}

/// Moves one consistent state of a store into a builder, user by user.
private struct StoreExport {
    /// An event on its way, with the request that it names.
    private struct Moved {
        var event: Event
        var request: String?
    }

    /// A request of the store, with what came of it.
    private struct Asked {
        var id: String
        var kind: RequestKind
        var request: SearchRequest
    }

    var builder: DatasetBuilder
    var report = DatasetExportReport()
    private let database: Database
    private let mark: ExportMark
    private let previous: (data: Dataset, mark: ExportMark)?
    private let progress: (Int) -> Void
    /// Requests from this time on are read from the store; those before are the previous data set's.
    private let firstRequest: Int64
    /// Requests of the previous data set from before this time have been removed from the store.
    private let oldestRequest: Int64
    private let (since, until): (Int64, Int64)

    init(
        _ database: Database,
        _ mark: ExportMark,
        previous: Dataset?,
        _ progress: @escaping (Int) -> Void
    ) throws {
        (self.database, self.mark, self.progress) = (database, mark, progress)
        (since, until) = (mark.options.since ?? .min, mark.options.until ?? .max)
        builder = DatasetBuilder(name: mark.options.name)
        builder.shownFeatures = ["position"]
        if let previous, let earlier = ExportMark(previous.manifest) {
            self.previous = (previous, earlier)
            firstRequest = min(earlier.time, earlier.options.until ?? .max) - UnitOutcome.attributionSeconds
            oldestRequest = try Int64.fetchOne(database, sql: "SELECT min(time) FROM requests") ?? .max
        } else {
            self.previous = nil
            (firstRequest, oldestRequest) = (.min, .max)
        }
    }

    mutating func run() throws {
        var done = 0
        for (user, new) in try users() {
            try Task.checkCancellation()
            try move(user, new: new)
            if builder.eventCount >= done + 10_000 {
                done = builder.eventCount
                progress(done)
            }
        }
        try describeItems()
        mark.note(in: &builder)
        progress(builder.eventCount)
    }

    /// Everybody who is in the store or in the previous data set, in the order of their ids, with their new events; nil for all
    /// that the store has of them.
    private func users() throws -> [(UserID, [Moved]?)] {
        guard let previous else {
            let ids = try String.fetchAll(
                database,
                sql: """
                    SELECT user FROM events UNION SELECT user FROM requests WHERE user IS NOT NULL ORDER BY user
                    """
            )
            return ids.map { (UserID($0), nil) }
        }
        var new: [UserID: [Moved]] = [:]
        let rows = try Row.fetchCursor(
            database,
            sql: """
                SELECT \(EventRows.columns), row FROM events WHERE row > ?1
                UNION SELECT \(EventRows.columns), row FROM events WHERE time >= ?2
                ORDER BY row
                """,
            arguments: [previous.mark.lastEvent, previous.mark.options.until ?? .max]
        )
        while let row = try rows.next() {
            let event = try EventRows.event(row)
            new[event.event.user, default: []].append(Moved(event: event.event, request: event.request))
        }
        let asked = try String.fetchAll(
            database,
            sql: "SELECT DISTINCT user FROM requests WHERE time >= ? AND user IS NOT NULL",
            arguments: [firstRequest]
        )
        let known = (0..<previous.data.userCount).map { previous.data.userID(UserIndex($0)) }
        let all = Set(known).union(new.keys).union(asked.map { UserID($0) })
        return all.sorted().map { user in
            // Stable: equal times keep the order of arrival.
            let events = (new[user] ?? []).enumerated().sorted {
                ($0.element.event.time, $0.offset) < ($1.element.event.time, $1.offset)
            }
            return (user, events.map(\.element))
        }
    }

    /// Moves the events and requests of a user: by time, and at the same time the request before what came of it.
    private mutating func move(_ user: UserID, new: [Moved]?) throws {
        let own = if let new { merged(try reused(user), new) } else { try events(of: user, from: .min) }
        let asked = try reusedRequests(user) + requests(of: user, events: new == nil ? own : nil)
        var next = asked[...]
        for moved in own where (since..<until).contains(moved.event.time) {
            while let request = next.first, request.time <= moved.event.time {
                builder.add(request)
                next.removeFirst()
            }
            builder.add(moved.event)
        }
        for request in next { builder.add(request) }
    }

    /// Two lists by time as one; at the same time the first list's come first.
    private func merged(_ first: [Moved], _ second: [Moved]) -> [Moved] {
        var (result, rest) = ([Moved](), second[...])
        result.reserveCapacity(first.count + second.count)
        for moved in first {
            while let other = rest.first, other.event.time < moved.event.time {
                result.append(other)
                rest.removeFirst()
            }
            result.append(moved)
        }
        return result + rest
    }
}

extension StoreExport {
    /// The events of a user that the previous data set has.
    private mutating func reused(_ user: UserID) throws -> [Moved] {
        guard let data = previous?.data, let index = data.find(user) else { return [] }
        let rows = data.events(of: index)
        let rejected = reusedRejections(user, data, index)
        report.reusedEvents += rows.count + rejected.count
        return merged(
            rejected,
            try rows.map { row in
                guard let action = Action(rawValue: data.actions[row]) else {
                    throw DatasetError(.corrupt, "\(data.url.path): row \(row) has no known action; export it again.")
                }
                let value = data.values[row]
                let event = Event(
                    user: user,
                    item: data.itemID(ItemIndex(Int(data.items[row]))),
                    action: action,
                    time: data.times[row],
                    query: data.query(at: row),
                    value: value.isFinite ? value : nil
                )
                return Moved(event: event)
            }
        )
    }

    private func reusedRejections(_ user: UserID, _ data: Dataset, _ index: UserIndex) -> [Moved] {
        guard let table = data.rejections else { return [] }
        return table.of(index).compactMap { row in
            Action(rawValue: table.actions[row]).map { action in
                let item = data.itemID(ItemIndex(Int(table.items[row])))
                return Moved(event: Event(user: user, item: item, action: action, time: table.times[row]))
            }
        }
    }

    /// The events of a user in the store, from a time on; none that an erasure hides.
    private mutating func events(of user: UserID, from time: Int64) throws -> [Moved] {
        let select = try database.cachedStatement(
            sql: """
                SELECT \(EventRows.columns) FROM events WHERE user = ? AND time >= ? AND row > ? ORDER BY time, row
                """
        )
        let last = try ErasureRows.lastEvent(of: user, in: database)
        let rows = try Row.fetchCursor(select, arguments: [user.rawValue, time, last])
        var events: [Moved] = []
        while let row = try rows.next() {
            let event = try EventRows.event(row)
            events.append(Moved(event: event.event, request: event.request))
        }
        if time == .min { report.readEvents += events.count }
        return events
    }

    /// The requests of a user that the previous data set has, but for those that are read again or that are gone.
    private mutating func reusedRequests(_ user: UserID) throws -> [SearchRequest] {
        guard let data = previous?.data, let table = data.requests, let index = data.find(user) else { return [] }
        let names = data.requestFeatureNames
        let (first, end) = (max(oldestRequest, since), min(firstRequest, until))
        let requests = table.requests(of: index).filter { table.times[$0] >= first && table.times[$0] < end }
        report.reusedRequests += requests.count
        return requests.map { request in
            SearchRequest(
                user: user,
                query: table.queries[request] < 0 ? nil : data.queryText(Int(table.queries[request])),
                time: table.times[request],
                shown: table.shown(request).map { place in
                    SearchRequest.Shown(
                        data.itemID(ItemIndex(Int(table.items[place]))),
                        isClicked: table.isClicked(place),
                        isPurchased: table.isPurchased(place),
                        values: table.features.map { $0[place] }
                    )
                },
                context: names.reduce(into: [:]) { $0[$1] = data.requestFeature($1)?.values(of: request) }
            )
        }
    }

    /// The requests of a user in the store that are to be read, oldest first, with what came of them.
    ///
    /// - Parameter events: All events of the user, when they were read before.
    private mutating func requests(of user: UserID, events: [Moved]?) throws -> [SearchRequest] {
        let select = try database.cachedStatement(
            sql: """
                SELECT row, id, time, \(ExposureRows.factColumns) FROM requests
                WHERE user = ? AND time >= ? AND time < ? AND row > ? ORDER BY time, row
                """
        )
        let shown = try database.cachedStatement(
            sql: "SELECT place, item FROM exposures WHERE request = ? ORDER BY place"
        )
        let last = try ErasureRows.lastRequest(of: user, in: database)
        let first = max(since, firstRequest)
        var asked: [Asked] = []
        for row in try Row.fetchAll(select, arguments: [user.rawValue, first, until, last]) {
            let facts = try ExposureRows.facts(row, from: 3)
            let items = try Row.fetchAll(shown, arguments: [try row.value(0) as Int64]).map {
                let position: Int = try $0.value(0)
                return SearchRequest.Shown(ItemID(try $0.value(1)), values: [Float(position)])
            }
            let request = SearchRequest(
                user: user,
                query: facts.query,
                time: try row.value(2),
                shown: items,
                context: facts.context.mapValues { [$0] }
            )
            asked.append(Asked(id: try row.value(1), kind: facts.kind ?? .recommendation, request: request))
        }
        guard let earliest = asked.first?.request.time else { return [] }
        // Among pages of all kinds, also those that are not kept: a choice belongs to the latest that showed its item.
        attribute(try events ?? self.events(of: user, from: earliest), to: &asked)
        let kept = asked.filter { mark.options.kinds.contains($0.kind) }
        report.readRequests += kept.count
        return kept.map(\.request)
    }

    /// Marks what was clicked and bought: by the request that an event names, otherwise in the latest request of the day
    /// before that showed the item.
    private func attribute(_ events: [Moved], to asked: inout [Asked]) {
        let byID = Dictionary(asked.indices.map { (asked[$0].id, $0) }) { first, _ in first }
        for moved in events where moved.event.action.isPositive && moved.event.time < until {
            let event = moved.event
            let request =
                if let id = moved.request { byID[id] } else {
                    asked.indices.last { index in
                        let time = asked[index].request.time
                        return time <= event.time && event.time - time <= UnitOutcome.attributionSeconds
                            && asked[index].request.shown.contains { $0.item == event.item }
                    }
                }
            guard let request else { continue }
            for place in asked[request].request.shown.indices
            where asked[request].request.shown[place].item == event.item {
                asked[request].request.shown[place].isClicked = true
                if event.action == .purchase { asked[request].request.shown[place].isPurchased = true }
            }
        }
    }

    /// Gives the items their titles, categories and attributes.
    ///
    /// An attribute is a feature when its values repeat: at most half as many as items that have it.
    private mutating func describeItems() throws {
        let rows = try Row.fetchCursor(database, sql: "SELECT \(ItemTable.columns) FROM items ORDER BY id")
        var attributes: [String: [ItemID: String]] = [:]
        while let row = try rows.next() {
            let item = try ItemTable.item(row)
            if !item.title.isEmpty { builder.setTitle(item.title, for: item.id) }
            if !item.categories.isEmpty { builder.setItemFeature("category", item.categories, for: item.id) }
            for (name, value) in item.attributes where !value.isEmpty {
                attributes[name, default: [:]][item.id] = value
            }
        }
        for (name, values) in attributes.sorted(by: { $0.key < $1.key }) {
            guard name != "category", !name.isEmpty, 2 * Set(values.values).count <= values.count else {
                report.textAttributes.append(name)
                continue
            }
            for (item, value) in values.sorted(by: { $0.key < $1.key }) {
                builder.setItemFeature(name, [value.withoutLineBreaks], for: item)
            }
        }
        report.anonymousRequests =
            try Int.fetchOne(
                database,
                sql: "SELECT count(*) FROM requests WHERE user IS NULL AND time >= ? AND time < ?",
                arguments: [max(since, firstRequest), until]
            ) ?? 0
    }
}
