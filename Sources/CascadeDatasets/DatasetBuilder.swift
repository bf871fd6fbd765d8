// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import CascadeTensorFiles
public import Foundation

/// Collects events in file order, then filters, numbers and sorts them and writes a data set directory.
///
/// Users and items are numbered in the order of their first appearance among the events that are kept. Events of a
/// user are ordered by (time to the nanosecond, original row). Memory is 21 bytes per event, and per user and item twice
/// the length of the id and about 50 bytes. Queries, values and nanoseconds take 4 bytes each per event.
public struct DatasetBuilder: Sendable {
    let name: String
    var users = StringTable()
    var items = StringTable()
    var queries = StringTable()
    var columns = EventColumns()
    var titles: [Int32: String] = [:]
    var itemFeatures: [String: FeatureCollector] = [:]
    var userFeatures: [String: FeatureCollector] = [:]
    var provenance: [String: String] = [:]
    var requests = RequestColumns()
    var rejections = RejectionColumns()
    /// The names of the numbers that come with every shown item of a request, such as `price` and `rank`.
    ///
    /// Set before the first request is added.
    public var shownFeatures: [String] = []
    /// Which events are taken in.
    var filter = EventFilter()

    /// Starts an empty data set.
    ///
    /// - Parameter name: The name that people will see.
    public init(name: String) { self.name = name }

    /// The number of events added so far, without rejections.
    public var eventCount: Int { columns.count }

    /// Adds one event; the order of calls breaks ties of time.
    ///
    /// A missing time is 0. A line break within a query becomes a space. A rejection is kept apart from the others, and
    /// only when its user and its item have an event that is kept.
    ///
    /// - Parameters:
    ///   - event: The event; its time in whole seconds is stored.
    ///   - nanoseconds: How long after that second it was, below one billion; orders events of the same second.
    public mutating func add(_ event: Event, nanoseconds: UInt32 = 0) {
        precondition(nanoseconds < 1_000_000_000, "nanoseconds are below a second")
        let value = event.value.map { Float($0) }
        guard filter.keeps(event.action, event.time, value) else { return }
        guard !event.action.isRejection else {
            return rejections.append(
                user: users.insert(event.user.rawValue),
                item: items.insert(event.item.rawValue),
                action: event.action,
                time: Timestamp(seconds: event.time, nanoseconds: nanoseconds)
            )
        }
        let query = event.query.map { queries.insert($0.withoutLineBreaks) }
        columns.append(
            user: users.insert(event.user.rawValue),
            item: items.insert(event.item.rawValue),
            action: event.action,
            time: Timestamp(seconds: event.time, nanoseconds: nanoseconds),
            query: query,
            value: value
        )
    }

    /// Adds one event without a query and a value, whose ids are lent as the bytes of their text in UTF-8.
    ///
    /// - Returns: The number of the item within ``items``, or nil when the filter leaves the event out.
    mutating func add(user: FieldBytes, item: FieldBytes, action: Action, time: Timestamp) -> Int32? {
        guard filter.keeps(action, time.seconds, nil) else { return nil }
        let item = items.insert(item)
        columns.append(user: users.insert(user), item: item, action: action, time: time, query: nil, value: nil)
        return item
    }

    /// The number of requests added so far.
    public var requestCount: Int { requests.count }

    /// Adds a search request: a list that was shown, and what was chosen of it.
    ///
    /// What the user did before it are the events that are earlier, and of those at the same time the ones added before.
    /// So add a request first and the clicks that it led to, as events, after it. A request without shown items is left out.
    ///
    /// - Parameters:
    ///   - request: The request; its time in whole seconds is stored.
    ///   - nanoseconds: How long after that second it was, below one billion.
    /// - Precondition: Every shown item has one value for each of ``shownFeatures``.
    public mutating func add(_ request: SearchRequest, nanoseconds: UInt32 = 0) {
        guard !request.shown.isEmpty, filter.times?.contains(request.time) ?? true else { return }
        precondition(nanoseconds < 1_000_000_000, "nanoseconds are below a second")
        precondition(request.shown.allSatisfy { $0.values.count == shownFeatures.count }, "a value for each feature")
        requests.append(
            request,
            nanoseconds: nanoseconds,
            user: users.insert(request.user.rawValue),
            query: request.query.map { queries.insert($0.withoutLineBreaks) } ?? -1,
            items: request.shown.map { items.insert($0.item.rawValue) },
            eventCount: columns.count
        )
    }

    /// Gives an item the title that people will see; a later call replaces it.
    ///
    /// A line break within the title becomes a space. Ignored when the item has no event that is kept.
    public mutating func setTitle(_ title: String, for item: ItemID) {
        titles[items.insert(item.rawValue)] = title.withoutLineBreaks
    }

    /// Gives an item its categorical values of a feature, one or more; a later call replaces them.
    ///
    /// Ignored when the item has no event that is kept.
    public mutating func setItemFeature(_ name: String, _ values: [String], for item: ItemID) {
        itemFeatures[name, default: FeatureCollector()].set(values, of: items.insert(item.rawValue))
    }

    /// Gives a user their categorical values of a feature, one or more; a later call replaces them.
    ///
    /// Ignored when the user has no event that is kept.
    public mutating func setUserFeature(_ name: String, _ values: [String], for user: UserID) {
        userFeatures[name, default: FeatureCollector()].set(values, of: users.insert(user.rawValue))
    }

    /// Records where the data came from, such as a file name, an option or a count of skipped rows.
    public mutating func note(_ key: String, _ value: String) { provenance[key] = value }

    /// Filters, numbers and sorts the events, writes the directory and opens it.
    ///
    /// Filtering is the k-core: users and items with too few events are dropped in turn until all that are left have
    /// enough. A request counts as an event of its user and of every item that it showed. The directory appears complete or not at all.
    ///
    /// - Parameters:
    ///   - url: Where to create the directory; nothing may exist there.
    ///   - minUserEvents: The fewest events that a kept user may have.
    ///   - minItemEvents: The fewest events that a kept item may have.
    ///   - latestUsers: How many users to keep before that filtering: of those with at least `minUserEvents` events the
    ///     ones whose last event is latest, by (time, row); nil keeps all.
    /// - Returns: The data set, opened from disk.
    /// - Throws: ``DatasetError`` `.alreadyExists`, `.empty`, `.badRow` (an id that is empty or has a line break), or
    ///   the file error when writing fails.
    public consuming func write(
        to url: URL,
        minUserEvents: Int,
        minItemEvents: Int,
        latestUsers: Int? = nil
    ) throws -> Dataset {
        let options = Manifest.Options(minUserEvents: minUserEvents, minItemEvents: minItemEvents)
        var writer = try DatasetWriter(self, options, latestUsers: latestUsers)
        try writer.write(to: url)
        return try Dataset(at: url)
    }
}
