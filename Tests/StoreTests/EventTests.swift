// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import Foundation
import GRDB
import TestSupport
import Testing

@testable import CascadeStore

@Suite("Store: events")
struct EventTests {
    let store: SQLiteStore
    let fixture: StoreFixture

    init() throws {
        fixture = try StoreFixture()
        store = try fixture.open()
    }

    @Test("an event is stored once, whatever else comes under its id")
    func idempotent() async throws {
        let first = event("a", .rating, time: 5, query: "red shoes", value: 4.5, request: "r1")
        #expect(try await store.append([first, event("b")]) == [.stored, .stored])
        #expect(
            try await store.append([event("a", time: 9), event("c"), event("c")]) == [.duplicate, .stored, .duplicate]
        )
        #expect(try await store.export("ann")?.events.first { $0.id == "a" } == first)
        #expect(try await store.append([]) == [])
        #expect(try await store.counts().events == 3)
    }

    @Test("a history is the latest events, oldest first, by time and then by arrival")
    func history() async throws {
        let times: [Int64] = [5, 1, 5, 3, .max, .min, 5]
        let events = times.enumerated().map { event("e\($0)", item: ItemID("i\($0)"), time: $1) }
        _ = try await store.append(events + [event("other", user: "bob", time: 4)])
        let all = try await store.history(of: "ann", limit: 100)
        #expect(all.map(\.item.rawValue) == ["i5", "i1", "i3", "i0", "i2", "i6", "i4"])
        #expect(all == [5, 1, 3, 0, 2, 6, 4].map { events[$0].event })
        #expect(try await store.history(of: "ann", limit: 3).map(\.item.rawValue) == ["i2", "i6", "i4"])
        #expect(try await store.history(of: "ann", limit: 0).isEmpty)
        #expect(try await store.history(of: "ann", limit: -1).isEmpty)
        #expect(try await store.history(of: "nobody", limit: 5).isEmpty)
    }

    @Test("popularity counts events at or after a time")
    func popular() async throws {
        let items = ["a", "b", "b", "c", "c", "d"]
        _ = try await store.append(
            items.enumerated().map { event("e\($0)", item: ItemID($1), time: Int64($0)) }
        )
        let all = try await store.popular(since: .min, limit: 3)
        #expect(all.map(\.item) == ["b", "c", "a"] && all.map(\.events) == [2, 2, 1])
        #expect(try await store.popular(since: 4, limit: 9).map(\.item) == ["c", "d"])
        #expect(try await store.popular(since: .max, limit: 9).isEmpty)
        #expect(try await store.popular(since: 0, limit: -1).isEmpty)
    }

    @Test("history and popularity are read from indexes")
    func indexes() async throws {
        for (query, index) in [
            ("SELECT item FROM events WHERE user = 'a' ORDER BY time DESC, row DESC LIMIT 5", "events_by_user"),
            ("SELECT item, count(*) FROM events WHERE time >= 5 GROUP BY item", "COVERING INDEX events_by_time"),
        ] {
            let plan = try await store.read { database in
                try Row.fetchAll(database, sql: "EXPLAIN QUERY PLAN " + query).map { $0["detail"] ?? "" }
            }.joined(separator: "; ")
            #expect(plan.contains("SEARCH") && plan.contains(index), "\(plan)")
            #expect(index != "events_by_user" || !plan.contains("TEMP B-TREE"), "\(plan)")
        }
    }

    @Test(
        "an event that cannot be kept as it is is refused with all of its call, and not quoted",
        arguments: [
            event(""), event(String(repeating: "é", count: 101)), event("x\0"), event("x", user: ""),
            event("x", item: ""),
            event("x", user: "ann\0secret"), event("x", item: "\0"), event("x", query: "a\0b"),
            event("x", value: .nan), event("x", value: .infinity), event("x", request: "\0"),
        ]
    )
    func invalid(_ bad: NewEvent) async throws {
        let error = try await storeError { try await store.append([event("good"), bad]) }
        #expect(error.reason == .invalid && error.description.contains("event 2 of 2"))
        #expect(!error.description.contains("secret"))
        #expect(try await store.counts().events == 0)
    }

    @Test("an id with a NUL is nobody's, not that of what stands before it")
    func nul() async throws {
        _ = try await store.append([event("a")])
        try await store.upsert([ItemRecord(id: "i")])
        #expect(try await store.history(of: "ann\0", limit: 5).isEmpty)
        #expect(try await store.export("ann\0x") == nil)
        #expect(try await store.erase("ann\0") == 0)
        #expect(try await store.users(beginningWith: "\0", limit: 5).isEmpty)
        #expect(try await store.items(["i\0"]).isEmpty)
        #expect(try await store.history(of: "ann", limit: 5).count == 1)
    }

    @Test("events and times survive as they are, the store's clock beside them")
    func roundTrip() async throws {
        let query = "naïve 手机 👍 '; DROP TABLE events; --"
        let all = Action.allCases.enumerated().map { number, action in
            event("\(number)", user: "Zoë", action, time: Int64(number), query: query, value: 0.1 + Double(number))
        }
        _ = try await store.append(all)
        try await store.close()
        let opened = try fixture.open()
        #expect(try await opened.export("Zoë")?.events == all)
        let received = try await opened.read { try Int64.fetchAll($0, sql: "SELECT DISTINCT received FROM events") }
        #expect(received == [1000])
    }

    @Test("every commit is synced in full, and what is removed is overwritten")
    func settings() async throws {
        let found = try await store.pool.writeWithoutTransaction { database in
            try ["journal_mode", "synchronous", "secure_delete", "foreign_keys"].map {
                try String.fetchOne(database, sql: "PRAGMA \($0)") ?? ""
            }
        }
        #expect(found == ["wal", "2", "1", "1"])
    }
}
