// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import Foundation
import TestSupport
import Testing

@testable import CascadeStore

@Suite("Store: logged requests for off-policy evaluation")
struct LoggedRequestTests {
    let store: SQLiteStore
    let fixture: StoreFixture
    static let day = UnitOutcome.attributionSeconds

    init() throws {
        fixture = try StoreFixture()
        store = try fixture.open()
    }

    /// Logs a page, each item with the propensity 0.5.
    private func show(
        _ request: String,
        _ user: UserID?,
        _ items: [ItemID],
        time: Int64,
        kind: RequestKind? = .recommendation,
        propensity: Double? = 0.5
    ) async throws {
        let facts = RequestFacts(
            kind: kind,
            query: kind == .search ? "red" : nil,
            context: ["device": "phone"],
            policy: "default"
        )
        try await store.log(
            items.enumerated().map { place, item in
                Exposure(
                    request: request,
                    user: user,
                    item: item,
                    position: place,
                    time: time,
                    arms: ["x": "a"],
                    facts: facts,
                    propensity: propensity
                )
            }
        )
    }

    /// The clicked items by request.
    private func clicked(_ limit: Int = 100) async throws -> [String: [ItemID]] {
        let requests = try await store.loggedRequests(limit: limit)
        return Dictionary(
            uniqueKeysWithValues: requests.map { ($0.id, $0.impressions.filter(\.isClicked).map(\.item)) }
        )
    }

