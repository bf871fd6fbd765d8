// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
public import CascadeStore
public import CascadeTensorFiles

/// Why the service cannot do what was asked; anything else that it throws is a failure of its own.
public struct ServiceError: Error, CustomStringConvertible, Equatable {
    /// What kind of refusal it is.
    public enum Reason: Sendable, Equatable {
        /// There is no such user, item, request or slot.
        case notFound
        /// The request makes no sense as it stands.
        case invalid
        /// It cannot be done now, but may be later: the disk is full, the service is stopping.
        case unavailable
    }

    /// What kind of refusal it is.
    public let reason: Reason
    /// The whole sentence, without anything personal in it.
    public let description: String

    /// Creates an error.
    public init(_ reason: Reason, _ description: String) {
        self.reason = reason
        self.description = description
    }
}

/// What an erasure has done so far.
public struct ErasureReceipt: Sendable, Equatable {
    /// How many rows went.
    public var rows: Int
    /// Whether the files hold nothing of the person any more; when not, that is being done.
    public var isDone: Bool

    /// Describes an erasure.
    public init(rows: Int, isDone: Bool) {
        self.rows = rows
        self.isDone = isDone
    }
}

/// Everything that a running service does; what HTTP, the console and tests stand on.
public protocol RecommendationService: Sendable {
    /// Takes events in; returns when they are on the disk, and the next answer knows them.
    func record(_ events: [NewEvent]) async throws -> [Receipt]
    /// A page for a user; popular items for one who is not known.
    ///
    /// A preview is only looked at, as the console does: it logs no impressions, so A/B tests do not count it.
    ///
    /// The context is what the caller says of the moment, such as `["device": "phone"]`, for models that read it. The time
    /// is that of a simulation, in seconds since 1970-01-01 UTC; nil for the present.
    func recommend(
        to user: UserID,
        count: Int,
        context: [String: String],
        isPreview: Bool,
        time: Int64?
    ) async throws -> Page
    /// A page for a query, for somebody or for nobody in particular.
    func search(
        _ query: String,
        user: UserID?,
        count: Int,
        context: [String: String],
        isPreview: Bool,
        time: Int64?
    ) async throws -> Page
    /// The items most like one.
    ///
    /// - Throws: ``ServiceError/Reason/notFound`` when nobody knows the item.
    func similar(to item: ItemID, count: Int, isPreview: Bool, time: Int64?) async throws -> Page
    /// What each stage made of a recent request; nil when it is not, or no longer, remembered.
    func explanation(of request: String) async -> Explanation?
    /// Adds items, or replaces those of the same id.
    func upsert(_ items: [ItemRecord]) async throws
    /// Changes one item as it is stored.
    ///
    /// - Returns: What it is then; nil when nobody knows it, or it was withdrawn.
    /// - Throws: What `change` throws; nothing is stored then.
    func update(
        _ item: ItemID,
        _ change: @escaping @Sendable (inout ItemRecord) throws -> Void
    ) async throws -> ItemRecord?
    /// Takes an item off all pages, and forgets what is known of it; its id stays, for models and events know it.
    ///
    /// - Returns: Whether anything was known of it.
    func withdraw(_ item: ItemID) async throws -> Bool
    /// Those of the items that are known.
    func items(_ ids: [ItemID]) async throws -> [ItemRecord]
    /// Items whose ids begin with a text, in the order of the ids' bytes.
    ///
    /// - Parameters:
    ///   - text: What the ids begin with; empty for all.
    ///   - after: The id to go on after; nil to begin at the first.
    ///   - limit: How many at most.
    func items(beginningWith text: String, after: ItemID?, limit: Int) async throws -> ItemList
    /// Ids of users that begin with a text, in order.
    func users(beginningWith text: String, limit: Int) async throws -> [UserID]
    /// Everything that is stored of one person; nil when there is nothing.
    func export(_ user: UserID) async throws -> UserExport?
    /// Removes everything of one person, the cached state included.
    func erase(_ user: UserID) async throws -> ErasureReceipt
    /// How far the erasure of a person is; nil when they were never erased.
    func erasure(of user: UserID) async throws -> ErasureStatus?
    /// What is loaded in each slot.
    func slots() async -> [SlotStatus]
    /// Loads, warms up and then swaps in what lies in a folder, or what served before; requests under way finish with
    /// what they began with.
    ///
    /// - Throws: ``ServiceError``: no such slot, or a folder that cannot be served; what served goes on serving then.
    func change(slot: String, _ change: SlotChange) async throws -> SlotStatus
    /// The decisions about what serves that `cascade promote`, `rollback` and `loop` made, the latest first.
    func promotions(limit: Int) async throws -> [Promotion]
    /// Reports the A/B tests.
    func abTests() async throws -> [ABTestReport]
    /// Why the service is not ready for traffic; empty when it is.
    func obstacles() async -> [String]
}

extension RecommendationService {
    /// A page for a user at the present; it counts as shown unless it is a preview.
    public func recommend(
        to user: UserID,
        count: Int,
        context: [String: String] = [:],
        isPreview: Bool = false
    ) async throws -> Page {
        try await recommend(to: user, count: count, context: context, isPreview: isPreview, time: nil)
    }

    /// A page for a query at the present; it counts as shown unless it is a preview.
    public func search(
        _ query: String,
        user: UserID?,
        count: Int,
        context: [String: String] = [:],
        isPreview: Bool = false
    ) async throws -> Page {
        try await search(query, user: user, count: count, context: context, isPreview: isPreview, time: nil)
    }

    /// The items most like one, at the present; they count as shown unless it is a preview.
    public func similar(to item: ItemID, count: Int, isPreview: Bool = false) async throws -> Page {
        try await similar(to: item, count: count, isPreview: isPreview, time: nil)
    }

    /// Swaps in what lies in a folder.
    public func replace(slot: String, with path: String) async throws -> SlotStatus {
        try await change(slot: slot, .load(path: path))
    }
}

extension ServiceError: CascadeError {
    /// What is at fault.
    public var category: ErrorCategory { .failed }
}
