// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeSimulation
import CascadeTensorFiles
import Foundation
import GRDB
import TestSupport
import Testing

@testable import CascadeStore

@Suite("Store: backup, retention, import")
struct UpkeepTests {
    let fixture: StoreFixture
    let store: SQLiteStore

    init() throws {
        fixture = try StoreFixture()
        store = try fixture.open()
    }

    @Test("a backup made while others write is a whole store with what was there before it")
    func backup() async throws {
        _ = try await store.append((0..<2000).map { event("before-\($0)") })
        let copy = fixture.folder.file("copy.sqlite")
        let writing = Task {
            var number = 0
            while !Task.isCancelled {
                _ = try await store.append([event("during-\(number)")])
                number += 1
            }
        }
        while try await store.counts().events < 2010 { await Task.yield() }
        try await store.backup(to: copy)
        writing.cancel()
        _ = await writing.result
        let opened = try SQLiteStore(at: copy, creating: false)
        try await opened.verify()
        let ids = try #require(try await opened.export("ann")).events.map(\.id)
        #expect(ids.count >= 2010 && ids.count { $0.hasPrefix("before") } == 2000)
        #expect(try await opened.counts().events <= store.counts().events)
        #expect(try await opened.append([event("into-the-copy")]) == [.stored])
        #expect(try await storeError { try await store.backup(to: copy) }.reason == .alreadyExists)
        #expect(try await storeError { try await store.backup(to: fixture.folder.file("no/x")) }.reason == .failed)
        let left = try FileManager.default.contentsOfDirectory(atPath: fixture.folder.url.path)
        #expect(!left.contains { $0.hasSuffix(".tmp") })
    }

    @Test("retention takes what is older than a time by its sender's clock, however much that is")
    func retention() async throws {
        let count = SQLiteStore.rowsPerChange + 500
        _ = try await store.append(
            (0..<count).map { event("old\($0)", time: Int64($0 % 100)) } + [event("min", time: .min)]
        )
        _ = try await store.append([event("edge", time: 100), event("max", time: .max)])
        let shown = (0..<1500).flatMap { request in
            (0..<2).map { place in
                Exposure(
                    request: "\(request)",
                    user: "ann",
                    item: "i",
                    position: place,
                    time: request < 1200 ? 99 : 100,
                    arms: ["x": "a"]
                )
            }
        }
        try await store.log(shown)
        let removed = try await store.removeEvents(before: 100)
        #expect(removed == (events: count + 1, exposures: 2400))
        #expect(try await store.counts() == StoreCounts(events: 2, items: 0, requests: 300, exposures: 600))
        #expect(try await store.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM arms") } == 300)
        #expect(try await store.removeEvents(before: 100) == (events: 0, exposures: 0))
        #expect(try await store.removeEvents(before: .max).events == 1)
        try await store.verify()
    }

    @Test("a data set is imported once, in the order of its rows, with titles and categories")
    func imports() async throws {
        var world = try Simulator.named("drift")
        (world.users, world.items, world.meanEvents) = (40, 60, 20)
        let data = try world.write(to: fixture.folder.file("data"))
        try await store.upsert([ItemRecord(id: data.itemID(ItemIndex(0)), title: "mine", available: false)])
        let report = try await store.importing(data)
        #expect(report == StoreImportReport(newEvents: data.eventCount, knownEvents: 0, newItems: data.itemCount - 1))
        let again = try await store.importing(data)
        #expect(again == StoreImportReport(newEvents: 0, knownEvents: data.eventCount, newItems: 0))
        #expect(try await store.counts().events == data.eventCount)
        for index in 0..<data.userCount {
            let user = UserIndex(index)
            let history = try await store.history(of: data.userID(user), limit: 10_000)
            let rows = data.events(of: user)
            #expect(history.map(\.item) == rows.map { data.itemID(ItemIndex(Int(data.items[$0]))) })
            #expect(history.map(\.time) == rows.map { data.times[$0] })
        }
        let items = try await store.items([data.itemID(ItemIndex(0)), data.itemID(ItemIndex(1))])
        #expect(items[0].title == "mine" && !items[0].available)
        #expect(items[1].title == data.title(ItemIndex(1)) && items[1].available)
        let feature = try #require(data.itemFeatureNames.first)
        #expect(items[1].categories == data.itemFeature(feature)?.values(of: 1))
        await #expect(throws: DatasetError.self) { try await store.importing(data, category: "color") }
    }
}
