// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets

/// An event with the id by which its sender names it, so that sending it twice stores it once.
public struct NewEvent: Sendable, Equatable, Codable {
    /// The sender's id, at most 200 bytes.
    public var id: String
    /// What happened.
    public var event: Event
    /// The answered request that showed the item, when the sender knows it; what A/B tests count by.
    public var request: String?

    /// Names an event.
    public init(id: String, event: Event, request: String? = nil) {
        self.id = id
        self.event = event
        self.request = request
    }
}

/// What became of an event that was sent.
public enum Receipt: String, Sendable, Codable {
    /// It is on the disk now.
    case stored
    /// It was on the disk already.
    case duplicate
}

/// What the funnel knows of an item beside its models.
public struct ItemRecord: Sendable, Equatable, Codable {
    /// The item.
    public var id: ItemID
    /// What people call it.
    public var title: String
    /// What it belongs to, the most important first.
    public var categories: [String]
    /// Whether it may be shown.
    public var available: Bool
    /// Since when it exists, in seconds since 1970-01-01 UTC; 0 when unknown.
    public var created: Int64
    /// Anything else that is shown with it.
    public var attributes: [String: String]

    /// Describes an item.
    public init(
        id: ItemID,
        title: String = "",
        categories: [String] = [],
        available: Bool = true,
        created: Int64 = 0,
        attributes: [String: String] = [:]
    ) {
        self.id = id
        self.title = title
        self.categories = categories
        self.available = available
        self.created = created
        self.attributes = attributes
    }
}

extension ItemRecord {
    /// An item that was taken back: an id that is not available, and nothing else.
    public static func withdrawn(_ id: ItemID) -> ItemRecord { ItemRecord(id: id, available: false) }

    /// Whether nothing is known of the item but that it may not be shown.
    public var isWithdrawn: Bool { self == .withdrawn(id) }
}

/// The kind of a request.
public enum RequestKind: String, Sendable, Codable, CaseIterable {
    /// A page for a user.
    case recommendation
    /// A page for a query.
    case search
    /// Similar items.
    case similar
}

/// What is known of an answered request beside its user and time; its exposures share it.
public struct RequestFacts: Sendable, Equatable, Codable {
    /// What was asked for; nil in requests that were logged before this was recorded.
    public var kind: RequestKind?
    /// The query of a search.
    public var query: String?
    /// Features of the moment that the caller sent, such as the device.
    public var context: [String: String]
    /// The funnel that answered: ``defaultPolicy``, or the name of a variant.
    public var policy: String?
    /// The version that answered, by slot.
    public var versions: [String: String]

    /// The policy of requests in no arm that changes the funnel.
    public static let defaultPolicy = "default"

    /// Describes a request; without arguments, one of which nothing is known.
    public init(
        kind: RequestKind? = nil,
        query: String? = nil,
        context: [String: String] = [:],
        policy: String? = nil,
        versions: [String: String] = [:]
    ) {
        self.kind = kind
        self.query = query
        self.context = context
        self.policy = policy
        self.versions = versions
    }
}

/// One item that was shown to somebody.
public struct Exposure: Sendable, Equatable, Codable {
    /// The answered request.
    public var request: String
    /// Who saw it; nil for somebody without an id.
    public var user: UserID?
    /// What was shown.
    public var item: ItemID
    /// Position on the page, from 0.
    public var position: Int
    /// When, in seconds since 1970-01-01 UTC.
    public var time: Int64
    /// The arm of each A/B test that the request was in.
    public var arms: [String: String]
    /// What is known of the request.
    public var facts: RequestFacts
    /// The score of the last stage; nil when unknown.
    public var score: Double?
    /// The probability with which the policy puts this item into this position, given the positions before it; 1 for a
    /// deterministic page, nil when unknown.
    public var propensity: Double?

    /// Describes what was shown.
    public init(
        request: String,
        user: UserID?,
        item: ItemID,
        position: Int,
        time: Int64,
        arms: [String: String] = [:],
        facts: RequestFacts = RequestFacts(),
        score: Double? = nil,
        propensity: Double? = nil
    ) {
        self.request = request
        self.user = user
        self.item = item
        self.position = position
        self.time = time
        self.arms = arms
        self.facts = facts
        self.score = score
        self.propensity = propensity
    }
}

