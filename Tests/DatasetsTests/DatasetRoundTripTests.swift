// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeTensorFiles
import Foundation
import TestSupport
import Testing

@Suite("Dataset directory")
struct DatasetRoundTripTests {
    private func small() -> DatasetBuilder {
        var builder = DatasetBuilder(name: "small")
        builder.add(Event(user: "zoe", item: "tea", action: .click, time: 30, query: "hot\ndrink"))
        builder.add(Event(user: "ann", item: "cup", action: .rating, time: 20, value: 4.5))
        builder.add(Event(user: "zoe", item: "cup", action: .view, time: 10))
        builder.add(Event(user: "ann", item: "té", action: .purchase, time: 20, query: "té", value: .nan))
        builder.add(Event(user: "zoe", item: "pot", action: .purchase, time: 30, query: "hot drink"))
        builder.setTitle("Green\r\ntea", for: "tea")
        builder.setTitle("never bought", for: "unknown")
        builder.setItemFeature("kind", ["drink", "leaf"], for: "tea")
        builder.setItemFeature("kind", ["clay"], for: "pot")
        builder.setItemFeature("kind", ["gone"], for: "unknown")
        builder.setUserFeature("city", ["Bonn"], for: "ann")
        builder.note("source", "by hand")
        return builder
    }

    @Test("orders events by time and then by row, and numbers by first appearance")
    func order() throws {
        let data = try TemporaryDataset(small()).dataset
        #expect(Array(data.offsets) == [0, 3, 5])
        #expect((0..<2).map { data.userID(UserIndex($0)) } == ["zoe", "ann"])
        #expect((0..<4).map { data.itemID(ItemIndex($0)) } == ["tea", "cup", "té", "pot"])
        #expect(Array(data.items) == [1, 0, 3, 1, 2])
        #expect(Array(data.times) == [10, 30, 30, 20, 20])
        #expect(Array(data.actions) == [0, 1, 2, 3, 2])
        #expect(data.events(of: UserIndex(1)) == 3..<5)
        #expect(data.hasTimes)
    }

    @Test("keeps queries, values, titles and features")
    func sideInformation() throws {
        let data = try TemporaryDataset(small()).dataset
        #expect((0..<5).map { data.query(at: $0) } == [nil, "hot drink", "hot drink", nil, "té"])
        #expect(Array(data.queries) == [-1, 0, 0, -1, 1])
        #expect(data.values.map(\.isNaN) == [true, true, true, false, true])
        #expect(data.values[3] == 4.5)
        #expect((0..<4).map { data.title(ItemIndex($0)) } == ["Green  tea", "cup", "té", "pot"])
        let kind = try #require(data.itemFeature("kind"))
        #expect(kind.vocabulary == ["drink", "leaf", "clay"])
        #expect((0..<4).map { kind.values(of: $0) } == [["drink", "leaf"], [], [], ["clay"]])
        let city = try #require(data.userFeature("city"))
        #expect((0..<2).map { city.values(of: $0) } == [[], ["Bonn"]])
        #expect(data.itemFeature("city") == nil && data.userFeature("kind") == nil)
    }

