// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// Events as columns of numbers, in the order in which they were added.
struct EventColumns {
    private(set) var users: [Int32] = []
    private(set) var items: [Int32] = []
    private(set) var times: [Int64] = []
    private(set) var actions: [UInt8] = []
    // These two end at the last event that has one, so that sources without them pay nothing.
    private var queries: [Int32] = []
    private var values: [Float] = []

    var count: Int { users.count }

    mutating func append(user: Int32, item: Int32, action: Action, time: Int64, query: Int32?, value: Float?) {
        if let query {
            queries.append(contentsOf: repeatElement(-1, count: count - queries.count))
            queries.append(query)
        }
        if let value, !value.isNaN {
            values.append(contentsOf: repeatElement(.nan, count: count - values.count))
            values.append(value)
        }
        users.append(user)
        items.append(item)
        times.append(time)
        actions.append(action.rawValue)
    }

    /// The number of the query of an event, -1 where there is none.
    func query(_ row: Int) -> Int32 { row < queries.count ? queries[row] : -1 }

    /// The value of an event, NaN where there is none.
    func value(_ row: Int) -> Float { row < values.count ? values[row] : .nan }
}
