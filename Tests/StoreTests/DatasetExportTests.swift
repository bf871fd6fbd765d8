// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeTensorFiles
import Foundation
import TestSupport
import Testing

@testable import CascadeStore

/// A store whose clock is a day after its first events.
@Suite("Dataset of a store")
struct DatasetExportTests {
    let fixture: StoreFixture
    let store: SQLiteStore
    let day: Int64 = 86_400

    init() throws {
        fixture = try StoreFixture()
        store = try fixture.open()
    }

    /// A page of items for somebody; a query makes it a search.
    private func page(
        _ request: String,
        of user: UserID?,
        _ items: [ItemID],
        at time: Int64,
        query: String? = nil,
        kind: RequestKind? = nil,
        context: [String: String] = [:]
    ) -> [Exposure] {
        let facts = RequestFacts(
            kind: kind ?? (query == nil ? .recommendation : .search),
            query: query,
            context: context,
            policy: "default"
        )
        return items.enumerated().map {
            Exposure(
                request: request,
                user: user,
                item: $1,
                position: $0,
                time: time,
                facts: facts,
                score: 1,
                propensity: 1
            )
        }
    }

    /// A data set as text that does not depend on how its rows are numbered.
    private func text(_ data: Dataset) -> [String] {
        var lines: [String] = []
        for index in 0..<data.userCount {
            let user = data.userID(UserIndex(index))
            for row in data.events(of: UserIndex(index)) {
                let item = data.itemID(ItemIndex(Int(data.items[row])))
                let query = data.query(at: row) ?? "-"
                lines.append("\(user) \(item) \(data.actions[row]) \(data.times[row]) \(query) \(data.values[row])")
            }
            if let table = data.rejections {
                for row in table.of(UserIndex(index)) {
                    let item = data.itemID(ItemIndex(Int(table.items[row])))
                    lines.append("\(user) rejects \(item) \(table.actions[row]) \(table.times[row])")
                }
            }
            guard let table = data.requests else { continue }
            for request in table.requests(of: UserIndex(index)) {
                let shown = table.shown(request).map { place in
                    let marks = (table.isClicked(place) ? "c" : "") + (table.isPurchased(place) ? "p" : "")
                    return "\(data.itemID(ItemIndex(Int(table.items[place]))))@\(table.features[0][place])\(marks)"
                }
                let query = table.queries[request] < 0 ? "-" : data.queryText(Int(table.queries[request]))
                let context = data.requestFeatureNames.map { data.requestFeature($0)?.values(of: request) ?? [] }
                let before = Int(table.ends[request]) - data.events(of: UserIndex(index)).lowerBound
                lines.append("\(user) asks \(query) \(table.times[request]) \(context) after \(before): \(shown)")
            }
        }
        return lines.sorted()
    }

