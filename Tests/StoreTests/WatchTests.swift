// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import Foundation
import GRDB
import TestSupport
import Testing

@testable import CascadeStore

@Suite("Store: what others write, and what becomes of the file")
struct WatchTests {
    let fixture: StoreFixture
    let store: SQLiteStore

    init() throws {
        fixture = try StoreFixture()
        store = try fixture.open()
    }

    @Test("others' commits are noticed, our own are not")
    func foreign() async throws {
        #expect(store.foreignChanges() == 0)
        _ = try await store.append([event("a")])
        try await store.upsert([ItemRecord(id: "i")])
        _ = try await store.erase("ann")
        try await store.finishErasures()
        #expect(store.foreignChanges() == 0)
        let other = try fixture.open()
        #expect(store.foreignChanges() == 0, "opening a store writes nothing")
        _ = try await other.append([event("b")])
        #expect(store.foreignChanges() == 1)
        #expect(store.foreignChanges() == 1)
        // A commit of our own after another's does not hide it.
        _ = try await other.append([event("c")])
        _ = try await store.append([event("d")])
        #expect(try #require(store.foreignChanges()) > 1)
        // Programs that know nothing of this are noticed too.
        let before = try #require(store.foreignChanges())
        let stranger = try DatabaseQueue(path: fixture.url.path)
        try await stranger.write { try $0.execute(sql: "DELETE FROM events") }
        #expect(try #require(store.foreignChanges()) > before)
        #expect(try await store.history(of: "ann", limit: 5).isEmpty)
    }

    @Test("under our own writes no answer is ever taken for another's change, and each foreign one is noticed")
    func busy() async throws {
        let other = try fixture.open()
        let writing = Task { [store] in
            var number = 0
            while !Task.isCancelled {
                _ = try await store.append([event("own-\(number)")])
                number += 1
            }
        }
        for _ in 0..<2_000 { #expect(store.foreignChanges() ?? 0 == 0) }
        for round in 1...20 {
            let before = try await told()
            _ = try await other.append([event("other-\(round)")])
            #expect(try await told() > before)
        }
        writing.cancel()
        _ = await writing.result
    }

    /// Asks until it can be told.
    private func told() async throws -> Int {
        while true {
            if let changes = store.foreignChanges() { return changes }
            await Task.yield()
        }
    }

    @Test("changes of items and erasures are counted, whoever makes them")
    func counted() async throws {
        let before = try await store.changeCounts()
        try await store.upsert([ItemRecord(id: "a"), ItemRecord(id: "b")])
        _ = try await store.append([event("e")])
        var now = try await store.changeCounts()
        #expect(now.items == before.items + 2 && now.erasures == before.erasures)
        _ = try await store.erase("ann")
        _ = try await store.erase("ann")
        now = try await store.changeCounts()
        #expect(now.items == before.items + 2 && now.erasures == before.erasures + 2)
    }

    @Test("popularity of all times is kept with the events, through erasure and retention")
    func popularity() async throws {
        _ = try await store.append(
            (0..<9).map { event("\($0)", user: $0 < 3 ? "bob" : "ann", item: ItemID("i\($0 % 3)"), time: Int64($0)) }
        )
        _ = try await store.append([event("0"), event("x", user: "bob", item: "alone")])
        _ = try await store.erase("bob")
        #expect(try await store.popular(since: .min, limit: 9).map(\.events) == [2, 2, 2])
        _ = try await store.removeEvents(before: 5)
        let (all, counted) = try await (store.popular(since: .min, limit: 9), store.popular(since: 0, limit: 9))
        #expect(all.map(\.item) == counted.map(\.item) && all.map(\.events) == counted.map(\.events))
        #expect(all.map(\.events) == [2, 1, 1])
    }

    @Test("a file that is moved away or replaced takes nothing in, and says so", arguments: [false, true])
    func gone(isReplaced: Bool) async throws {
        _ = try await store.append([event("a")])
        #expect(await store.obstacles().isEmpty)
        let away = fixture.folder.file("away.sqlite")
        try FileManager.default.moveItem(at: fixture.url, to: away)
        if isReplaced { try FileManager.default.copyItem(at: away, to: fixture.url) }
        let error = try await storeError { try await store.append([event("b")]) }
        #expect(error.reason == .missing && error.description.contains(fixture.url.path))
        let obstacle = try #require(await store.obstacles().first)
        #expect(obstacle.contains("moved, removed or replaced") && !obstacle.contains("/"))
        // Put back, it goes on.
        if isReplaced { try FileManager.default.removeItem(at: fixture.url) }
        try FileManager.default.moveItem(at: away, to: fixture.url)
        #expect(try await store.append([event("b")]) == [.stored])
        #expect(await store.obstacles().isEmpty)
    }

    @Test("without its log a store takes nothing in")
    func logGone() async throws {
        try FileManager.default.removeItem(at: fixture.folder.file("store.sqlite-wal"))
        #expect(try await storeError { try await store.append([event("a")]) }.reason == .missing)
    }

    @Test("after a write that failed for want of room the store is not ready until one succeeds")
    func full() async throws {
        func limit(_ pages: Int) async throws {
            try await store.pool.writeWithoutTransaction { database in
                _ = try Row.fetchAll(database, sql: "PRAGMA max_page_count = \(pages)")
            }
        }
        try await limit(1)
        let big = (0..<2000).map { event("big\($0)", query: String(repeating: "q", count: 500)) }
        #expect(try await storeError { try await store.append(big) }.reason == .full)
        #expect(store.condition.failure == .full)
        // What is asked for then is small, and fits.
        #expect(await store.obstacles().isEmpty)
        #expect(store.condition.failure == nil)
        try await store.pool.writeWithoutTransaction { try $0.execute(sql: "PRAGMA query_only = 1") }
        #expect(try await storeError { try await store.append([event("a")]) }.reason == .readOnly)
        #expect(await store.obstacles().first?.contains("cannot be written") == true)
        try await store.pool.writeWithoutTransaction { try $0.execute(sql: "PRAGMA query_only = 0") }
        #expect(await store.obstacles().isEmpty)
    }

    @Test("a damaged store is not ready once the damage is met")
    func damaged() async throws {
        _ = try await store.append((0..<3000).map { event("\($0)", user: UserID("user\($0 % 70)")) })
        try await store.close()
        var bytes = try Data(contentsOf: fixture.url)
        bytes.replaceSubrange(40_960..<49_152, with: repeatElement(0xA5, count: 8192))
        try bytes.write(to: fixture.url)
        let opened = try fixture.open()
        #expect(await opened.obstacles().isEmpty)
        #expect(try await storeError { try await opened.examine() }.reason == .corrupt)
        #expect(await opened.obstacles().first?.contains("damaged") == true)
    }
}