/// Everything that is stored of one person.
public struct UserExport: Sendable, Equatable, Codable {
    /// Who.
    public var user: UserID
    /// What they did, oldest first.
    public var events: [NewEvent]
    /// What they were shown, oldest first.
    public var exposures: [Exposure]

    /// Gathers what is stored.
    public init(user: UserID, events: [NewEvent], exposures: [Exposure]) {
        self.user = user
        self.events = events
        self.exposures = exposures
    }
}

/// A model or an index that has served.
public struct ModelVersion: Sendable, Equatable, Codable {
    /// Its place in the funnel.
    public var slot: String
    /// Its name: the model and a fingerprint of its weights.
    public var version: String
    /// Where it was loaded from.
    public var path: String
    /// When it began to serve, in seconds since 1970-01-01 UTC.
    public var time: Int64
    /// Its metrics on data that it was not trained on, by name.
    public var metrics: [String: Double]

    /// Describes a version.
    public init(slot: String, version: String, path: String, time: Int64, metrics: [String: Double] = [:]) {
        self.slot = slot
        self.version = version
        self.path = path
        self.time = time
        self.metrics = metrics
    }
}

/// How often a part of the store was changed, whoever changed it.
public struct ChangeCounts: Sendable, Equatable {
    /// Changes of items.
    public var items: Int
    /// Erasures of people.
    public var erasures: Int

    /// Describes how often something changed.
    public init(items: Int, erasures: Int) {
        self.items = items
        self.erasures = erasures
    }
}

/// What the service remembers: events, items, what was shown, which models served.
///
/// Any number of tasks may call it at once. What a method that writes has returned for is on the disk.
public protocol EventStore: Sendable {
    /// Stores events; all of them or, when it throws, none.
    ///
    /// - Returns: What became of each, in order.
    func append(_ events: [NewEvent]) async throws -> [Receipt]
    /// The latest events of a user, oldest first; none for a user who is not known.
    ///
    /// The limit counts events that are no rejections; rejections are there however old they are.
    func history(of user: UserID, limit: Int) async throws -> [Event]
    /// The items with the most events at or after a time, most first, at most `limit`.
    func popular(since time: Int64, limit: Int) async throws -> [(item: ItemID, events: Int)]
    /// Adds items, or replaces those of the same id.
    func upsert(_ items: [ItemRecord]) async throws
    /// Those of the items that are known.
    func items(_ ids: [ItemID]) async throws -> [ItemRecord]
    /// All items, in the order of their ids.
    func allItems() async throws -> [ItemRecord]
    /// Ids of users that begin with a text, in order.
    func users(beginningWith text: String, limit: Int) async throws -> [UserID]
    /// Everything of one person; nil when there is nothing.
    func export(_ user: UserID) async throws -> UserExport?
    /// Erases everything of one person, which no answer holds from then on, and remembers that they were erased.
    ///
    /// ``finishErasures()`` removes what is still in the files.
    ///
    /// - Returns: How many events and exposures are erased; 0 when there were none.
    func erase(_ user: UserID) async throws -> Int
    /// Removes what erased rows have left in the files; returns when nothing of anybody erased before is there.
    func finishErasures() async throws
    /// How far the erasure of a person is; nil when they were never erased.
    func erasure(of user: UserID) async throws -> ErasureStatus?
    /// Remembers what was shown. Not awaited by an answer, so it may be lost when the machine dies.
    func log(_ exposures: [Exposure]) async throws
    /// Removes exposures from before a time, in seconds since 1970-01-01 UTC; others write meanwhile.
    ///
    /// - Returns: How many went.
    func removeExposures(before time: Int64) async throws -> Int
    /// Remembers that a model began to serve.
    func record(_ version: ModelVersion) async throws
    /// The versions that have served, latest first.
    func versions(limit: Int) async throws -> [ModelVersion]
    /// How often others than the caller's process have written, at least; nil when that cannot be told at this moment.
    ///
    /// What is kept in memory of the store is good while this number stays. It is asked for with every answer, and takes some
    /// microseconds.
    func foreignChanges() -> Int?
    /// How often items were changed and people erased.
    func changeCounts() async throws -> ChangeCounts
    /// Why nothing can be stored or trusted now, in sentences without paths; empty when all is well.
    func obstacles() async -> [String]
    /// Looks through everything for damage, which ``obstacles()`` names from then on.
    func examine() async throws
}
