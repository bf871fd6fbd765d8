// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeTensorFiles

/// The search requests of a data set: R lists of items that were shown, S items in all, and what was chosen of them.
///
/// Requests are ordered by user, then by (time, original row).
public struct RequestTable: Sendable {
    /// `[R]`: who asked.
    public let users: Column<Int32>
    /// `[R]`: when, in seconds since 1970-01-01 UTC.
    public let times: Column<Int64>
    /// `[R]`: the number of the query's text, -1 without a query.
    public let queries: Column<Int32>
    /// `[R]`: the row of the first event of the user that is not before the request.
    public let ends: Column<Int64>
    /// `[R + 1]`: where each request's shown items begin.
    public let offsets: Column<Int64>
    /// `[S]`: the shown items.
    public let items: Column<Int32>
    private let outcomes: Column<UInt8>  // [S], sets of `Outcome`
    /// The names of the numbers that come with every shown item.
    public let featureNames: [String]
    /// `[F]` of `[S]`: those numbers, by feature.
    public let features: [Column<Float>]

    /// R, the number of requests.
    public var count: Int { users.count }

    /// The shown items of a request, as positions in ``items``.
    public func shown(_ request: Int) -> Range<Int> { Int(offsets[request])..<Int(offsets[request + 1]) }

    /// The requests of a user, in the order of time.
    ///
    /// - Complexity: O(log R).
    public func requests(of user: UserIndex) -> Range<Int> {
        func first(from number: Int) -> Int {
            var (low, high) = (0, count)
            while low < high {
                let middle = (low + high) / 2
                if Int(users[middle]) < number { low = middle + 1 } else { high = middle }
            }
            return low
        }
        return first(from: user.rawValue)..<first(from: user.rawValue + 1)
    }

    /// Whether a shown item was chosen.
    public func isClicked(_ place: Int) -> Bool { Outcome(rawValue: outcomes[place]).contains(.clicked) }

    /// Whether a shown item was bought.
    public func isPurchased(_ place: Int) -> Bool { Outcome(rawValue: outcomes[place]).contains(.purchased) }

    /// The names of the columns in `columns.safetensors`.
    enum Name {
        static let users = "requests.users"
        static let times = "requests.times"
        static let queries = "requests.queries"
        static let ends = "requests.ends"
        static let offsets = "requests.offsets"
        static let items = "requests.items"
        static let outcomes = "requests.outcomes"
        static func shown(_ feature: String) -> String { "requests.shown.\(feature)" }
    }

    init(_ files: DatasetFiles, count: Int, _ featureNames: [String]) throws {
        users = try files.columns.column(Name.users, as: Int32.self)
        times = try files.columns.column(Name.times, as: Int64.self)
        queries = try files.columns.column(Name.queries, as: Int32.self)
        ends = try files.columns.column(Name.ends, as: Int64.self)
        offsets = try files.columns.column(Name.offsets, as: Int64.self)
        items = try files.columns.column(Name.items, as: Int32.self)
        outcomes = try files.columns.column(Name.outcomes, as: UInt8.self)
        self.featureNames = featureNames
        features = try featureNames.map { try files.columns.column(Name.shown($0), as: Float.self) }
        let found = [users.count, times.count, queries.count, ends.count]
        guard found.allSatisfy({ $0 == count }) else {
            throw files.corrupt("the manifest counts \(count) requests, the columns have \(found)")
        }
    }

    /// Checks that every index lies in its range.
    func check(_ files: DatasetFiles, userCount: Int, itemCount: Int, eventOffsets: Column<Int64>) throws {
        try files.check(offsets, Name.offsets, count: count, end: items.count)
        try files.check(users, Name.users, within: 0..<Int32(userCount))
        try files.check(items, Name.items, within: 0..<Int32(itemCount))
        try files.check(queries, Name.queries, within: -1..<Int32(files.queries.count))
        try files.check(outcomes, Name.outcomes, within: 0..<4)
        for (name, column) in zip(
            [Name.outcomes] + featureNames.map(Name.shown),
            [outcomes.count] + features.map(\.count)
        )
        where column != items.count {
            throw files.corrupt("'\(name)' has \(column) values for \(items.count) shown items")
        }
        for request in 0..<count {
            let user = Int(users[request])
            guard (eventOffsets[user]...eventOffsets[user + 1]).contains(ends[request]) else {
                throw files.corrupt(
                    "'\(Name.ends)' holds \(ends[request]) at position \(request), not an end of the user's events"
                )
            }
        }
    }
}
