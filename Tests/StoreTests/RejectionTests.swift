// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeTensorFiles
import Foundation
import TestSupport
import Testing

@testable import CascadeStore

@Suite("Rejections in a store")
struct RejectionTests {
    let fixture: StoreFixture
    let store: SQLiteStore

    init() throws {
        fixture = try StoreFixture()
        store = try fixture.open()
    }

    @Test("a history has all of them, however old, beside the latest of the others")
    func history() async throws {
        _ = try await store.append([
            event("1", item: "a", .dislike, time: 1), event("2", item: "b", time: 2), event("3", item: "c", time: 3),
            event("4", item: "d", .hide, time: 4), event("5", item: "e", .view, time: 5),
        ])
        #expect(try await store.history(of: "ann", limit: 2).map(\.item) == ["a", "c", "d", "e"])
        #expect(try await store.history(of: "ann", limit: 0).map(\.item) == ["a", "d"])
    }

    @Test("they make no item popular, then or after an erasure")
    func popularity() async throws {
        _ = try await store.append([
            event("1", item: "a", .dislike), event("2", user: "bob", item: "a"), event("3", item: "b", .hide),
            event("4", item: "c"), event("5", user: "bob", item: "c"),
        ])
        func counts(_ since: Int64) async throws -> [String] {
            try await store.popular(since: since, limit: 9).map { "\($0.item) \($0.events)" }
        }
        var (ever, lately) = (try await counts(.min), try await counts(0))
        #expect(ever == ["c 2", "a 1"] && lately == ever)
        _ = try await store.erase("ann")
        try await store.finishErasures()
        (ever, lately) = (try await counts(.min), try await counts(0))
        #expect(ever == ["a 1", "c 1"] && lately == ever)
    }

    @Test("they go to a data set beside the events, and from there into another store, once")
    func dataset() async throws {
        _ = try await store.append([
            event("1", item: "a", time: 1), event("2", item: "b", .dislike, time: 2), event("3", item: "b", time: 3),
            // Nobody has an event with it, so it is not in the data set.
            event("4", item: "x", .hide, time: 4),
        ])
        let data = try await store.exportDataset(to: fixture.folder.file("data")).dataset
        #expect(data.eventCount == 2 && data.rejections?.count == 1 && data.find(ItemID("x")) == nil)
        let table = try #require(data.rejections)
        #expect(table.of(UserIndex(0)) == 0..<1 && Action(rawValue: table.actions[0]) == .dislike)
        let other = try StoreFixture()
        let target = try other.open()
        #expect(try await target.importing(data).newEvents == 3)
        #expect(try await target.importing(data).newEvents == 0)
        #expect(try await target.history(of: "ann", limit: 9).map(\.action) == [.click, .dislike, .click])
    }
}
