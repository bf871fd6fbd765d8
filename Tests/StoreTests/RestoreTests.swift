// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import Foundation
import GRDB
import TestSupport
import Testing

@testable import CascadeStore

@Suite("Store: putting a backup back")
struct RestoreTests {
    let fixture: StoreFixture
    var copy: URL { fixture.folder.file("backup.sqlite") }

    init() throws { fixture = try StoreFixture() }

    /// Makes a store with one event of two people each, backs it up, adds another event, and closes it.
    private func made() async throws {
        let store = try fixture.open()
        _ = try await store.append([event("a"), event("b", user: "bob")])
        try await store.log([Exposure(request: "r", user: "bob", item: "i", position: 0, time: 5)])
        try await store.backup(to: copy)
        _ = try await store.append([event("later")])
        try await store.close()
    }

    @Test("a backup takes the place of a store, and of none")
    func restores() async throws {
        try await made()
        #expect(try await SQLiteStore.restore(copy, to: fixture.url).events == 2)
        let store = try fixture.open()
        try await store.verify()
        #expect(try await store.append([event("a"), event("later")]) == [.duplicate, .stored])
        let new = fixture.folder.file("new.sqlite")
        #expect(try await SQLiteStore.restore(copy, to: new).events == 2)
        #expect(try await SQLiteStore(at: new).counts().events == 2)
    }

    @Test("the log of a store whose process was killed is not added to the backup")
    func staleLog() async throws {
        try await made()
        // As a killed process leaves it: the log holds what the file does not.
        let store = try fixture.open()
        _ = try await store.append((0..<500).map { event("killed-\($0)") })
        let killed = try StoreFixture()
        for suffix in ["", "-wal"] {
            try FileManager.default.copyItem(
                atPath: fixture.url.path + suffix,
                toPath: killed.url.path + suffix
            )
        }
        try await store.close()
        #expect(try await SQLiteStore.restore(copy, to: killed.url).events == 2)
        let left = try FileManager.default.contentsOfDirectory(atPath: killed.folder.url.path)
        #expect(left == ["store.sqlite"])
        let opened = try killed.open()
        try await opened.verify()
        #expect(try await opened.counts().events == 2)
    }

    @Test("a store that is open is refused, and left as it was")
    func open() async throws {
        try await made()
        let store = try fixture.open()
        let error = try await storeError { try await SQLiteStore.restore(copy, to: fixture.url) }
        #expect(error.reason == .busy && error.description.contains("has the store open"))
        #expect(try await store.append([event("on")]) == [.stored])
    }

    @Test("what is no store is neither restored nor overwritten")
    func foreign() async throws {
        try await made()
        let text = fixture.folder.file("text")
        let bytes = Data(String(repeating: "Dear diary, ", count: 500).utf8)
        try bytes.write(to: text)
        #expect(try await storeError { try await SQLiteStore.restore(copy, to: text) }.reason == .notAStore)
        #expect(try Data(contentsOf: text) == bytes)
        #expect(try await storeError { try await SQLiteStore.restore(text, to: fixture.url) }.reason == .notAStore)
        let none = fixture.folder.file("none")
        #expect(try await storeError { try await SQLiteStore.restore(none, to: fixture.url) }.reason == .notFound)
        let empty = fixture.folder.file("empty")
        try Data().write(to: empty)
        #expect(try await storeError { try await SQLiteStore.restore(empty, to: fixture.url) }.reason == .notAStore)
        var damaged = try Data(contentsOf: copy)
        damaged.replaceSubrange(8_192..<16_384, with: repeatElement(0xA5, count: 8_192))
        try damaged.write(to: fixture.folder.file("damaged"))
        let error = try await storeError {
            try await SQLiteStore.restore(fixture.folder.file("damaged"), to: fixture.url)
        }
        #expect(error.reason == .corrupt)
        #expect(try await fixture.open().counts().events == 3)
        let left = try FileManager.default.contentsOfDirectory(atPath: fixture.folder.url.path)
        #expect(!left.contains { $0.hasSuffix(".tmp") })
    }

    @Test("people who were erased since the backup are erased from it")
    func erasures() async throws {
        try await made()
        let store = try fixture.open()
        _ = try await store.erase("bob")
        _ = try await store.append([event("back", user: "bob")])
        try await store.close()
        #expect(try await SQLiteStore.restore(copy, to: fixture.url) == report(events: 1, erased: 2))
        #expect(!fixture.mentions("bob", beside: ["backup.sqlite"]))
        let opened = try fixture.open()
        #expect(try await opened.erasure(of: "bob")?.time == 1000)
        try await opened.verify()
    }

    @Test("where erasures cannot be carried over, that is said")
    func warnings() async throws {
        try await made()
        let other = try SQLiteStore(at: fixture.folder.file("other.sqlite"))
        _ = try await other.append([event("x")])
        _ = try await other.erase("somebody")
        try await other.backup(to: fixture.folder.file("other-backup.sqlite"))
        let store = try fixture.open()
        _ = try await store.erase("bob")
        try await store.close()
        let report = try await SQLiteStore.restore(fixture.folder.file("other-backup.sqlite"), to: fixture.url)
        #expect(report.warnings.count == 1 && report.warnings[0].contains("another store"))
        #expect(try await fixture.open().counts().events == 1)
    }

    @Test("a damaged store can be replaced")
    func damaged() async throws {
        try await made()
        let whole = try Data(contentsOf: fixture.url)
        try whole.prefix(whole.count / 2).write(to: fixture.url)
        let report = try await SQLiteStore.restore(copy, to: fixture.url)
        #expect(report.events == 2 && report.warnings.count == 1)
        try await fixture.open().verify()
    }

    private func report(events: Int, erased: Int) -> RestoreReport {
        var report = RestoreReport()
        (report.events, report.erasedRows) = (events, erased)
        return report
    }
}