    @Test("pages come oldest first, with what is known of them")
    func pages() async throws {
        try await show("r2", "bob", ["j"], time: 20, kind: .search)
        try await show("r1", "ann", ["i", "j"], time: 10)
        let found = try await store.loggedRequests(limit: 10)
        let facts = RequestFacts(kind: .recommendation, context: ["device": "phone"], policy: "default")
        #expect(
            found.first
                == LoggedRequest(
                    id: "r1",
                    user: "ann",
                    time: 10,
                    facts: facts,
                    impressions: [
                        .init(item: "i", position: 0, propensity: 0.5, isClicked: false),
                        .init(item: "j", position: 1, propensity: 0.5, isClicked: false),
                    ]
                )
        )
        #expect(found.map(\.id) == ["r1", "r2"] && found[1].facts.query == "red")
    }

    @Test("only recommendations and searches of users count, with propensities, in the time that was asked for")
    func chosen() async throws {
        for number in 1...4 { try await show("r\(number)", "ann", ["i"], time: Int64(10 * number)) }
        try await show("nobody", nil, ["i"], time: 15)
        try await show("alike", "ann", ["i"], time: 15, kind: .similar)
        try await show("former", "ann", ["i"], time: 15, kind: nil)
        try await show("unknown", "ann", ["i"], time: 15, propensity: nil)
        func ids(_ since: Int64?, _ until: Int64?, _ limit: Int) async throws -> [String] {
            try await store.loggedRequests(since: since, until: until, limit: limit).map(\.id)
        }
        #expect(try await ids(nil, nil, 10) == ["r1", "r2", "r3", "r4"])
        #expect(try await ids(20, 40, 10) == ["r2", "r3"])
        #expect(try await ids(nil, nil, 2) == ["r3", "r4"])
        #expect(try await ids(nil, nil, 0).isEmpty)
    }

    @Test("a click belongs to the request that it names, or to the latest that showed its item within a day")
    func attribution() async throws {
        try await show("r1", "ann", ["i", "j", "k"], time: 100)
        try await show("r2", "ann", ["i"], time: 200, kind: .similar)
        try await show("r3", "ann", ["i", "k"], time: 300, propensity: nil)
        try await show("r4", "bob", ["i"], time: 100)
        _ = try await store.append([
            event("1", item: "j", time: 100 + Self.day), event("2", item: "i", time: 250),
            event("3", item: "k", time: 301), event("4", user: "bob", item: "i", .purchase, time: 110),
            event("5", user: "bob", item: "i", time: 101 + Self.day), event("6", user: "bob", item: "i", time: 99),
        ])
        // j just in time; i was shown again by a page of another kind, k by one without propensities.
        #expect(try await clicked() == ["r1": ["j"], "r4": []])
        _ = try await store.append([
            event("7", item: "k", time: 9_000_000, request: "r1"),
            event("8", user: "eve", item: "i", time: 1, request: "r4"),
            event("9", item: "z", time: 120, request: "r1"),
        ])
        #expect(try await clicked() == ["r1": ["j", "k"], "r4": ["i"]])
    }

    @Test("clicks are those of the A/B report, on random histories", arguments: 0..<8)
    func agreement(seed: UInt64) async throws {
        var random = SplitMix64(seed: seed)
        let (users, items) = (["ann", "bob"] as [UserID], ["i", "j", "k"] as [ItemID])
        for number in 0..<20 {
            let page = Array(items.shuffled(using: &random).prefix(Int.random(in: 1...2, using: &random)))
            let user = users[Int.random(in: 0..<2, using: &random)]
            try await show("r\(number)", user, page, time: Int64.random(in: 0...(2 * Self.day), using: &random))
        }
        let events = (0..<30).map { number in
            event(
                "\(number)",
                user: users[Int.random(in: 0..<2, using: &random)],
                item: items[Int.random(in: 0..<3, using: &random)],
                Bool.random(using: &random) ? .click : .view,
                time: Int64.random(in: 0...(3 * Self.day), using: &random)
            )
        }
        _ = try await store.append(events)
        let requests = try await store.loggedRequests(limit: 100)
        for request in requests {
            for shown in request.impressions {
                // Word for word: a click whose latest request that showed the item, of a day at most, is this one.
                let expected = events.contains { new in
                    let click = new.event
                    guard click.action == .click, click.user == request.user, click.item == shown.item else {
                        return false
                    }
                    let before = requests.filter { other in
                        other.user == click.user && other.impressions.contains { $0.item == click.item }
                            && other.time <= click.time && click.time - other.time <= Self.day
                    }
                    return before.last?.id == request.id
                }
                #expect(shown.isClicked == expected, "\(request.id) \(shown.item)")
            }
        }
        let outcomes = try await store.outcomes(of: "x")
        let clickedRequests = requests.count { $0.impressions.contains(where: \.isClicked) }
        #expect(outcomes.reduce(0) { $0 + $1.clickedRequests } == clickedRequests)
    }

    @Test("erased people are not in it, from the moment of their erasure on; what they do later is")
    func erasure() async throws {
        try await show("r1", "ann", ["i"], time: 100)
        try await show("r2", "bob", ["i"], time: 100)
        _ = try await store.append([event("1", item: "i", time: 110), event("2", item: "i", time: 120, request: "r2")])
        #expect(try await clicked() == ["r1": ["i"], "r2": ["i"]])
        _ = try await store.erase("ann")
        // Her rows are still there.
        #expect(try await clicked() == ["r2": []])
        #expect(try await store.history(of: "ann", before: 1_000, limit: 9).isEmpty)
        try await show("r3", "ann", ["i"], time: 2_000)
        #expect(try await clicked() == ["r2": [], "r3": []])
        try await store.finishErasures()
        #expect(try await clicked() == ["r2": [], "r3": []])
    }

    @Test("a history ends before a time")
    func history() async throws {
        let times: [Int64] = [30, 10, 20, 20]
        _ = try await store.append(times.enumerated().map { event("\($0)", item: ItemID("i\($0)"), time: $1) })
        func items(_ time: Int64, _ limit: Int = 9) async throws -> [ItemID] {
            try await store.history(of: "ann", before: time, limit: limit).map(\.item)
        }
        #expect(try await items(30) == ["i1", "i2", "i3"])
        #expect(try await items(31) == ["i1", "i2", "i3", "i0"])
        #expect(try await items(20) == ["i1"])
        #expect(try await items(10).isEmpty)
        #expect(try await items(30, 2) == ["i2", "i3"])
        #expect(try await store.history(of: "bob", before: 100, limit: 9).isEmpty)
    }

    @Test("popular items are counted as they were at a time", arguments: 0..<6)
    func popular(seed: UInt64) async throws {
        var random = SplitMix64(seed: seed)
        let events = (0..<60).map { number in
            event(
                "\(number)",
                item: ItemID("i\(Int.random(in: 0..<6, using: &random))"),
                time: Int64.random(in: 0..<100, using: &random)
            )
        }
        _ = try await store.append(events)
        for (since, before) in [(.min, 0), (.min, 50), (.min, 1_000), (20, 70), (70, 20)] as [(Int64, Int64)] {
            let counted = events.map(\.event).filter { $0.time >= since && $0.time < before }
            let expected = Dictionary(grouping: counted, by: \.item).map { (item: $0.key, events: $0.value.count) }
                .sorted { ($1.events, $0.item) < ($0.events, $1.item) }
            for limit in [2, 100] {
                let found = try await store.popular(since: since, before: before, limit: limit)
                #expect(found.map(\.item) == expected.prefix(limit).map(\.item), "\(since) to \(before)")
                #expect(found.map(\.events) == expected.prefix(limit).map(\.events))
            }
        }
    }

    @Test("a store that is only read takes nothing in, follows the writer, and leaves an older one as it is")
    func readOnly() async throws {
        try await show("r1", "ann", ["i"], time: 100)
        let reader = try SQLiteStore(at: fixture.url, isReadOnly: true)
        #expect(try await reader.loggedRequests(limit: 10).map(\.id) == ["r1"])
        try await show("r2", "ann", ["i"], time: 200)
        #expect(try await reader.loggedRequests(limit: 10).map(\.id) == ["r1", "r2"])
        let refused = try await storeError { try await reader.append([event("1")]) }
        #expect(refused.reason == .readOnly)
        #expect(try await reader.counts().events == 0)
        try await reader.close()
        try await store.close()

        let former = Repository.fixtures.appendingPathComponent("before-0.2/serving/store.sqlite")
        let copy = fixture.folder.file("former.sqlite")
        try FileManager.default.copyItem(at: former, to: copy)
        let older = #expect(throws: StoreError.self) { try SQLiteStore(at: copy, isReadOnly: true) }
        #expect(older?.reason == .readOnly && older?.description.contains("older version") == true)
        #expect(try Data(contentsOf: copy) == Data(contentsOf: former))
        let missing = fixture.folder.file("none.sqlite")
        #expect(throws: StoreError.self) { try SQLiteStore(at: missing, isReadOnly: true) }
        #expect(!FileManager.default.fileExists(atPath: missing.path))
    }
}
