// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets

/// A request for a page, with the context of the user: the input of every stage.
public struct FunnelRequest: Sendable {
    /// Names the request in logs, explanations and events.
    public let id: String
    /// The user; nil for a request without one.
    public let user: UserID?
    /// The events of the user, oldest first; empty for a new user.
    public let history: [Event]
    /// The query; nil for a recommendation.
    public let query: String?
    /// Features of the moment that the caller sent, such as the device.
    public let context: [String: String]
    /// The maximum number of items on the page.
    public let count: Int
    /// The present, in seconds since 1970-01-01 UTC.
    public let now: Int64

    /// Describes a request.
    public init(
        id: String,
        user: UserID?,
        history: [Event],
        query: String? = nil,
        context: [String: String] = [:],
        count: Int,
        now: Int64
    ) {
        self.id = id
        self.user = user
        self.history = history
        self.query = query
        self.context = context
        self.count = count
        self.now = now
    }
}

/// An item and its score by a stage; higher is better.
public struct ScoredItem: Sendable, Equatable, Codable {
    /// The item.
    public var item: ItemID
    /// Comparable within the output of one stage only.
    public var score: Double

    /// Pairs an item with its score.
    public init(_ item: ItemID, _ score: Double) {
        self.item = item
        self.score = score
    }
}

/// Retrieves candidates: a retriever with its index, popularity, lexical search.
///
/// Safe for concurrent requests.
public protocol CandidateSource: Sendable {
    /// Identifies model, index and weights; equal text means equal results.
    var version: String { get }
    /// The best items, best first, none twice and none excluded; fewer when there are no more, none when the source
    /// cannot say anything about the request (a person without history, an empty query).
    func candidates(for request: FunnelRequest, limit: Int, excluding: Set<ItemID>) async throws -> [ScoredItem]
}

/// Scores items for a request: a pre-ranker or a ranker.
///
/// Safe for concurrent requests.
public protocol CandidateScorer: Sendable {
    /// Identifies model and weights; equal text means equal results.
    var version: String { get }
    /// One score for each item, in order; nil for an item that the model does not know.
    func scores(of items: [ItemID], for request: FunnelRequest) async throws -> [Double?]
}

/// Finds similar items.
public protocol SimilarItemSource: Sendable {
    /// Identifies model, index and weights; equal text means equal results.
    var version: String { get }
    /// The items most like one, best first, without itself; nil when it does not know the item.
    func similar(to item: ItemID, limit: Int) async throws -> [ScoredItem]?
}
