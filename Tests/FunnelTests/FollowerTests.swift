// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeStore
import Synchronization
import Testing

@testable import CascadeFunnel

@Suite("Other processes, exposures and erasures")
struct FollowerTests {
    private func changed(_ store: MemoryStore, items: Int = 0, erasures: Int = 0) {
        store.state.withLock {
            $0.foreignChanges = ($0.foreignChanges ?? 0) + 1
            $0.counts.items += items
            $0.counts.erasures += erasures
        }
    }

    @Test("items, words and popularity that another process changed are in the next page")
    func items() async throws {
        let store = MemoryStore(items: [ItemRecord(id: "a", title: "old words")], events: clicks("w", ["a"]))
        let service = try await service("{}", store: store)
        #expect(try await service.recommend(to: "u", count: 3).ids == ["a"])
        store.state.withLock {
            $0.items = ["a": ItemRecord(id: "a", available: false), "b": ItemRecord(id: "b", title: "green tea")]
            $0.events += clicks("x", ["b", "c"])
        }
        changed(store, items: 2)
        let page = try await service.recommend(to: "u", count: 3)
        #expect(page.ids == ["b", "c"] && page.items[0].title == "green tea" && page.degraded.isEmpty)
        #expect(try await service.search("tea", user: nil, count: 3).ids == ["b"])
        #expect(try await service.search("words", user: nil, count: 3).ids.isEmpty)
        let stages = try #require(await service.explanation(of: page.request)?.stages.map(\.stage))
        #expect(stages.first == "items")
        let second = try await service.recommend(to: "u", count: 3)
        #expect(await service.explanation(of: second.request)?.stages.first?.stage == "history")
    }

    @Test("similar items follow another process too")
    func similar() async throws {
        let store = MemoryStore(items: [ItemRecord(id: "a"), ItemRecord(id: "b")])
        let service = try await service("{}", store: store)
        #expect(try await service.similar(to: "a", count: 3).ids == ["b"])
        store.state.withLock { $0.items["b"] = ItemRecord(id: "b", available: false) }
        changed(store, items: 1)
        #expect(try await service.similar(to: "a", count: 3).ids.isEmpty)
    }

    @Test("when another process erased somebody, nothing in memory tells of people")
    func erasedElsewhere() async throws {
        let forgotten = Mutex(0)
        let json = #"{"slots": {"r": {"kind": "retriever", "path": "r"}}}"#
        let store = MemoryStore(events: clicks("u", ["a"]))
        let service = try await service(json, store: store) { slot in
            LoadedSlot(
                version: ModelVersion(slot: slot.name, version: "v", path: slot.path, time: 0),
                source: FakeSource(),
                forgetPeople: { forgotten.withLock { $0 += 1 } }
            )
        }
        let page = try await service.recommend(to: "u", count: 3)
        let nobodys = try await service.search("tea", user: nil, count: 1)
        store.state.withLock { $0.events = [] }
        changed(store, erasures: 1)
        #expect(try await service.search("tea", user: nil, count: 1).items.isEmpty)
        #expect(await service.explanation(of: page.request) == nil)
        #expect(await service.explanation(of: nobodys.request) != nil)
        #expect(forgotten.withLock { $0 } == 1)
    }

    @Test("a store that does not answer in time leaves memory as it was, and the page says so")
    func slow() async throws {
        let store = MemoryStore(events: clicks("w", ["a"]))
        let service = try await service("{}", store: store)
        #expect(try await service.recommend(to: "u", count: 3).ids == ["a"])
        store.isBroken = true
        changed(store, items: 1)
        let page = try await service.recommend(to: "u", count: 3)
        #expect(page.ids == ["a"] && page.degraded.contains(Degradation(stage: "items", reason: .failed)))
        store.isBroken = false
        #expect(try await service.recommend(to: "u", count: 3).degraded.isEmpty)
    }

    @Test("what is wrong with the store makes the service not ready")
    func obstacles() async throws {
        let store = MemoryStore()
        let service = try await service("{}", store: store)
        #expect(await service.obstacles().isEmpty)
        store.state.withLock { $0.obstacles = ["the store is damaged"] }
        #expect(await service.obstacles() == ["the store is damaged"])
        service.announce(preparation: "filling its store: 5 of 9 events")
        #expect(await service.obstacles() == ["the service is filling its store: 5 of 9 events"])
    }

    @Test("exposures are removed after keep_days, again and again")
    func expiry() async throws {
        let (store, clock) = (MemoryStore(), TestClock())
        let day: Int64 = 86_400
        func shown(_ request: String, days: Int64) -> Exposure {
            Exposure(request: request, user: nil, item: "i", position: 0, time: TestClock.today - days * day)
        }
        try await store.log([shown("old", days: 4), shown("new", days: 2)])
        let service = try await service(#"{"exposures": {"keep_days": 3}}"#, store: store, clock: clock)
        try await eventually { store.exposures.map(\.request) == ["new"] }
        clock.calendar.withLock { $0 += 2 * day }
        try await clock.sleeper(lasting: FunnelService.expiryPause)
        clock.advance(by: FunnelService.expiryPause)
        try await eventually { store.exposures.isEmpty }
        await service.shutdown()
    }

    @Test("exposures are sampled by request, all of a page or none", arguments: [0.0, 0.3, 1])
    func sampled(share: Double) async throws {
        var settings = ExposureSettings()
        settings.sample = share
        let store = MemoryStore()
        let log = ExposureLog(settings, store: store, metrics: NoMetrics())
        for request in 0..<1_000 {
            log.add(
                (0..<2).map { Exposure(request: "\(request)", user: "u", item: "i", position: $0, time: 0) }
            )
        }
        await log.flush()
        let counts = Dictionary(grouping: store.exposures, by: \.request).mapValues(\.count)
        #expect(counts.values.allSatisfy { $0 == 2 })
        // Five standard deviations of 1,000 draws.
        #expect(abs(Double(counts.count) - 1_000 * share) <= 5 * (1_000 * share * (1 - share)).squareRoot())
    }

    @Test("changed items do not have lately counted again")
    func itemsOnly() async throws {
        let (store, clock) = (MemoryStore(events: clicks("w", ["a"])), TestClock())
        let service = try await service("{}", store: store, clock: clock)
        store.state.withLock { $0.popularReads = [] }
        try await service.upsert([ItemRecord(id: "b", title: "green tea")])
        try await clock.sleeper(lasting: FunnelService.rebuildPause)
        clock.advance(by: FunnelService.rebuildPause)
        try await eventually { (try? await service.search("tea", user: nil, count: 1).ids) == ["b"] }
        #expect(store.state.withLock { $0.popularReads } == [.min])
        await service.shutdown()
    }

    @Test("an erasure whose files take longer answers before they are clean, and is taken up again")
    func slowErasure() async throws {
        let (store, clock) = (MemoryStore(events: clicks("u", ["a"])), TestClock())
        let service = try await service("{}", store: store, clock: clock)
        try await eventually { store.finishing.waitingCount == 0 }
        store.finishing.close()
        let erasure = Task { try await service.erase("u") }
        defer { store.finishing.open() }
        try await clock.sleeper(lasting: FunnelService.erasureWait)
        #expect(try await service.export("u") == nil, "it is out of every answer before")
        clock.advance(by: FunnelService.erasureWait)
        #expect(try await erasure.value == ErasureReceipt(rows: 1, isDone: false))
        store.finishing.open()
        #expect(try await service.erase("u") == ErasureReceipt(rows: 0, isDone: true))
        await service.shutdown()
    }
}
