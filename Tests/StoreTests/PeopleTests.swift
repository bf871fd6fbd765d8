// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import Foundation
import TestSupport
import Testing

@testable import CascadeStore

@Suite("Store: people, items, exposures and versions")
struct PeopleTests {
    let store: SQLiteStore
    let fixture: StoreFixture

    init() throws {
        fixture = try StoreFixture()
        store = try fixture.open()
    }

    func exposure(_ request: String, _ place: Int, user: UserID? = "ann", time: Int64 = 0) -> Exposure {
        Exposure(
            request: request,
            user: user,
            item: ItemID("i\(place)"),
            position: place,
            time: time,
            arms: ["color": "red", "size": "big"],
            facts: RequestFacts(
                kind: .search,
                query: "red hat",
                context: ["device": "phone"],
                policy: "bold",
                versions: ["rank": "dare-1"]
            ),
            score: 0.5,
            propensity: 0.25
        )
    }

    @Test("a propensity is a probability above 0, and a score a number", arguments: [0, -0.1, 1.5, .nan, .infinity])
    func propensities(value: Double) async throws {
        var wrong = exposure("r", 0)
        wrong.propensity = value
        let error = try await storeError { try await store.log([wrong]) }
        #expect(error.reason == .invalid && error.description.contains("propensity"))
        wrong = exposure("r", 0)
        wrong.score = value.isFinite ? .nan : value
        _ = try await storeError { try await store.log([wrong]) }
        #expect(try await store.counts().exposures == 0)
    }

    @Test("an export holds what a person did and was shown, oldest first, and nothing of others")
    func export() async throws {
        #expect(try await store.export("ann") == nil)
        let shown = [exposure("r2", 0, time: 1), exposure("r2", 1, time: 1), exposure("r1", 0, time: 2)]
        try await store.log([
            shown[2], shown[0], shown[1], exposure("r3", 0, user: nil), exposure("r4", 0, user: "bob"),
        ])
        try await store.log(shown)
        #expect(try await store.export("ann") == UserExport(user: "ann", events: [], exposures: shown))
        let events = [event("late", time: 7), event("early", time: 3, request: "r1")]
        _ = try await store.append(events + [event("b", user: "bob")])
        #expect(
            try await store.export("ann")
                == UserExport(user: "ann", events: events.reversed(), exposures: shown)
        )
        #expect(try await store.counts() == StoreCounts(events: 3, items: 0, requests: 4, exposures: 5))
    }

    @Test("two people whose ids differ in their Unicode form alone share nothing")
    func unicodeForms() async throws {
        let (composed, decomposed): (UserID, UserID) = ("Zo\u{EB}", "Zoe\u{308}")
        _ = try await store.append([event("a", user: composed), event("b", user: decomposed, item: "j")])
        #expect(try await store.history(of: composed, limit: 9).map(\.item) == ["i"])
        #expect(try await store.history(of: decomposed, limit: 9).map(\.item) == ["j"])
        _ = try await store.erase(composed)
        #expect(try await store.history(of: decomposed, limit: 9).map(\.item) == ["j"])
    }

    @Test("after erasure no file holds the person's bytes, and everybody else is still there")
    func erase() async throws {
        // Rows of all lengths in random order, so that pages split, move and are used again.
        var random = SplitMix64(seed: 5)
        let erased = (0..<4).map { UserID("erase-me-\($0)-\(UInt64.random(in: 0 ... .max, using: &random))") }
        let kept = (0..<60).map { UserID("keep-\($0)-\(String(repeating: "x", count: $0))") }
        for round in 0..<30 {
            let events = (0..<100).map { number in
                let people = number % 4 == 0 ? erased : kept
                let user = people[Int.random(in: people.indices, using: &random)]
                let query =
                    number % 3 == 0 ? String(repeating: "q", count: Int.random(in: 0..<300, using: &random)) : nil
                return event(
                    "\(user)/\(round)/\(number)",
                    user: user,
                    time: .random(in: 0..<1000, using: &random),
                    query: query
                )
            }
            _ = try await store.append(events)
            try await store.log(
                (0..<40).map { exposure("\(round)-\($0)", 0, user: (erased + kept)[$0], time: Int64(round)) }
            )
        }
        #expect(fixture.mentions("erase-me-"))
        let before = try await store.counts()
        var removed = 0
        for user in erased {
            removed += try await store.erase(user)
            try await store.finishErasures()
            #expect(try await store.export(user) == nil)
            #expect(!fixture.mentions(user.rawValue))
        }
        #expect(removed > 500 && !fixture.mentions("erase-me"))
        let after = try await store.counts()
        #expect(before.events + before.exposures == after.events + after.exposures + removed)
        #expect(fixture.mentions("keep-3-xxx"))
        #expect(try await store.erase(erased[0]) == 0)
        try await store.verify()
    }

    @Test("people are found by how their ids begin, in the order of bytes")
    func users() async throws {
        let names = ["ann", "anna", "Ann", "bob", "an", "é", "100%", "a_", "zoe"]
        _ = try await store.append(names.enumerated().map { event("\($0)", user: UserID($1)) })
        _ = try await store.append([event("again")])
        try await store.log([exposure("r", 0, user: "annette"), exposure("s", 0, user: nil)])
        #expect(try await store.users(beginningWith: "ann", limit: 9) == ["ann", "anna", "annette"])
        #expect(try await store.users(beginningWith: "", limit: 4) == ["100%", "Ann", "a_", "an"])
        #expect(try await store.users(beginningWith: "%", limit: 9).isEmpty)
        #expect(try await store.users(beginningWith: "é", limit: 9) == ["é"])
        #expect(try await store.users(beginningWith: "ann", limit: 0).isEmpty)
    }

    @Test("items are added, replaced and looked up in the order asked for")
    func items() async throws {
        let book = ItemRecord(
            id: "b",
            title: "Ein Buch “x”",
            categories: ["z", "a"],
            available: false,
            created: .min,
            attributes: ["year": "1984", "note": "a\0b"]
        )
        try await store.upsert([ItemRecord(id: "a"), ItemRecord(id: "b", title: "old"), book])
        #expect(try await store.items(["b", "missing", "a"]) == [book, ItemRecord(id: "a")])
        #expect(try await store.allItems() == [ItemRecord(id: "a"), book])
        for bad in [ItemRecord(id: ""), ItemRecord(id: "x", title: "\0")] {
            #expect(try await storeError { try await store.upsert([ItemRecord(id: "c"), bad]) }.reason == .invalid)
        }
        #expect(try await store.allItems().count == 2)
    }

    @Test("versions are remembered with their metrics, the latest first")
    func versions() async throws {
        let versions = (0..<3).map { number in
            ModelVersion(slot: "s", version: "v\(number)", path: "/x", time: number == 2 ? 5 : 9, metrics: ["m": 0.1])
        }
        for version in versions { try await store.record(version) }
        #expect(try await store.versions(limit: 9).map(\.version) == ["v1", "v0", "v2"])
        #expect(try await store.versions(limit: 1) == [versions[1]])
        try await store.record(ModelVersion(slot: "s", version: "n", path: "", time: 99, metrics: ["m": .nan]))
        #expect(try await store.versions(limit: 1)[0].metrics["m"]?.isNaN == true)
    }
}

extension StoreFixture {
    /// Whether any file of the store holds these bytes; some may.
    func mentions(_ text: String, beside others: [String] = []) -> Bool {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: folder.url.path)) ?? []
        return files.filter { !others.contains($0) }.contains { name in
            (try? Data(contentsOf: folder.file(name)))?.range(of: Data(text.utf8)) != nil
        }
    }
}
