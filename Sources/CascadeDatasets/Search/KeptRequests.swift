// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import CascadeTensorFiles

/// The requests of a builder that are left after filtering, in the order in which a data set directory has them.
struct KeptRequests {
    /// Requests by their number in the builder: first of all in its order, after `arrange` by user, then (time, row).
    private(set) var order: [Int] = []
    private(set) var count = 0
    private var keepsItem: [Bool] = []
    private var ends: [Int64] = []

    init() {}

    /// Keeps the requests of users that are left, with at least one item that is left.
    init(_ requests: RequestColumns, _ core: KCore) {
        keepsItem = core.items
        order = (0..<requests.count).filter { request in
            core.users[Int(requests.users[request])]
                && requests.items[requests.shown(request)].contains { core.items[Int($0)] }
        }
        count = order.count
    }

    /// The kept items of a request, as positions among all shown items.
    func shown(_ request: Int, _ requests: RequestColumns) -> [Int] {
        requests.shown(request).filter { keepsItem[Int(requests.items[$0])] }
    }

    /// Orders the requests, and finds for each where the events end that came before it.
    mutating func arrange(
        _ requests: RequestColumns,
        users: Numbering,
        among events: EventColumns,
        order eventOrder: [UInt32],
        offsets: [Int64]
    ) {
        order.sort {
            (users[requests.users[$0]], requests.timestamp($0), $0)
                < (users[requests.users[$1]], requests.timestamp($1), $1)
        }
        ends = order.map { request in
            let user = Int(users[requests.users[request]])
            let time = requests.timestamp(request)
            var (low, high) = (Int(offsets[user]), Int(offsets[user + 1]))
            while low < high {
                let middle = low + (high - low) / 2
                let event = eventOrder[middle]
                if (events.timestamp(Int(event)), event) < (time, requests.eventCounts[request]) {
                    low = middle + 1
                } else {
                    high = middle
                }
            }
            return Int64(low)
        }
    }

    /// Adds the columns of ``RequestTable``; none without requests.
    func add(
        to writer: inout SafetensorsWriter,
        _ requests: RequestColumns,
        _ features: [String],
        users: Numbering,
        items: Numbering,
        queries: Numbering
    ) {
        guard count > 0 else { return }
        var offsets: [Int64] = [0]
        var places: [Int] = []
        for request in order {
            places += shown(request, requests)
            offsets.append(Int64(places.count))
        }
        writer.add(RequestTable.Name.users, shape: [count], order.map { users[requests.users[$0]] })
        writer.add(RequestTable.Name.times, shape: [count], order.map { requests.times[$0] })
        writer.add(
            RequestTable.Name.queries,
            shape: [count],
            order.map { requests.queries[$0] < 0 ? -1 : queries[requests.queries[$0]] }
        )
        writer.add(RequestTable.Name.ends, shape: [count], ends)
        writer.add(RequestTable.Name.offsets, shape: [count + 1], offsets)
        writer.add(RequestTable.Name.items, shape: [places.count], places.map { items[requests.items[$0]] })
        writer.add(RequestTable.Name.outcomes, shape: [places.count], places.map { requests.outcomes[$0] })
        for (feature, name) in features.enumerated() {
            let column = requests.values[feature]
            writer.add(RequestTable.Name.shown(name), shape: [places.count], places.map { column[$0] })
        }
    }

    /// Frees what is in the files now.
    mutating func release() { (order, keepsItem, ends) = ([], [], []) }
}
