// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// Which users and items are left when those with too few events are dropped until none has too few.
///
/// The result is the largest such set, whatever the order of dropping.
struct KCore {
    private(set) var users: [Bool]
    private(set) var items: [Bool]

    init(_ events: EventColumns, userCount: Int, itemCount: Int, minUserEvents: Int, minItemEvents: Int) {
        users = [Bool](repeating: true, count: userCount)
        items = [Bool](repeating: true, count: itemCount)
        var dropped = true
        while dropped {
            var userEvents = [Int](repeating: 0, count: userCount)
            var itemEvents = [Int](repeating: 0, count: itemCount)
            for row in 0..<events.count where keeps(events, row) {
                userEvents[Int(events.users[row])] += 1
                itemEvents[Int(events.items[row])] += 1
            }
            let fewUsers = Self.drop(&users, below: max(minUserEvents, 1), userEvents)
            let fewItems = Self.drop(&items, below: max(minItemEvents, 1), itemEvents)
            dropped = fewUsers || fewItems
        }
    }

    func keeps(_ events: EventColumns, _ row: Int) -> Bool {
        users[Int(events.users[row])] && items[Int(events.items[row])]
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
