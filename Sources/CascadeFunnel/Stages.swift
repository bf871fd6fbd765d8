// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets

/// Somebody's wish for a page, with what is known of them: what every stage reads.
public struct FunnelRequest: Sendable {
    /// Names the request in logs, explanations and events.
    public let id: String
    /// Who asks; nil for somebody without an id.
    public let user: UserID?
    /// What they did, oldest first; empty for somebody new.
    public let history: [Event]
    /// What they search for; nil for a recommendation.
    public let query: String?
    /// How many items the page has at most.
    public let count: Int
    /// The present, in seconds since 1970-01-01 UTC.
    public let now: Int64

    /// Describes a wish.
    public init(id: String, user: UserID?, history: [Event], query: String? = nil, count: Int, now: Int64) {
        (self.id, self.user, self.history) = (id, user, history)
        (self.query, self.count, self.now) = (query, count, now)
    }
}

/// An item and what a stage thinks of it; higher is better.
public struct ScoredItem: Sendable, Equatable, Codable {
    /// The item.
    public var item: ItemID
    /// Comparable within one stage's answer only.
    public var score: Double

    /// Pairs an item with its score.
    public init(_ item: ItemID, _ score: Double) { (self.item, self.score) = (item, score) }
}

/// Finds items out of all: a retriever with its index, popularity, the words of a query.
///
/// Any number of requests may ask at once.
public protocol CandidateSource: Sendable {
    /// Which model, index and weights answer; the same text for the same answers.
    var version: String { get }
    /// The best items, best first, none twice and none excluded; fewer when there are no more, none when the source
    /// cannot say anything about the request (a person without history, an empty query).
    func candidates(for request: FunnelRequest, limit: Int, excluding: Set<ItemID>) async throws -> [ScoredItem]
}

/// Judges items for a request: a pre-ranker or a ranker.
///
/// Any number of requests may ask at once.
public protocol CandidateScorer: Sendable {
    /// Which model and weights answer; the same text for the same answers.
    var version: String { get }
    /// One score for each item, in order; nil for an item that the model does not know.
    func scores(of items: [ItemID], for request: FunnelRequest) async throws -> [Double?]
}

/// Knows which items resemble one another.
public protocol SimilarItemSource: Sendable {
    /// Which model, index and weights answer; the same text for the same answers.
    var version: String { get }
    /// The items most like one, best first, without itself; nil when it does not know the item.
    func similar(to item: ItemID, limit: Int) async throws -> [ScoredItem]?
}
