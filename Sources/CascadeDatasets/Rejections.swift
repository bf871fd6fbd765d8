// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeTensorFiles

/// What users of a data set said against items: J rejections, ordered by user, then by time.
///
/// They are no part of histories, so that no model takes one for a choice.
public struct RejectionTable: Sendable {
    /// `[userCount + 1]`: the first rejection of each user, and the end of the last.
    public let offsets: Column<Int64>
    /// `[J]`: the dense index of the item.
    public let items: Column<Int32>
    /// `[J]`: seconds since 1970-01-01 UTC; 0 in a source without times.
    public let times: Column<Int64>
    /// `[J]`: the raw value of the ``Action``.
    public let actions: Column<UInt8>

    /// J, the number of rejections.
    public var count: Int { items.count }

    /// The rejections of a user, in the order of time.
    public func of(_ user: UserIndex) -> Range<Int> { Int(offsets[user.rawValue])..<Int(offsets[user.rawValue + 1]) }

    enum Name {
        static let offsets = "rejections.offsets"
        static let items = "rejections.items"
        static let times = "rejections.times"
        static let actions = "rejections.actions"
    }

    init(_ files: DatasetFiles, count: Int) throws {
        offsets = try files.columns.column(Name.offsets, as: Int64.self)
        items = try files.columns.column(Name.items, as: Int32.self)
        times = try files.columns.column(Name.times, as: Int64.self)
        actions = try files.columns.column(Name.actions, as: UInt8.self)
        let found = [items.count, times.count, actions.count]
        guard found.allSatisfy({ $0 == count }) else {
            throw files.corrupt("the manifest counts \(count) rejections, the columns have \(found)")
        }
    }

    /// Checks that every index lies in its range.
    func check(_ files: DatasetFiles, userCount: Int, itemCount: Int) throws {
        try files.check(offsets, Name.offsets, count: userCount, end: count)
        try files.check(items, Name.items, within: 0..<Int32(itemCount))
        try files.check(actions, Name.actions, within: UInt8(Action.historyCount)..<UInt8(Action.allCases.count))
    }
}

/// Rejections in the order in which they were added.
struct RejectionColumns {
    private(set) var users: [Int32] = []
    private(set) var items: [Int32] = []
    private(set) var times: [Timestamp] = []
    private(set) var actions: [UInt8] = []

    var count: Int { users.count }

    mutating func append(user: Int32, item: Int32, action: Action, time: Timestamp) {
        users.append(user)
        items.append(item)
        times.append(time)
        actions.append(action.rawValue)
    }

    /// The rejections by users who are left of items that are left, by user, then (time, row).
    func kept(_ core: KCore, users numbers: Numbering, items known: Numbering) -> [Int] {
        users.indices.filter { row in
            core.users[Int(users[row])] && core.items[Int(items[row])] && numbers[users[row]] >= 0
                && known[items[row]] >= 0
        }.sorted { (numbers[users[$0]], times[$0], $0) < (numbers[users[$1]], times[$1], $1) }
    }

    /// Adds the columns of ``RejectionTable``; none without rejections.
    func add(
        _ kept: [Int],
        to writer: inout SafetensorsWriter,
        users numbers: Numbering,
        items known: Numbering
    ) {
        guard !kept.isEmpty else { return }
        var offsets = [Int64](repeating: 0, count: numbers.kept.count + 1)
        for row in kept { offsets[Int(numbers[users[row]]) + 1] += 1 }
        for user in numbers.kept.indices { offsets[user + 1] += offsets[user] }
        writer.add(RejectionTable.Name.offsets, shape: [offsets.count], offsets)
        writer.add(RejectionTable.Name.items, shape: [kept.count], kept.map { known[items[$0]] })
        writer.add(RejectionTable.Name.times, shape: [kept.count], kept.map { times[$0].seconds })
        writer.add(RejectionTable.Name.actions, shape: [kept.count], kept.map { actions[$0] })
    }
}
