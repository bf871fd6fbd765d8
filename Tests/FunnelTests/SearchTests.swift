// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeStore
import Testing

@testable import CascadeFunnel

@Suite("Searches and similar items")
struct SearchTests {
    static let records = [
        ItemRecord(id: "hat", title: "Red hat", categories: ["clothes"]),
        ItemRecord(id: "shoe", title: "Red shoe", categories: ["clothes", "shoes"]),
        ItemRecord(id: "pot", title: "Crème pot", categories: ["kitchen"]),
        ItemRecord(id: "cap", title: "Red cap", categories: ["clothes"], available: false),
    ]

    private func store() -> MemoryStore {
        MemoryStore(items: Self.records, events: clicks("w", ["pot", "hat", "pot", "shoe", "pot", "hat", "cap"]))
    }

    @Test("words of titles and categories find items; unavailable ones stay away")
    func words() async throws {
        let service = try await service("{}", store: store())
        #expect(try await Set(service.search("red", user: nil, count: 9).ids) == ["hat", "shoe"])
        #expect(try await service.search("creme", user: "u", count: 9).ids == ["pot"])
        #expect(try await service.search("SHOES red", user: nil, count: 1).ids == ["shoe"])
        let page = try await service.search("kitchen", user: nil, count: 9)
        #expect(page.items.first?.sources == ["lexical"] && page.degraded.isEmpty)
    }

    @Test("whoever searches finds again what they know, unless the rules say otherwise")
    func seen() async throws {
        #expect(try await service("{}", store: store()).search("hat", user: "w", count: 9).ids == ["hat"])
        let strict = try await service(#"{"search": {"rerank": {"exclude_seen": true}}}"#, store: store())
        #expect(try await strict.search("hat", user: "w", count: 9).ids.isEmpty)
    }

    @Test(
        "a query is text, whatever it looks like; what finds nothing has an empty page",
        arguments: [
            "", " ", "\0", "\"", "red\" OR 1", "NEAR(", "*", "(((((", "👍", "nothing at all",
            String(repeating: "x ", count: 200_000), "e" + String(repeating: "\u{301}", count: 100_000),
        ]
    )
    func hostile(query: String) async throws {
        let service = try await service(#"{"search": {"rerank": {"pinned": ["hat"]}}}"#, store: store())
        let page = try await service.search(query, user: nil, count: 9)
        #expect(page.degraded.isEmpty)
        #expect(query.contains("red") || page.items.isEmpty)
        #expect(try await service.search("pot", user: nil, count: 9).ids == ["hat", "pot"])
    }

    @Test("a query and its history reach the ranker, the query cut to what models read")
    func ranker() async throws {
        let json = #"{"slots": {"s": {"kind": "search-ranker", "path": "p"}}, "search": {"rank": {"slot": "s"}}}"#
        let service = try await service(json, store: store()) { slot in
            loaded(
                slot,
                scorer: FakeScorer { item, request in
                    item == "shoe" && request.query?.unicodeScalars.count ?? 999 <= 256 ? 1 : 0
                }
            )
        }
        let page = try await service.search("red " + String(repeating: "y", count: 10_000), user: "u", count: 9)
        #expect(page.ids == ["shoe", "hat"] && page.versions == ["s": "p"])
    }

    @Test("changed items are found after a pause, many changes at once")
    func rebuilt() async throws {
        let clock = TestClock()
        let service = try await service("{}", store: store(), clock: clock)
        for number in 0..<5 { try await service.upsert([ItemRecord(id: ItemID("n\(number)"), title: "violin")]) }
        #expect(try await service.items(["n1", "x"]).map(\.id) == ["n1"])
        #expect(try await service.search("violin", user: nil, count: 9).items.isEmpty)
        try await clock.sleeper(lasting: FunnelService.rebuildPause)
        clock.advance(by: FunnelService.rebuildPause)
        try await eventually { (try? await service.search("violin", user: nil, count: 9).items.count) == 5 }
        try await service.upsert([ItemRecord(id: "n1", title: "violin", available: false)])
        #expect(try await service.search("violin", user: nil, count: 9).items.count == 4)
        try await clock.sleeper(lasting: FunnelService.rebuildPause)
        await service.shutdown()
    }

    @Test("a change is merged with what is stored; a withdrawn item is on no page until it is stored again")
    func changedAndWithdrawn() async throws {
        let service = try await service("{}", store: store())
        #expect(try await service.update("hat") { $0.attributes["size"] = "L" }?.title == "Red hat")
        #expect(try await service.items(["hat"]).first?.attributes == ["size": "L"])
        #expect(try await service.update("nobody") { $0.title = "x" } == nil)
        await #expect(throws: CancellationError.self) {
            try await service.update("hat") { _ in throw CancellationError() }
        }
        #expect(try await service.search("hat", user: nil, count: 9).ids.contains("hat"))
        #expect(try await service.withdraw("hat"))
        #expect(try await !service.withdraw("hat"))
        #expect(try await !service.search("hat", user: nil, count: 9).ids.contains("hat"))
        #expect(try await service.update("hat") { $0.title = "x" } == nil)
        try await service.upsert([ItemRecord(id: "hat", title: "Red hat")])
        #expect(try await service.search("hat", user: nil, count: 9).ids.contains("hat"))
        await service.shutdown()
    }

    static let similar = #"{"slots": {"a": {"kind": "retriever", "path": "p"}, "b": {"kind": "index", "path": "q"}}}"#

    @Test("similar items come from the first slot that knows any, without the item itself and what may not be shown")
    func similarItems() async throws {
        let service = try await service(Self.similar, store: store()) { slot in
            let known: [ItemID: [ScoredItem]] = [
                "hat": [.init("hat", 9), .init("cap", 8), .init("shoe", 7), .init("shoe", 7), .init("z", 6)]
            ]
            return slot.name == "a"
                ? loaded(slot, source: FakeSource()) : loaded(slot, similar: FakeSimilar(known: known))
        }
        let page = try await service.similar(to: "hat", count: 5)
        #expect(page.ids == ["shoe", "z"] && page.items.map(\.score) == [7, 6] && page.versions == ["b": "q"])
        #expect(await service.explanation(of: page.request)?.stages.map(\.stage) == ["similar"])
    }

    @Test("without a model that knows the item, popular items of its categories come first")
    func relatives() async throws {
        let service = try await service("{}", store: store())
        let page = try await service.similar(to: "shoe", count: 5)
        #expect(page.ids == ["hat", "pot"] && page.items[0].reasons == ["clothes", "popular"])
        #expect(page.degraded.isEmpty)
        let error = await #expect(throws: ServiceError.self) { try await service.similar(to: "nobody", count: 5) }
        #expect(error?.reason == .notFound)
    }

    @Test("a slot that fails leaves popular items, even for an item that nobody else knows")
    func similarFails() async throws {
        let service = try await service(Self.similar, store: store()) { slot in
            // The trial asks for an item of this name.
            slot.name == "b" ? loaded(slot, similar: FailingSimilar()) : loaded(slot)
        }
        let page = try await service.similar(to: "unknown", count: 5)
        #expect(page.ids == ["pot", "hat", "shoe"])
        #expect(page.degraded == [Degradation(stage: "similar", reason: .failed)])
    }

    private struct FailingSimilar: SimilarItemSource {
        let version = "1"
        func similar(to item: ItemID, limit: Int) async throws -> [ScoredItem]? {
            if item == "trial" { return nil }
            throw StageFailure()
        }
    }
}
