// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeSimulation

/// A service in memory: items in turn for each person, those that came last for every third one, nothing twice.
actor FakeLiveService: LiveService {
    struct Request: Equatable {
        var user: UserID
        var query: String?
        var time: Int64
        var page: LivePage
    }

    private(set) var requests: [Request] = []
    private(set) var events: [LiveEvent] = []
    private(set) var items: [LiveItem] = []
    private var calls: [UserID: Int] = [:]
    private var clicked: [UserID: Set<ItemID>] = [:]
    private let isSlow: Bool
    /// Adds an item to every page.
    var stranger: ItemID?
    /// Says that it knows all events.
    var knowsAll = false

    /// - Parameter isSlow: Whether some people are answered late, so that the order of requests is another one.
    init(isSlow: Bool = false, stranger: ItemID? = nil, knowsAll: Bool = false) {
        (self.isSlow, self.stranger, self.knowsAll) = (isSlow, stranger, knowsAll)
    }

    func add(_ items: [LiveItem], at time: Int64) { self.items += items }

    func page(for user: UserID, query: String?, count: Int, at time: Int64) async throws -> LivePage {
        let number = Int(user.rawValue.filter(\.isNumber)) ?? 0
        if isSlow, number % 2 == 0 { try await Task.sleep(for: .milliseconds(1)) }
        let call = calls[user, default: 0]
        calls[user] = call + 1
        let seen = clicked[user] ?? []
        let turn =
            number % 3 == 0 ? items.reversed() : Array(items[(number * 7 + call * 3) % items.count..<items.count])
        var page = turn.map(\.id).filter { !seen.contains($0) }.prefix(count).map(\.self)
        if let stranger { page.append(stranger) }
        let arm = number % 2 == 0 ? "even" : "odd"
        let answer = LivePage(request: "\(user)-\(call)", items: page, arms: ["halves": arm])
        requests.append(Request(user: user, query: query, time: time, page: answer))
        return answer
    }

    func record(_ events: [LiveEvent], at time: Int64) -> Int {
        self.events += events
        for event in events { clicked[event.event.user, default: []].insert(event.event.item) }
        return knowsAll ? events.count : 0
    }

    func abTests() -> [LiveReportedTest]? { nil }
}
