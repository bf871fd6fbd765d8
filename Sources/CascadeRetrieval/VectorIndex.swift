// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
public import Foundation

/// An item that was found, and how well it fits.
public struct Match: Sendable, Equatable {
    /// The item.
    public let item: ItemIndex
    /// The largest inner product over the user's vectors; higher is better.
    public let score: Float

    /// Pairs an item with its score.
    public init(item: ItemIndex, score: Float) {
        self.item = item
        self.score = score
    }

    /// Whether the first goes before the second: by score, and by the lower item among equals.
    static func isBetter(_ first: Match, _ second: Match) -> Bool {
        first.score > second.score || (first.score == second.score && first.item < second.item)
    }
}

/// Finds the items of a catalog whose vectors have the largest inner products with a user's.
///
/// Any number of threads may search at once; each search uses the thread that calls it.
public protocol VectorIndex: Sendable {
    /// How the index was made, and how it searches.
    var recipe: IndexRecipe { get }
    /// The vectors that it finds.
    var vectors: ItemVectors { get }

    /// The best items of each user, best first; among equal scores the lower item goes first.
    ///
    /// Every list has `limit` items where that many are allowed, however few they are, and all allowed ones otherwise.
    /// No item is in a list twice.
    ///
    /// - Parameters:
    ///   - users: Vectors `[U, Q, D]`.
    ///   - limit: Length of a list; 0 gives empty lists.
    ///   - filters: None allows everything; one holds for all users; otherwise one for each user.
    /// - Throws: ``IndexError`` when the vectors or filters do not fit the catalog, or `limit` is negative.
    func search(_ users: QueryVectors, limit: Int, allowing filters: [ItemFilter]) throws -> [[Match]]

    /// Writes what the index holds beside the vectors; nothing for an index that holds nothing else.
    ///
    /// - Throws: ``IndexError`` when the disk refuses.
    func writeStructure(to url: URL) throws
}

extension VectorIndex {
    /// Which implementation this is.
    public var kind: IndexKind { recipe.kind }
    /// Number of items.
    public var count: Int { vectors.count }
    /// Features of a vector.
    public var dimension: Int { vectors.dimension }

    /// The best items of one user, best first.
    ///
    /// - Parameters:
    ///   - user: One vector or more, one behind the other.
    ///   - limit: Length of the list.
    ///   - filter: What may be found; nil allows everything.
    /// - Throws: ``IndexError`` when the vectors or the filter do not fit the catalog, or `limit` is negative.
    public func search(_ user: [Float], limit: Int, allowing filter: ItemFilter? = nil) throws -> [Match] {
        guard !user.isEmpty, user.count % dimension == 0 else {
            throw IndexError(
                .badQuery,
                """
                user vectors: found \(user.count) numbers; expected \(dimension) or a multiple of it. \
                Are they of the model whose items the index holds?
                """
            )
        }
        let vectors = try QueryVectors(user, interests: user.count / dimension, dimension: dimension)
        return try search(vectors, limit: limit, allowing: filter.map { [$0] } ?? [])[0]
    }

    /// Refuses a question that this index cannot answer.
    func check(_ users: QueryVectors, _ limit: Int, _ filters: [ItemFilter]) throws(IndexError) {
        guard users.dimension == dimension else {
            throw IndexError(
                .badQuery,
                """
                user vectors: found \(users.dimension) features; the index has \(dimension). \
                Are they of the model whose items the index holds?
                """
            )
        }
        guard limit >= 0 else {
            throw IndexError(.badQuery, "limit: found \(limit); expected 0 or more items. Ask for some.")
        }
        guard filters.count <= 1 || filters.count == users.users else {
            throw IndexError(
                .badQuery,
                """
                filters: found \(filters.count) for \(users.users) users; expected none, one for all, or one for \
                each. Pass one for each user.
                """
            )
        }
        if let filter = filters.first(where: { $0.count != count }) {
            throw IndexError(
                .badQuery,
                """
                filters: found one for \(filter.count) items; the index has \(count). \
                Make filters for the catalog of the index.
                """
            )
        }
    }
}

extension [ItemFilter] {
    /// The filter of a user, when there is one.
    func of(_ user: Int) -> ItemFilter? { count > 1 ? self[user] : first }
}