    @Test("describes itself in the manifest")
    func manifest() throws {
        let data = try TemporaryDataset(small()).dataset
        let manifest = data.manifest
        #expect((manifest.users, manifest.items, manifest.events, manifest.queries) == (2, 4, 5, 2))
        #expect((data.userCount, data.itemCount, data.eventCount) == (2, 4, 5))
        #expect((manifest.firstTime, manifest.lastTime) == (10, 30))
        #expect(manifest.name == "small" && manifest.provenance == ["source": "by hand"])
        #expect(manifest.options.minUserEvents == 1 && manifest.options.minItemEvents == 1)
        #expect(
            manifest.columns == [
                "actions", "item.kind.offsets", "item.kind.values", "items", "offsets", "queries", "times",
                "user.city.offsets", "user.city.values", "values",
            ]
        )
        #expect(manifest.vocabularies == ["item.kind": ["drink", "leaf", "clay"], "user.city": ["Bonn"]])
    }

    @Test("finds users and items by id, and says what to do when there is none")
    func lookup() throws {
        let data = try TemporaryDataset(small()).dataset
        #expect(try data.userIndex("ann") == UserIndex(1))
        #expect(try data.itemIndex("pot") == ItemIndex(3))
        let user = try #require(#expect(throws: DatasetError.self) { try data.userIndex("bob") })
        #expect(user.reason == .unknownUser)
        #expect(user.description.contains("bob") && user.description.contains("users.txt"))
        let item = try #require(#expect(throws: DatasetError.self) { try data.itemIndex("unknown") })
        #expect(item.reason == .unknownItem && item.description.contains("--min-item-events"))
    }

    @Test("has the same fingerprint wherever the same data comes from, on every machine")
    func fingerprint() throws {
        var other = small()
        other.note("source", "elsewhere")
        let hash = try TemporaryDataset(small()).dataset.manifest.contentHash
        #expect(try TemporaryDataset(other).dataset.manifest.contentHash == hash)
        #expect(hash == "9c7a1a38fc95e1c8d68fc23a35e02e57")
        other.setTitle("Black tea", for: "tea")
        #expect(try TemporaryDataset(other).dataset.manifest.contentHash != hash)
    }

    @Test("a source without times, queries, values and titles")
    func plain() throws {
        var builder = DatasetBuilder(name: "plain")
        for item in ["b", "a", "c"] { builder.add(Event(user: "u", item: ItemID(item))) }
        let data = try TemporaryDataset(builder).dataset
        #expect(!data.hasTimes)
        #expect(Array(data.items) == [0, 1, 2])
        #expect(data.query(at: 0) == nil && data.values[2].isNaN && data.title(ItemIndex(2)) == "c")
    }

    @Test("refuses to overwrite")
    func exists() throws {
        let data = try TemporaryDataset(small())
        let error = #expect(throws: DatasetError.self) {
            try small().write(to: data.url, minUserEvents: 1, minItemEvents: 1)
        }
        #expect(error?.reason == .alreadyExists)
        #expect(try Dataset(at: data.url).manifest == data.dataset.manifest)
    }

    @Test("refuses ids that cannot stand on one line", arguments: ["", "a\nb", "a\r\nb"])
    func badID(_ id: String) throws {
        let folder = try TemporaryFolder()
        var builder = DatasetBuilder(name: "bad")
        builder.add(Event(user: UserID(id), item: "i"))
        let complete = builder
        let error = #expect(throws: DatasetError.self) {
            try complete.write(to: folder.file("data"), minUserEvents: 1, minItemEvents: 1)
        }
        #expect(error?.reason == .badRow)
        #expect(!FileManager.default.fileExists(atPath: folder.file("data").path))
    }

    @Test("keeps thousands of users, each with their own events", arguments: [1, 2] as [UInt64])
    func many(_ seed: UInt64) throws {
        let events = randomEvents(seed: seed, users: 2000, items: 500, events: 8000, times: 50)
        var builder = DatasetBuilder(name: "many")
        for event in events { builder.add(event) }
        let data = try TemporaryDataset(builder).dataset
        let expected = Dictionary(grouping: events.enumerated(), by: \.element.user).mapValues { rows in
            rows.sorted { ($0.element.time, $0.offset) < ($1.element.time, $1.offset) }.map(\.element)
        }
        #expect(data.userCount == expected.count)
        for (user, history) in expected {
            let rows = data.events(of: try data.userIndex(user))
            #expect(rows.map { data.itemID(ItemIndex(Int(data.items[$0]))) } == history.map(\.item))
            #expect(rows.map { data.times[$0] } == history.map(\.time))
            #expect(rows.map { Action(rawValue: data.actions[$0]) } == history.map(\.action))
        }
    }
}
