// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import TestSupport
import Testing

@testable import CascadeStore

@Suite("Store: outcomes of an A/B test's arms")
struct OutcomeTests {
    let store: SQLiteStore
    let fixture: StoreFixture
    static let day: Int64 = 86_400

    init() throws {
        fixture = try StoreFixture()
        store = try fixture.open()
    }

    /// Shows items in one arm of `x`.
    func show(_ request: String, _ user: UserID?, _ items: [ItemID], time: Int64, arm: String = "a") async throws {
        try await store.log(
            items.enumerated().map { place, item in
                Exposure(request: request, user: user, item: item, position: place, time: time, arms: ["x": arm])
            }
        )
    }

    @Test("an event belongs to the request that it names, and to no other")
    func named() async throws {
        try await show("r1", "ann", ["i", "j"], time: 10)
        try await show("r2", "ann", ["i"], time: 20)
        try await show("r3", nil, ["i"], time: 20, arm: "b")
        try await show("r4", nil, ["i"], time: 20, arm: "b")
        _ = try await store.append([
            event("1", user: "ann", item: "i", time: 30, value: 2, request: "r1"),
            event("2", user: "ann", item: "j", .purchase, time: 10 + 9 * Self.day, value: 3, request: "r1"),
            event("3", user: "visitor", item: "i", time: 25, request: "r3"),
            event("4", user: "ann", item: "i", time: 30, request: "unknown"),
        ])
        #expect(
            try await store.outcomes(of: "x") == [
                UnitOutcome(arm: "a", requests: 2, clickedRequests: 1, converted: true, value: 5),
                UnitOutcome(arm: "b", requests: 1, clickedRequests: 1),
                UnitOutcome(arm: "b", requests: 1),
            ]
        )
        #expect(try await store.outcomes(of: "y").isEmpty)
    }

    @Test("one that names none belongs to the latest request that showed its item to its user within a day")
    func unnamed() async throws {
        try await show("r1", "ann", ["i"], time: 100)
        try await show("r2", "ann", ["i"], time: 200, arm: "b")
        try await show("r3", "ann", ["j"], time: 300)
        try await show("r4", "bob", ["i"], time: 400)
        _ = try await store.append([
            event("1", user: "ann", item: "i", time: 250),  // r2
            event("2", user: "ann", item: "i", time: 150),  // r1
            event("3", user: "ann", item: "j", .rating, time: 300 + Self.day, value: 4),  // r3, just in time
            event("4", user: "ann", item: "j", time: 301 + Self.day),
            event("5", user: "ann", item: "i", time: 99), event("6", user: "ann", item: "k", time: 310),
            event("7", user: "bob", item: "i", .view, time: 410), event("8", user: "carl", item: "i", time: 410),
            event("9", user: "ann", item: "i", time: .max), event("10", user: "ann", item: "i", time: .min),
        ])
        #expect(
            try await store.outcomes(of: "x") == [
                UnitOutcome(arm: "a", requests: 2, clickedRequests: 1, converted: true, value: 4),
                UnitOutcome(arm: "a", requests: 1),
                UnitOutcome(arm: "b", requests: 1, clickedRequests: 1),
            ]
        )
    }

    @Test("a request outside the A/B test takes its events with it")
    func others() async throws {
        try await show("r1", "ann", ["i"], time: 100)
        try await store.log([Exposure(request: "r2", user: "ann", item: "i", position: 0, time: 200)])
        _ = try await store.append([event("1", user: "ann", item: "i", time: 250)])
        #expect(try await store.outcomes(of: "x") == [UnitOutcome(arm: "a", requests: 1)])
    }
}
