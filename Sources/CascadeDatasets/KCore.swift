// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// Which users and items are left when those with too few events are dropped until none has too few.
///
/// The result is the largest such set, whatever the order of dropping.
struct KCore {
    private(set) var users: [Bool]
    private(set) var items: [Bool]

    /// - Parameters:
    ///   - events: All events.
    ///   - requests: All requests; each counts as an event of its user and of every item that it showed.
    ///   - userCount: The number of users that they name.
    ///   - itemCount: The number of items that they name.
    ///   - minUserEvents: The fewest events that a kept user has.
    ///   - minItemEvents: The fewest events that a kept item has.
    ///   - latestUsers: How many users to start from; nil for all.
    init(
        _ events: EventColumns,
        _ requests: RequestColumns = RequestColumns(),
        userCount: Int,
        itemCount: Int,
        minUserEvents: Int,
        minItemEvents: Int,
        latestUsers: Int? = nil
    ) {
        users =
            latestUsers.map { Self.latest($0, events, userCount: userCount, minUserEvents: minUserEvents) }
            ?? [Bool](repeating: true, count: userCount)
        items = [Bool](repeating: true, count: itemCount)
        var dropped = true
        while dropped {
            var userEvents = [Int](repeating: 0, count: userCount)
            var itemEvents = [Int](repeating: 0, count: itemCount)
            for row in 0..<events.count where keeps(events, row) {
                userEvents[Int(events.users[row])] += 1
                itemEvents[Int(events.items[row])] += 1
            }
            for request in 0..<requests.count where users[Int(requests.users[request])] {
                userEvents[Int(requests.users[request])] += 1
                for item in requests.items[requests.shown(request)] where items[Int(item)] {
                    itemEvents[Int(item)] += 1
                }
            }
            let fewUsers = Self.drop(&users, below: max(minUserEvents, 1), userEvents)
            let fewItems = Self.drop(&items, below: max(minItemEvents, 1), itemEvents)
            dropped = fewUsers || fewItems
        }
    }

    func keeps(_ events: EventColumns, _ row: Int) -> Bool {
        users[Int(events.users[row])] && items[Int(events.items[row])]
    }

    /// Of the users with enough events, those whose last event is latest, by (time, row).
    private static func latest(_ wanted: Int, _ events: EventColumns, userCount: Int, minUserEvents: Int) -> [Bool] {
        var counts = [Int](repeating: 0, count: userCount)
        var last = [(time: Timestamp, row: Int)](repeating: (Timestamp(seconds: .min), -1), count: userCount)
        for row in 0..<events.count {
            let user = Int(events.users[row])
            counts[user] += 1
            let time = events.timestamp(row)
            if time >= last[user].time { last[user] = (time, row) }
        }
        let order = (0..<userCount).filter { counts[$0] >= max(minUserEvents, 1) }.sorted { last[$0] > last[$1] }
        var kept = [Bool](repeating: false, count: userCount)
        for user in order.prefix(wanted) { kept[user] = true }
        return kept
    }

    private static func drop(_ kept: inout [Bool], below minimum: Int, _ counts: [Int]) -> Bool {
        var dropped = false
        for index in kept.indices where kept[index] && counts[index] < minimum {
            kept[index] = false
            dropped = true
        }
        return dropped
    }
}
