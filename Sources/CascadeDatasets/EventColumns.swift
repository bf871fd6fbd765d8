// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// Events as columns of numbers, in the order in which they were added.
struct EventColumns {
    private(set) var users: [Int32] = []
    private(set) var items: [Int32] = []
    private(set) var times: [Int64] = []
    private(set) var actions: [UInt8] = []
    // These end at the last event that has one, so that sources without them pay nothing.
    private var nanoseconds: [UInt32] = []
    private var queries: [Int32] = []
    private var values: [Float] = []

    var count: Int { users.count }

    mutating func append(user: Int32, item: Int32, action: Action, time: Timestamp, query: Int32?, value: Float?) {
        if time.nanoseconds > 0 {
            nanoseconds.append(contentsOf: repeatElement(0, count: count - nanoseconds.count))
            nanoseconds.append(time.nanoseconds)
        }
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
        times.append(time.seconds)
        actions.append(action.rawValue)
    }

    /// The time of an event, to the nanosecond.
    func timestamp(_ row: Int) -> Timestamp {
        Timestamp(seconds: times[row], nanoseconds: row < nanoseconds.count ? nanoseconds[row] : 0)
    }

    /// Whether one event comes before another: by time to the nanosecond, then as they were added.
    func precedes(_ first: UInt32, _ second: UInt32) -> Bool {
        let (left, right) = (timestamp(Int(first)), timestamp(Int(second)))
        return left == right ? first < second : left < right
    }

    /// The number of the query of an event, -1 where there is none.
    func query(_ row: Int) -> Int32 { row < queries.count ? queries[row] : -1 }

    /// The value of an event, NaN where there is none.
    func value(_ row: Int) -> Float { row < values.count ? values[row] : .nan }
}
