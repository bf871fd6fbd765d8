// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import CascadeDatasets

/// Which part of a store becomes a data set.
public struct DatasetExportOptions: Sendable, Equatable {
    /// The name that people will see.
    public var name = "store"
    /// Events and requests from before this time are left out, in seconds since 1970-01-01 UTC; nil keeps all.
    public var since: Int64?
    /// Events and requests at or after this time are left out; nil keeps all.
    public var until: Int64?
    /// The kinds of requests to keep.
    public var kinds: Set<RequestKind> = [.recommendation, .search]
    /// The fewest events that a kept user may have.
    public var minUserEvents = 1
    /// The fewest events that a kept item may have.
    public var minItemEvents = 1

    /// The defaults: everything but pages of similar items.
    public init() {}
}

/// What became a data set.
public struct DatasetExportReport: Sendable {
    /// Events that were read from the store.
    public var readEvents = 0
    /// Events that were taken from the previous data set.
    public var reusedEvents = 0
    /// Requests that were read from the store.
    public var readRequests = 0
    /// Requests that were taken from the previous data set.
    public var reusedRequests = 0
    /// Requests that were left out since they name no user.
    public var anonymousRequests = 0
    /// Attributes of items that are no features, since nearly every item has a value of its own.
    public var textAttributes: [String] = []
    /// Why the previous data set could not be used; nil when it was, or when none was named.
    public var fullReason: String?
}

/// What a data set says of the store that it was exported from, in its provenance.
struct ExportMark: Equatable {
    /// Tells stores from one another.
    var store: String
    /// The row of the last event in the store.
    var lastEvent: Int64
    /// How many events had been removed from the store, and how often people had been erased.
    var removed: Int, erased: Int
    /// When the export began, in seconds since 1970-01-01 UTC.
    var time: Int64
    var options: DatasetExportOptions

    private enum Key {
        static let format = "format"
        static let store = "store.id"
        static let lastEvent = "store.last-event"
        static let removed = "store.removed"
        static let erased = "store.erased"
        static let time = "store.time"
        static let since = "store.since"
        static let until = "store.until"
        static let kinds = "store.requests"
    }

    /// How the provenance names this source.
    static let format = "store"

    init(store: String, lastEvent: Int64, removed: Int, erased: Int, time: Int64, options: DatasetExportOptions) {
        (self.store, self.lastEvent, self.removed, self.erased) = (store, lastEvent, removed, erased)
        (self.time, self.options) = (time, options)
    }

    /// Reads the mark of a data set; nil when it was not exported from a store.
    init?(_ manifest: Manifest) {
        let notes = manifest.provenance
        func number<N: LosslessStringConvertible>(_ key: String) -> N? { notes[key].flatMap { N($0) } }
        guard notes[Key.format] == Self.format, let store = notes[Key.store], let last: Int64 = number(Key.lastEvent),
            let removed: Int = number(Key.removed), let erased: Int = number(Key.erased),
            let time: Int64 = number(Key.time)
        else { return nil }
        var options = DatasetExportOptions()
        (options.since, options.until) = (number(Key.since), number(Key.until))
        options.kinds = Set(
            (notes[Key.kinds] ?? "").split(separator: ",").compactMap { RequestKind(rawValue: "\($0)") }
        )
        options.minUserEvents = manifest.options.minUserEvents
        options.minItemEvents = manifest.options.minItemEvents
        self.init(
            store: store,
            lastEvent: last,
            removed: removed,
            erased: erased,
            time: time,
            options: options
        )
    }

    /// Notes the mark in a data set that is being built.
    func note(in builder: inout DatasetBuilder) {
        builder.note(Key.format, Self.format)
        builder.note(Key.store, store)
        builder.note(Key.lastEvent, "\(lastEvent)")
        builder.note(Key.removed, "\(removed)")
        builder.note(Key.erased, "\(erased)")
        builder.note(Key.time, "\(time)")
        if let since = options.since { builder.note(Key.since, "\(since)") }
        if let until = options.until { builder.note(Key.until, "\(until)") }
        builder.note(Key.kinds, options.kinds.map(\.rawValue).sorted().joined(separator: ","))
    }

    /// Why a data set with this mark cannot stand for what the store held when it was exported; nil when it can.
    ///
    /// - Parameter now: The mark of the export that begins.
    func obstacle(to now: ExportMark) -> String? {
        if now.erased != erased { return "people were erased from the store since" }
        if now.removed != removed { return "events were removed from the store since" }
        if max(options.minUserEvents, options.minItemEvents) > 1 { return "it leaves out rare users or items" }
        if options.kinds != now.options.kinds { return "it has other kinds of requests" }
        if let since = options.since, now.options.since.map({ $0 < since }) ?? true {
            return "it begins later than what is wanted now"
        }
        return nil
    }
}
