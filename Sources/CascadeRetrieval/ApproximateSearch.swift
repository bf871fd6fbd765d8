// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets

/// What a search by a library has in common: several interests, and lists that are full whatever the filter.
struct ApproximateSearch {
    /// Asks the library for up to `items.count` items of one vector, best first, and returns how many there are.
    ///
    /// Nil when the library gave up; `allowed` says how many items the filter allows.
    typealias Ask = (
        _ query: UnsafePointer<Float>,
        _ filter: UnsafePointer<UInt64>?,
        _ allowed: Int,
        _ items: UnsafeMutableBufferPointer<Int64>,
        _ scores: UnsafeMutableBufferPointer<Float>
    ) throws -> Int?

    let vectors: ItemVectors
    /// A search that is allowed no more items than this compares them all, which is then faster.
    let fewItems: Int
    let ask: Ask

    func search(_ users: UserVectors, limit: Int, allowing filters: [ItemFilter]) throws -> [[Match]] {
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
            return try ExactIndex(vectors).search(users.user(user), limit: wanted, allowing: filter.map { [$0] } ?? [])[
                0
            ]
        }
    }

    /// The merged lists of a user's vectors; nil when one of them stayed short.
    ///
    /// The best `wanted` items by the largest of several products are each among the best `wanted` of the product that
    /// is largest for them, so lists of that length are enough.
    private func matches(_ users: UserVectors, _ user: Int, _ wanted: Int, _ filter: ItemFilter?) throws -> [Match]? {
        try withUnsafeTemporaryAllocation(of: Int64.self, capacity: wanted) { items in
            try withUnsafeTemporaryAllocation(of: Float.self, capacity: wanted) { scores in
                var merged: [Match] = []
                merged.reserveCapacity(wanted * users.interests)
                for interest in 0..<users.interests {
                    let start = users.range(user).lowerBound + interest * users.dimension
                    let found = try users.values.withUnsafeBufferPointer { values -> Int? in
                        guard let query = values.baseAddress.map({ $0 + start }) else { return nil }
                        guard let filter else { return try ask(query, nil, vectors.count, items, scores) }
                        return try filter.words.withUnsafeBufferPointer {
                            try ask(query, $0.baseAddress, filter.allowedCount, items, scores)
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
