// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import Foundation
import GRDB
import Synchronization
import TestSupport
import Testing

@testable import CascadeStore

@Suite("Store: group commit")
struct GroupCommitTests {
    let fixture: StoreFixture
    let store: SQLiteStore

    init() throws {
        fixture = try StoreFixture()
        store = try fixture.open()
    }

    /// Counts transactions.
    final class Commits: TransactionObserver, Sendable {
        private let counted = Mutex(0)
        var count: Int { counted.withLock { $0 } }
        func observes(eventsOfKind eventKind: DatabaseEventKind) -> Bool { false }
        func databaseDidChange(with event: DatabaseEvent) {}
        func databaseDidCommit(_ db: Database) { counted.withLock { $0 += 1 } }
        func databaseDidRollback(_ db: Database) {}
    }

    /// Appends single events at the same time; what each was told.
    func appendAll(_ ids: [String]) async throws -> [String: Receipt] {
        try await withThrowingTaskGroup(of: (String, Receipt).self) { [store] group in
            for id in ids { group.addTask { (id, try await store.append([event(id)])[0]) } }
            return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
    }

    @Test("calls that wait together share one transaction, and each gets its own answer")
    func shared() async throws {
        _ = try await store.append([event("5"), event("6")])
        let commits = Commits()
        store.pool.add(transactionObserver: commits)
        let told = try await store.gathering(100) { try await appendAll((0..<100).map { "\($0)" }) }
        #expect(commits.count == 2, "the one that was waited for, and that of all others")
        #expect(told.count == 100 && told.filter { $0.value == .duplicate }.keys.sorted() == ["5", "6"])
        #expect(try await store.counts().events == 100)
    }

    @Test("a call whose rows cannot be written fails alone and leaves nothing")
    func apart() async throws {
        let error = try await store.gathering(21) { [store] in
            async let bad = storeError {
                try await store.write { database in
                    try database.execute(sql: "INSERT INTO items VALUES ('half', '', '[]', 1, 0, '{}')")
                    try database.execute(sql: "INSERT INTO items VALUES ('other', NULL, '[]', 1, 0, '{}')")
                }
            }
            _ = try await appendAll((0..<20).map { "\($0)" })
            return try await bad
        }
        #expect(error.reason == .failed)
        #expect(try await store.counts() == StoreCounts(events: 20, items: 0, requests: 0, exposures: 0))
    }

    @Test("where the disk is full, small calls beside a big one are still stored, and the store goes on")
    func full() async throws {
        let big = (0..<2000).map { event("big\($0)", query: String(repeating: "q", count: 500)) }
        try await store.pool.writeWithoutTransaction { database in
            let pages = try Int.fetchOne(database, sql: "PRAGMA page_count") ?? 0
            _ = try Row.fetchAll(database, sql: "PRAGMA max_page_count = \(pages + 20)")
        }
        let error = try await store.gathering(11) { [store] in
            async let tooMuch = storeError { try await store.append(big) }
            _ = try await appendAll((0..<10).map { "\($0)" })
            return try await tooMuch
        }
        #expect(error.reason == .full && error.description.contains(fixture.url.path))
        #expect(try await store.counts().events == 10)
        #expect(try await store.append([event("more"), event("3")]) == [.stored, .duplicate])
        try await store.pool.writeWithoutTransaction { database in
            _ = try Row.fetchAll(database, sql: "PRAGMA max_page_count = 1000000")
        }
        #expect(try await store.append(big).allSatisfy { $0 == .stored })
        try await store.verify()
    }

    @Test("a caller that is cancelled takes nobody's transaction with it")
    func cancelled() async throws {
        try await store.gathering(2) { [store] in
            let task = Task { try await store.append([event("cancelled")]) }
            async let other = store.append([event("other")])
            while await store.writer.waitingCount < 2 { try await Task.sleep(for: .milliseconds(1)) }
            task.cancel()
            _ = try await other
            _ = await task.result
        }
        #expect(try await store.append([event("other")]) == [.duplicate])
        #expect(try await store.append([event("cancelled")]) == [.duplicate])
    }

    @Test("closing finishes what waits; later calls say that the store is closed")
    func close() async throws {
        let count = try await store.gathering(5) { [store] in
            async let told = appendAll((0..<5).map { "\($0)" })
            while await store.writer.waitingCount < 5 { try await Task.sleep(for: .milliseconds(1)) }
            async let closed: Void = store.close()
            try await closed
            return try await told.count
        }
        #expect(count == 5)
        #expect(try await storeError { try await store.append([event("late")]) }.reason == .closed)
        #expect(try await storeError { try await store.history(of: "ann", limit: 1) }.reason == .closed)
        let log = try? Data(contentsOf: fixture.folder.file("store.sqlite-wal"))
        #expect(log?.isEmpty ?? true, "everything is in the one file")
        #expect(try await fixture.open().counts().events == 5)
    }
}
