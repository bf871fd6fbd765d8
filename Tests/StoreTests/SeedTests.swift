// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import Foundation
import GRDB
import Synchronization
import TestSupport
import Testing

@testable import CascadeStore

/// A data set of these events.
func dataset(_ events: [Event], in folder: TemporaryFolder) throws -> Dataset {
    var builder = DatasetBuilder(name: "made")
    for event in events { builder.add(event) }
    return try builder.write(
        to: folder.file("data-\(UUID().uuidString)"),
        minUserEvents: 1,
        minItemEvents: 1
    )
}

/// Events of three people with one item each, a second apart.
func yesterday(_ count: Int = 30) -> [Event] {
    (0..<count).map { Event(user: UserID("u\($0 % 3)"), item: ItemID("i\($0 % 5)"), time: Int64($0)) }
}

@Suite("Store: what an import adds")
struct SeedTests {
    let fixture: StoreFixture
    let store: SQLiteStore

    init() throws {
        fixture = try StoreFixture()
        store = try fixture.open()
    }

    func imported(_ events: [Event]) async throws -> StoreImportReport {
        try await store.importing(dataset(events, in: fixture.folder))
    }

    @Test("a data set that has grown adds what is new, wherever it stands")
    func grown() async throws {
        #expect(try await imported(yesterday()) == StoreImportReport(newEvents: 30, newItems: 5))
        let today = [Event(user: "u9", item: "i0", time: 99), Event(user: "u0", item: "new", time: 5)]
        #expect(
            try await imported(today + yesterday().reversed())
                == StoreImportReport(newEvents: 2, knownEvents: 30, newItems: 1)
        )
        #expect(try await store.counts().events == 32)
    }

    @Test("the same deed several times in a second is kept as often as it comes")
    func occurrences() async throws {
        let deed = Event(user: "u", item: "i", action: .purchase, time: 7)
        #expect(try await imported([deed, deed]).newEvents == 2)
        #expect(try await imported([deed, deed, deed]) == StoreImportReport(newEvents: 1, knownEvents: 2))
        var (other, later) = (deed, deed)
        (other.action, later.time) = (.click, 8)
        #expect(try await imported([other, later, deed]) == StoreImportReport(newEvents: 2, knownEvents: 1))
        #expect(try await store.counts().events == 5)
    }

    @Test("what came by HTTP under the sender's id is not imported again")
    func sentBefore() async throws {
        _ = try await store.append([NewEvent(id: "shop-1", event: yesterday()[0])])
        #expect(try await imported(yesterday()) == StoreImportReport(newEvents: 29, knownEvents: 1, newItems: 5))
    }

    @Test("a store that the version before has filled is not filled again")
    func versionBefore() async throws {
        let url = fixture.folder.file("old.sqlite")
        let queue = try DatabaseQueue(path: url.path)
        try await queue.write { try StoreSchema.claim($0, url.path) }
        try StoreSchema.migrator.migrate(queue, upTo: "1-events-items-requests-versions")
        try await queue.write { database in
            for (row, event) in yesterday().enumerated() {
                try database.execute(
                    sql: "INSERT INTO events VALUES (?, ?, ?, ?, 1, ?, NULL, NULL, NULL, 9)",
                    arguments: [
                        row + 1, "data:0123456789abcdef:\(row)", event.user.rawValue, event.item.rawValue, event.time,
                    ]
                )
            }
        }
        try queue.close()
        let old = try SQLiteStore(at: url)
        #expect(try await !old.wantsSeed())
        let grown = try dataset(yesterday() + [Event(user: "u0", item: "i0", time: 99)], in: fixture.folder)
        #expect(try await old.importing(grown) == StoreImportReport(newEvents: 1, knownEvents: 30, newItems: 5))
        #expect(try await old.popular(since: .min, limit: 1).map(\.events) == [7])
        try await old.verify()
    }

    @Test("an import leaves out what people did before they were erased, and says how much")
    func erased() async throws {
        _ = try await imported(yesterday())
        #expect(try await store.erase("u1") == 10)
        #expect(
            try await imported(yesterday()) == StoreImportReport(knownEvents: 20, erasedEvents: 10, erasedPeople: 1)
        )
        #expect(try await store.export("u1") == nil)
        // Erased at 1,000 on the fixture's clock: later events are of somebody who came back.
        let back = [Event(user: "u1", item: "i0", time: 1000), Event(user: "u1", item: "i0", time: 1001)]
        #expect(try await imported(back) == StoreImportReport(newEvents: 1, erasedEvents: 1, erasedPeople: 1))
    }

    @Test("who was erased is remembered without the id, also of somebody who was not known")
    func hashes() async throws {
        #expect(try await store.erase("a-stranger") == 0)
        #expect(try await store.erasure(of: "a-stranger") == ErasureStatus(time: 1000, isDone: true))
        #expect(try await store.erasure(of: "another") == nil)
        #expect(try await imported([Event(user: "a-stranger", item: "i", time: 5)]).erasedEvents == 1)
        try await store.close()
        #expect(!fixture.mentions("a-stranger"))
        let other = try SQLiteStore(at: fixture.folder.file("other.sqlite"))
        _ = try await other.erase("a-stranger")
        let hash = "SELECT hash FROM erased"
        let own = try await fixture.open().read { try Data.fetchOne($0, sql: hash) }
        let others = try await other.read { try Data.fetchOne($0, sql: hash) }
        #expect(own != nil && others != nil && own != others, "each store has a salt of its own")
    }

    @Test("an import larger than the store leaves the index of times in place, and opening makes it when it is missing")
    func timeIndex() async throws {
        func isIndexed(_ store: SQLiteStore) async throws -> Bool {
            try await store.read { try $0.indexes(on: "events").contains { $0.name == "events_by_time" } }
        }
        _ = try await imported(yesterday())
        #expect(try await isIndexed(store))
        let larger = try dataset((0..<99).map { Event(user: "u", item: "i", time: $0) }, in: fixture.folder)
        let canceled = Task { [store] in try await store.importing(larger) }
        canceled.cancel()
        _ = await canceled.result
        #expect(try await isIndexed(store))
        // As a crash leaves it.
        try await store.write(StoreSchema.dropTimeIndex)
        #expect(try await store.popular(since: 0, limit: 9).map(\.events).reduce(0, +) == 30)
        try await store.close()
        #expect(try await isIndexed(fixture.open()))
    }

    @Test("what somebody sends after their erasure is taken in: they came back")
    func cameBack() async throws {
        _ = try await store.append([event("before")])
        _ = try await store.erase("ann")
        #expect(try await store.append([event("after", time: 3)]) == [.stored])
        #expect(try await store.history(of: "ann", limit: 9).count == 1)
    }

    @Test("a filling that is interrupted is taken up again, and a filled store is left alone")
    func interrupted() async throws {
        let data = try dataset(
            (0..<12_000).map { Event(user: UserID("u\($0 / 10)"), item: "i", time: Int64($0)) },
            in: fixture.folder
        )
        #expect(try await store.wantsSeed())
        let task = Mutex<Task<StoreImportReport, any Error>?>(nil)
        let filling = Task { [store] in
            try await store.seed(from: data) { _ in task.withLock { $0?.cancel() } }
        }
        task.withLock { $0 = filling }
        // Where the first transaction was faster than the line above, the second is met.
        await #expect(throws: CancellationError.self) { try await filling.value }
        let part = try await store.counts().events
        #expect(part > 0 && part < 12_000)
        try await store.close()
        let opened = try fixture.open()
        #expect(try await opened.wantsSeed())
        let report = try await opened.seed(from: data)
        #expect(report.knownEvents == part && report.newEvents == 12_000 - part)
        #expect(try await !opened.wantsSeed())
    }

    @Test("a store that was emptied, by retention or by erasure, is not filled again")
    func emptied() async throws {
        _ = try await store.append([event("a")])
        #expect(try await store.removeEvents(before: 100).events == 1)
        #expect(try await !store.wantsSeed())
        let other = try SQLiteStore(at: fixture.folder.file("other.sqlite"))
        _ = try await other.importing(dataset([Event(user: "u", item: "i")], in: fixture.folder))
        _ = try await other.erase("u")
        #expect(try await other.counts().events == 0)
        #expect(try await !other.wantsSeed())
    }
}