    @Test("holds events, items with features, and requests with what came of them")
    func everything() async throws {
        try await store.upsert([
            ItemRecord(id: "a", title: "Ant", categories: ["x", "y"], attributes: ["brand": "m", "sku": "1"]),
            ItemRecord(id: "b", categories: ["x"], attributes: ["brand": "m", "sku": "2"]),
            ItemRecord(id: "unseen", categories: ["z"]),
        ])
        _ = try await store.append([
            event("1", item: "a", .view, time: 5), event("2", item: "b", time: 20, query: "bee", request: "r2"),
            // Names no request: of the latest page that showed it.
            event("3", item: "a", .purchase, time: 12, value: 3.5),
            // Looking is no choice, and a page of a day ago is too old.
            event("4", item: "c", .view, time: 21), event("5", item: "c", time: 20 + day + 1),
        ])
        try await store.log(
            page("r0", of: "ann", ["a"], at: 6) + page("r1", of: "ann", ["b", "a"], at: 10)
                + page("r2", of: "ann", ["c", "b"], at: 20, query: "bee", context: ["device": "phone"])
                + page("r3", of: nil, ["a"], at: 30) + page("r4", of: "ann", ["a"], at: 40, kind: .similar)
        )
        let target = fixture.folder.file("data")
        let (data, report) = try await store.exportDataset(to: target)
        #expect(
            text(data)
                == [
                    "ann a 0 5 - nan", "ann a 2 12 - 3.5", "ann asks - 10 [[]] after 1: [\"b@0.0\", \"a@1.0cp\"]",
                    "ann asks - 6 [[]] after 1: [\"a@0.0\"]",
                    "ann asks bee 20 [[\"phone\"]] after 2: [\"c@0.0\", \"b@1.0c\"]", "ann b 1 20 bee nan",
                    "ann c 0 21 - nan", "ann c 1 \(20 + day + 1) - nan",
                ].sorted()
        )
        let ant = try #require(data.find(ItemID("a")))
        #expect(data.title(ant) == "Ant" && data.itemFeature("category")?.values(of: ant.rawValue) == ["x", "y"])
        #expect(data.itemFeature("brand")?.values(of: ant.rawValue) == ["m"] && data.itemFeature("sku") == nil)
        #expect(data.find(ItemID("unseen")) == nil)
        #expect(report.textAttributes == ["sku"] && report.anonymousRequests == 1)
        #expect(report.readEvents == 5 && report.readRequests == 3 && report.fullReason == nil)
    }

    @Test("keeps the times and kinds that were asked for, and chooses nothing after the last")
    func bounds() async throws {
        _ = try await store.append((0..<6).map { event("\($0)", item: ItemID("i\($0)"), time: Int64(10 * $0)) })
        try await store.log(
            page("r", of: "ann", ["i2", "i4"], at: 15) + page("s", of: "ann", ["i1"], at: 16, query: "q")
        )
        var options = DatasetExportOptions()
        (options.since, options.until, options.kinds) = (10, 40, [.recommendation])
        let (data, _) = try await store.exportDataset(to: fixture.folder.file("data"), options)
        #expect(
            text(data) == [
                "ann asks - 15 [] after 1: [\"i2@0.0c\", \"i4@1.0\"]", "ann i1 1 10 - nan", "ann i2 1 20 - nan",
                "ann i3 1 30 - nan",
            ]
        )
        (options.since, options.until) = (1_000, nil)
        let error = await #expect(throws: DatasetError.self) {
            try await store.exportDataset(to: fixture.folder.file("none"), options)
        }
        options.until = 1_000
        let refusal = await #expect(throws: DatasetError.self) {
            try await store.exportDataset(to: fixture.folder.file("none"), options)
        }
        #expect(refusal?.reason == .badOption && refusal?.description.contains("1000") == true)
        #expect(error?.reason == .empty && !FileManager.default.fileExists(atPath: fixture.folder.file("none").path))
    }

    @Test("a choice goes to the latest page that showed its item, also when pages of that kind are left out")
    func otherKinds() async throws {
        try await store.log(
            page("s", of: "ann", ["i"], at: 10, query: "q") + page("r", of: "ann", ["i"], at: 20)
        )
        _ = try await store.append([event("1", time: 30)])
        var options = DatasetExportOptions()
        options.kinds = [.search]
        let (data, report) = try await store.exportDataset(to: fixture.folder.file("data"), options)
        #expect(
            text(data) == ["ann asks q 10 [] after 0: [\"i@0.0\"]", "ann i 1 30 - nan"] && report.readRequests == 1
        )
    }

    /// Ten people who meet items and pages for three days, day after day.
    private func live(day number: Int) async throws {
        var generator = SplitMix64(seed: UInt64(number))
        let start = Int64(number) * day
        var (events, shown): ([NewEvent], [Exposure]) = ([], [])
        for index in 0..<60 {
            let user = UserID("u\(Int.random(in: 0..<(6 + 2 * number), using: &generator))")
            let time = start + Int64(index) * 600
            let items = (0..<3).map { _ in ItemID("i\(Int.random(in: 0..<12, using: &generator))") }
            let request = "\(number)-\(index)"
            shown += page(request, of: user, items, at: time, context: ["device": index % 3 == 0 ? "phone" : "desk"])
            // Some come a second or an hour later, some name the request, one day's last are told the day after.
            for (place, item) in items.enumerated() where Bool.random(using: &generator) {
                let names = Bool.random(using: &generator)
                events.append(
                    event(
                        "\(request)-\(place)",
                        user: user,
                        item: item,
                        place == 2 ? .purchase : index % 7 == 0 ? .dislike : .click,
                        time: time + Int64(place) * 3_000,
                        request: names ? request : nil
                    )
                )
            }
        }
        _ = try await store.append(events.shuffled(using: &generator))
        try await store.log(shown)
    }

    private func rejections(_ data: Dataset) -> Int { data.rejections?.count ?? 0 }

    /// The store seen at a time.
    private func opened(at time: Int64) throws -> SQLiteStore {
        try SQLiteStore(at: fixture.url, creating: false, clock: { time })
    }

    @Test(
        "read in pieces is the same as read at once, whatever was left out before",
        arguments: [nil, 2 * 86_400 - 7_000]
    )
    func incremental(until: Int64?) async throws {
        var options = DatasetExportOptions()
        options.until = until
        for number in 0..<2 { try await live(day: number) }
        let first = try await opened(at: 2 * day).exportDataset(to: fixture.folder.file("first"), options).dataset
        try await live(day: 2)
        let later = try opened(at: 3 * day)
        let whole = try await later.exportDataset(to: fixture.folder.file("whole"))
        let (grown, report) = try await later.exportDataset(to: fixture.folder.file("grown"), previous: first)
        #expect(text(grown) == text(whole.dataset) && report.fullReason == nil)
        #expect(report.reusedEvents == first.eventCount + rejections(first) && report.reusedRequests > 0)
        #expect(report.readRequests < whole.report.readRequests)
        #expect(grown.manifest.vocabularies.keys.sorted() == whole.dataset.manifest.vocabularies.keys.sorted())
        // And once more, where nothing is new.
        let again = try await later.exportDataset(to: fixture.folder.file("again"), previous: grown)
        #expect(text(again.dataset) == text(grown) && again.report.readEvents == 0)
        #expect(again.report.reusedEvents == grown.eventCount + rejections(grown) && rejections(grown) > 0)
    }

    @Test("has nobody who was erased, also one whose erasure goes on, and nothing that was removed")
    func erased() async throws {
        for number in 0..<2 { try await live(day: number) }
        let first = try await store.exportDataset(to: fixture.folder.file("first")).dataset
        #expect(first.find(UserID("u1")) != nil)
        _ = try await store.erase("u1")
        let (hidden, report) = try await store.exportDataset(to: fixture.folder.file("hidden"), previous: first)
        #expect(hidden.find(UserID("u1")) == nil && report.fullReason?.contains("erased") == true)
        _ = try await store.append([event("back", user: "u1", item: "i1", time: 9 * day)])
        try await store.finishErasures()
        let back = try await store.exportDataset(to: fixture.folder.file("back"), previous: hidden).dataset
        #expect(back.events(of: try back.userIndex("u1")).count == 1)
        _ = try await store.removeEvents(before: day)
        let (trimmed, why) = try await store.exportDataset(to: fixture.folder.file("trimmed"), previous: back)
        #expect(trimmed.manifest.firstTime >= day && why.fullReason?.contains("removed") == true)
    }

    @Test("of another store is no previous one")
    func foreign() async throws {
        try await live(day: 0)
        let own = try await store.exportDataset(to: fixture.folder.file("own")).dataset
        let other = try StoreFixture()
        let foreign = try other.open()
        _ = try await foreign.append([event("1")])
        let error = await #expect(throws: DatasetError.self) {
            try await foreign.exportDataset(to: other.folder.file("data"), previous: own)
        }
        #expect(error?.reason == .badOption && error?.description.contains(own.url.path) == true)
    }
}
