// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeTensorFiles
public import Foundation

/// Exact search: compares a user with every item.
///
/// A product of the users' matrix with the items', block by block: a block of items stays in the processor's nearest
/// cache while all users of a tile are compared with it. One user alone is as fast as memory can be read.
/// Complexity: `U Q N D` multiplications.
public struct FlatIndex: VectorIndex {
    /// The vectors that it finds.
    public let vectors: ItemVectors

    /// Takes the vectors; there is nothing to build.
    public init(_ vectors: ItemVectors) { self.vectors = vectors }

    /// Always ``IndexRecipe/flat``.
    public var recipe: IndexRecipe { .flat }

    /// Writes nothing: the vectors are all there is.
    public func writeStructure(to url: URL) {}

    /// The best items of each user, best first; among equal scores the lower item goes first.
    ///
    /// - Throws: ``IndexError`` when the vectors or filters do not fit the catalog, or `limit` is negative.
    public func search(_ users: QueryVectors, limit: Int, allowing filters: [ItemFilter] = []) throws -> [[Match]] {
        try check(users, limit, filters)
        guard limit > 0 else { return Array(repeating: [], count: users.users) }
        var best = (0..<users.users).map { user in
            BestItems(limit: min(limit, max(1, filters.of(user)?.allowedCount ?? count)))
        }
        vectors.values.withUnsafeBufferPointer { items in
            users.values.withUnsafeBufferPointer { queries in
                guard let items = items.baseAddress, let queries = queries.baseAddress else { return }
                var together: [Int] = []
                for user in 0..<users.users {
                    // Where few items are allowed, only they are looked at.
                    if let filter = filters.of(user), filter.allowedCount < count / 4 {
                        scan(
                            items,
                            allowing: filter,
                            for: queries + users.range(user).lowerBound,
                            users.interests,
                            &best[user]
                        )
                    } else {
                        together.append(user)
                    }
                }
                let tile = max(1, 64 / users.interests)
                for start in stride(from: 0, to: together.count, by: tile) {
                    let some = together[start..<min(start + tile, together.count)]
                    multiply(Array(some), of: users, queries, items: items, allowing: filters, &best)
                }
            }
        }
        return best.map { $0.sorted() }
    }

    /// The score of one item for one user, summed in the same order as in a search.
    func score(_ user: UnsafePointer<Float>, interests: Int, item: Int) -> Float {
        vectors.values.withUnsafeBufferPointer { items in
            items.baseAddress.map { score(user, interests, $0 + item * dimension) } ?? -.infinity
        }
    }

    @inline(__always)
    private func score(_ user: UnsafePointer<Float>, _ interests: Int, _ item: UnsafePointer<Float>) -> Float {
        var largest = -Float.infinity
        for interest in 0..<interests {
            largest = max(largest, InnerProduct.one(user + interest * dimension, item, dimension))
        }
        return largest
    }

    private func scan(
        _ items: UnsafePointer<Float>,
        allowing filter: ItemFilter,
        for user: UnsafePointer<Float>,
        _ interests: Int,
        _ best: inout BestItems
    ) {
        for (place, word) in filter.words.enumerated() where word != 0 {
            var rest = word
            while rest != 0 {
                let item = place * 64 + rest.trailingZeroBitCount
                rest &= rest - 1
                best.offer(item, score(user, interests, items + item * dimension))
            }
        }
    }

    /// Compares some users with all items and offers each what its filter allows.
    private func multiply(
        _ chosen: [Int],
        of users: QueryVectors,
        _ queries: UnsafePointer<Float>,
        items: UnsafePointer<Float>,
        allowing filters: [ItemFilter],
        _ best: inout [BestItems]
    ) {
        // 32 KiB of items, the size of a first-level cache; a multiple of 64, so that a block starts a filter's word.
        let block = max(64, 8192 / dimension / 64 * 64)
        let rows = chosen.flatMap { user in
            (0..<users.interests).map { queries + users.range(user).lowerBound + $0 * dimension }
        }
        withUnsafeTemporaryAllocation(of: Float.self, capacity: rows.count * block) { scores in
            guard let scores = scores.baseAddress else { return }
            for start in stride(from: 0, to: count, by: block) {
                let size = min(block, count - start)
                let some = InnerProduct.Rows(start: items + start * dimension, count: size, dimension: dimension)
                InnerProduct.all(rows, with: some, into: scores, stride: block)
                for (place, user) in chosen.enumerated() {
                    let own = scores + place * users.interests * block
                    for interest in 1..<max(users.interests, 1) {
                        let other = own + interest * block
                        for i in 0..<size { own[i] = max(own[i], other[i]) }
                    }
                    offer(own, start..<start + size, filters.of(user), &best[user])
                }
            }
        }
    }

    private func offer(
        _ scores: UnsafePointer<Float>,
        _ items: Range<Int>,
        _ filter: ItemFilter?,
        _ best: inout BestItems
    ) {
        var threshold = best.threshold
        for place in 0..<items.count where scores[place] > threshold {
            let item = items.lowerBound + place
            if let filter, filter.words[item / 64] >> UInt64(item % 64) & 1 == 0 { continue }
            best.offer(item, scores[place])
            threshold = best.threshold
        }
    }
}
