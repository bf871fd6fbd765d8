// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import Foundation
import GRDB
import TestSupport
import Testing

@testable import CascadeStore

@Suite("Store: faults and versions of the file")
struct FaultTests {
    let fixture: StoreFixture

    init() throws { fixture = try StoreFixture() }

    /// Makes a store of some pages, whole and closed.
    func made() async throws {
        let store = try fixture.open()
        _ = try await store.append((0..<3000).map { event("\($0)", user: UserID("user\($0 % 70)"), time: Int64($0)) })
        try await store.close()
    }

    @Test("what is no database, or another program's, is refused and left as it was")
    func foreign() throws {
        #expect(try fixture.errorOnOpening(creating: false).reason == .notFound)
        let text = Data(String(repeating: "Dear diary, ", count: 500).utf8)
        try text.write(to: fixture.url)
        #expect(try fixture.errorOnOpening().reason == .notAStore)
        #expect(try Data(contentsOf: fixture.url) == text)
        try FileManager.default.removeItem(at: fixture.url)
        let other = try DatabaseQueue(path: fixture.url.path)
        try other.write { try $0.execute(sql: "CREATE TABLE mine (a)") }
        try other.close()
        let bytes = try Data(contentsOf: fixture.url)
        #expect(try fixture.errorOnOpening().reason == .notAStore)
        #expect(try Data(contentsOf: fixture.url) == bytes)
        #expect(try FileManager.default.contentsOfDirectory(atPath: fixture.folder.url.path) == ["store.sqlite"])
    }

    @Test("a folder that is not there is named")
    func noFolder() throws {
        let url = fixture.folder.file("none/store.sqlite")
        let error = #expect(throws: StoreError.self) { try SQLiteStore(at: url) }
        #expect(error?.reason == .failed && error?.description.contains(url.path) == true)
    }

