// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets

/// What searches by a library share: several interests per user, and full lists under any filter.
struct ApproximateSearch {
    /// One vector, and where the items that the library finds for it go.
    struct Query {
        let vector: UnsafePointer<Float>
        /// The words of an ``ItemFilter``; nil allows all items.
        let filter: UnsafePointer<UInt64>?
        /// How many items the filter allows.
        let allowed: Int
        /// As many as are wanted.
        let items: UnsafeMutableBufferPointer<Int64>
        let scores: UnsafeMutableBufferPointer<Float>
    }

    /// Asks the library for up to `items.count` items, best first, and returns how many there are; nil when it gave up.
    typealias Ask = (_ query: Query) throws -> Int?

    let vectors: ItemVectors
    /// A search that is allowed no more items than this compares them all, which is then faster.
    let fewItems: Int
    let ask: Ask

    func search(_ users: QueryVectors, limit: Int, allowing filters: [ItemFilter]) throws -> [[Match]] {
        try (0..<users.users).map { user in
            let filter = filters.of(user)
            let allowed = filter?.allowedCount ?? vectors.count
            let wanted = min(limit, allowed)
            guard wanted > 0 else { return [] }
            if allowed > fewItems, wanted <= allowed / 2,
                let found = try matches(users, user, wanted, filter)
            {
                return found
            }
            return try FlatIndex(vectors).search(users.user(user), limit: wanted, allowing: filter.map { [$0] } ?? [])[
                0
            ]
        }
    }

    /// The merged lists of a user's vectors; nil when one of them stayed short.
    ///
    /// The best `wanted` items by the largest of several products are each among the best `wanted` of the product that
    /// is largest for them, so lists of that length are enough.
    private func matches(_ users: QueryVectors, _ user: Int, _ wanted: Int, _ filter: ItemFilter?) throws -> [Match]? {
        try withUnsafeTemporaryAllocation(of: Int64.self, capacity: wanted) { items in
            try withUnsafeTemporaryAllocation(of: Float.self, capacity: wanted) { scores in
                var merged: [Match] = []
                merged.reserveCapacity(wanted * users.interests)
                for interest in 0..<users.interests {
                    let start = users.range(user).lowerBound + interest * users.dimension
                    let found = try users.values.withUnsafeBufferPointer { values -> Int? in
                        guard let vector = values.baseAddress.map({ $0 + start }) else { return nil }
                        func find(_ words: UnsafePointer<UInt64>?, _ allowed: Int) throws -> Int? {
                            try ask(
                                Query(vector: vector, filter: words, allowed: allowed, items: items, scores: scores)
                            )
                        }
                        guard let filter else { return try find(nil, vectors.count) }
                        return try filter.words.withUnsafeBufferPointer {
                            try find($0.baseAddress, filter.allowedCount)
                        }
                    }
                    guard let found, found == wanted else { return nil }
                    for place in 0..<wanted {
                        merged.append(Match(item: ItemIndex(rawValue: Int(items[place])), score: scores[place]))
                    }
                }
                return users.interests == 1 ? merged : best(wanted, of: merged)
            }
        }
    }

    private func best(_ wanted: Int, of matches: [Match]) -> [Match] {
        var seen = Set<ItemIndex>(minimumCapacity: matches.count)
        // The first of an item is its largest.
        return Array(matches.sorted(by: Match.isBetter).filter { seen.insert($0.item).inserted }.prefix(wanted))
    }
}