    @Test("a store of the first version opens, with what it holds")
    func older() async throws {
        let queue = try DatabaseQueue(path: fixture.url.path)
        try await queue.write { try StoreSchema.claim($0, fixture.url.path) }
        try StoreSchema.migrator.migrate(queue, upTo: "1-events-items-requests-versions")
        try await queue.write { database in
            try database.execute(
                sql: """
                    INSERT INTO events VALUES (1, 'e', 'ann', 'i', 1, 5, 'q', 2.5, 'r', 6);
                    INSERT INTO items VALUES ('i', 'Title', '["c"]', 1, 7, '{"k":"v"}');
                    INSERT INTO requests VALUES (1, 'r', 'ann', 4);
                    INSERT INTO exposures VALUES (1, 0, 'i');
                    INSERT INTO arms VALUES (1, 'x', 'a');
                    INSERT INTO versions VALUES (1, 's', 'v', 'p', 8, '{"m":0.5}');
                    INSERT INTO erasures DEFAULT VALUES;
                    """
            )
        }
        try queue.close()
        let store = try fixture.open(creating: false)
        let shown = Exposure(request: "r", user: "ann", item: "i", position: 0, time: 4, arms: ["x": "a"])
        let did = event("e", .click, time: 5, query: "q", value: 2.5, request: "r")
        #expect(try await store.export("ann") == UserExport(user: "ann", events: [did], exposures: [shown]))
        #expect(
            try await store.allItems()
                == [ItemRecord(id: "i", title: "Title", categories: ["c"], created: 7, attributes: ["k": "v"])]
        )
        #expect(
            try await store.versions(limit: 1)
                == [ModelVersion(slot: "s", version: "v", path: "p", time: 8, metrics: ["m": 0.5])]
        )
        #expect(try await store.append([event("new")]) == [.stored])
        #expect(try await store.popular(since: .min, limit: 9).map(\.events) == [2])
        // What the version before still owed is done too.
        try await store.finishErasures()
        #expect(try await store.read(ErasureRows.last) == nil)
    }

    @Test("a store that a later version has changed is refused")
    func newer() async throws {
        try await made()
        let queue = try DatabaseQueue(path: fixture.url.path)
        try await queue.write { try $0.execute(sql: "INSERT INTO grdb_migrations VALUES ('999-telepathy')") }
        try queue.close()
        let error = try fixture.errorOnOpening()
        #expect(error.reason == .newerVersion && error.description.contains("later version"))
    }

    @Test("a file that was cut short is refused; one with a damaged page does not pass the check")
    func damaged() async throws {
        try await made()
        let whole = try Data(contentsOf: fixture.url)
        try whole.prefix(whole.count / 2).write(to: fixture.url)
        #expect(try fixture.errorOnOpening().reason == .corrupt)
        var bad = whole
        bad.replaceSubrange(40_960..<49_152, with: repeatElement(0xA5, count: 8192))
        try bad.write(to: fixture.url)
        let store = try fixture.open()
        let error = try await storeError { try await store.verify() }
        #expect(error.reason == .corrupt && error.description.contains(fixture.url.path))
        let copy = fixture.folder.file("copy.sqlite")
        #expect(try await storeError { try await store.backup(to: copy) }.reason == .corrupt)
        #expect(!FileManager.default.fileExists(atPath: copy.path))
    }

    @Test("no damage of one page crashes the program")
    func anyDamage() async throws {
        try await made()
        let whole = try Data(contentsOf: fixture.url)
        var random = SplitMix64(seed: 3)
        for page in 0..<whole.count / 4096 {
            var bad = whole
            for _ in 0..<60 {
                bad[page * 4096 + Int.random(in: 100..<4096, using: &random)] = .random(in: 0...255, using: &random)
            }
            try bad.write(to: fixture.url)
            do {
                let store = try fixture.open()
                for user in 0..<5 { _ = try? await store.export(UserID("user\(user)")) }
                _ = try? await store.popular(since: 0, limit: 10)
                _ = try? await store.append([event("new")])
                _ = try? await store.erase("user7")
                try? await store.finishErasures()
                try? await store.examine()
                try? await store.close()
            } catch { #expect(error is StoreError) }
        }
    }

    /// Another's connection, which may leave a transaction open.
    func intruder() throws -> DatabaseQueue {
        var configuration = Configuration()
        configuration.allowsUnsafeTransactions = true
        return try DatabaseQueue(path: fixture.url.path, configuration: configuration)
    }

    @Test("while another process holds the lock a call fails after a while, and later ones work")
    func locked() async throws {
        let store = try fixture.open(busyTimeout: 0.1)
        let other = try intruder()
        try await other.writeWithoutTransaction { try $0.execute(sql: "BEGIN IMMEDIATE") }
        let error = try await storeError { try await store.append([event("a")]) }
        #expect(error.reason == .busy && error.description.contains("another process"))
        #expect(try await store.history(of: "ann", limit: 5).isEmpty)
        try await other.writeWithoutTransaction { try $0.execute(sql: "COMMIT") }
        #expect(try await store.append([event("a")]) == [.stored])
    }

    @Test("a store that another process has to itself cannot be opened")
    func exclusive() async throws {
        try await made()
        let other = try intruder()
        try await other.writeWithoutTransaction { database in
            _ = try Row.fetchAll(database, sql: "PRAGMA locking_mode = EXCLUSIVE")
            try database.execute(sql: "BEGIN EXCLUSIVE")
        }
        #expect(try fixture.errorOnOpening(busyTimeout: 0.1).reason == .busy)
    }

    @Test("erasure that another reader holds up says so, and is finished by calling again")
    func heldUp() async throws {
        let store = try fixture.open(busyTimeout: 0.1)
        _ = try await store.append([event("a", user: "somebody")])
        let other = try intruder()
        try await other.writeWithoutTransaction { database in
            try database.execute(sql: "BEGIN")
            _ = try Int.fetchOne(database, sql: "SELECT count(*) FROM events")
        }
        #expect(try await store.erase("somebody") == 1)
        #expect(try await store.export("somebody") == nil)
        #expect(try await storeError { try await store.finishErasures() }.reason == .busy)
        #expect(try await store.erasure(of: "somebody")?.isDone == false)
        try await other.writeWithoutTransaction { try $0.execute(sql: "COMMIT") }
        try await store.finishErasures()
        #expect(try await store.erasure(of: "somebody")?.isDone == true)
        #expect(!fixture.mentions("somebody"))
    }

    @Test("an erasure that a crash interrupted is finished by the next process")
    func interrupted() async throws {
        let store = try fixture.open()
        // Longer than a page: what is left of it when nothing overwrites it.
        _ = try await store.append([event("a", query: String(repeating: "somebody", count: 1000)), event("b")])
        try await store.pool.writeWithoutTransaction { database in
            _ = try Row.fetchAll(database, sql: "PRAGMA secure_delete = OFF")
            try database.execute(sql: "DELETE FROM events WHERE id = 'a'; INSERT INTO erasures DEFAULT VALUES")
        }
        try await store.close()
        #expect(fixture.mentions("somebody"))
        let opened = try fixture.open()
        try await opened.finishErasures()
        #expect(!fixture.mentions("somebody"))
        #expect(try await opened.counts().events == 1)
        #expect(try await opened.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM erasures") } == 0)
    }

    @Test("erasures at the same time are all done, and leave nothing")
    func together() async throws {
        let store = try fixture.open()
        let users = (0..<20).map { UserID("somebody-\($0)") }
        _ = try await store.append((0..<400).map { event("\($0)", user: users[$0 % 20]) } + [event("kept")])
        try await withThrowingTaskGroup(of: Int.self) { group in
            for user in users { group.addTask { try await store.erase(user) } }
            for try await removed in group { #expect(removed == 20) }
        }
        try await store.finishErasures()
        #expect(!fixture.mentions("somebody"))
        #expect(try await store.counts().events == 1)
    }
}
