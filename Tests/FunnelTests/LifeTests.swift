// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeStore
import Synchronization
import Testing

@testable import CascadeFunnel

@Suite("What is remembered, and how the service stops")
struct LifeTests {
    private func store() -> MemoryStore { MemoryStore(events: clicks("w", ["a", "b", "c"])) }

    @Test("what was shown is written down, behind the answer")
    func exposures() async throws {
        let store = store()
        let service = try await service("{}", store: store)
        store.logging.close()
        let page = try await service.recommend(to: "u", count: 2, context: ["device": "phone"])
        #expect(store.exposures.isEmpty)
        store.logging.open()
        #expect(try await service.export("u")?.exposures.map(\.item) == page.items.map(\.item))
        #expect(store.exposures.map(\.position) == [0, 1])
        #expect(store.exposures.allSatisfy { $0.request == page.request && $0.time == TestClock.today })
        let facts = RequestFacts(kind: .recommendation, context: ["device": "phone"], policy: "default")
        #expect(store.exposures.allSatisfy { $0.facts == facts && $0.propensity == 1 })
        #expect(store.exposures.map(\.score) == page.items.map(\.score))
    }

    @Test("a page that is only looked at is explained, but neither logged as shown nor counted as answered")
    func previews() async throws {
        final class Counter: FunnelMetrics {
            let seen = Mutex<[String]>([])
            func responded(_ kind: RequestKind, milliseconds: Double, degraded: Bool) {
                seen.withLock { $0.append("answered \(kind.rawValue)") }
            }
            func previewed(_ kind: RequestKind) { seen.withLock { $0.append("previewed \(kind.rawValue)") } }
        }
        let (store, counter) = (store(), Counter())
        let service = try await service("{}", store: store, metrics: counter)
        let page = try await service.recommend(to: "u", count: 2, context: [:], isPreview: true)
        _ = try await service.search("x", user: "u", count: 2, context: [:], isPreview: true)
        _ = try await service.similar(to: "a", count: 2, isPreview: true)
        #expect(page.items.count == 2)
        #expect(await service.explanation(of: page.request)?.page == page)
        await service.exposures.flush()
        #expect(store.exposures.isEmpty)
        #expect(
            counter.seen.withLock { $0 } == ["previewed recommendation", "previewed search", "previewed similar"]
        )
    }

    @Test("when the store is too slow, the oldest go, and are counted")
    func bounded() async throws {
        final class Counter: FunnelMetrics {
            let lost = Mutex(0)
            func exposuresLost(_ count: Int) { lost.withLock { $0 += count } }
        }
        let (store, counter) = (MemoryStore(), Counter())
        let log = ExposureLog(ExposureSettings(), capacity: 3, store: store, metrics: counter)
        store.logging.close()
        func shown(_ number: Int) -> Exposure {
            Exposure(request: "\(number)", user: "u", item: "i", position: 0, time: 0)
        }
        log.add([shown(0)])
        try await eventually { store.logging.waitingCount == 1 }
        for number in 1...5 { log.add([shown(number)]) }
        #expect(counter.lost.withLock { $0 } == 2)
        store.logging.open()
        await log.flush()
        #expect(store.exposures.map(\.request) == ["0", "3", "4", "5"])
        store.isBroken = true
        log.add([shown(6)])
        await log.flush()
        #expect(counter.lost.withLock { $0 } == 3)
    }

    @Test("erasing a person leaves nothing: not in the store, in memory, or on the way to the store")
    func erase() async throws {
        let store = store()
        let service = try await service(#"{"recommendation": {"rerank": {"exclude_seen": true}}}"#, store: store)
        _ = try await service.record(clicks("u", ["a"]))
        store.logging.close()
        let page = try await service.recommend(to: "u", count: 2)
        let second = try await service.recommend(to: "u", count: 2)
        #expect(page.ids == ["b", "c"])
        try await eventually { store.logging.waitingCount == 1 }
        let erasure = Task { try await service.erase("u") }
        store.logging.open()
        #expect(try await erasure.value.rows > 0)
        #expect(try await service.export("u") == nil)
        #expect(await service.explanation(of: page.request) == nil)
        #expect(await service.explanation(of: second.request) == nil)
        #expect(try await service.recommend(to: "u", count: 2).ids == ["a", "b"])
        #expect(try await service.erase("nobody") == ErasureReceipt(rows: 0, isDone: true))
    }

    @Test("erasing a person empties what the slots remember of people")
    func forgetting() async throws {
        let forgotten = Mutex(0)
        let json = #"{"slots": {"r": {"kind": "retriever", "path": "r"}}}"#
        let service = try await service(json, store: store()) { slot in
            LoadedSlot(
                version: ModelVersion(slot: slot.name, version: "v", path: slot.path, time: 0),
                source: FakeSource(items: items("a", 3)),
                forgetPeople: { forgotten.withLock { $0 += 1 } }
            )
        }
        _ = try await service.erase("u")
        #expect(forgotten.withLock { $0 } == 1)
    }

    @Test("the last requests can be explained, and no others")
    func ring() async throws {
        let service = try await service(#"{"explain": {"remember": 2, "items": 1}}"#, store: store())
        var requests: [String] = []
        for _ in 0..<5 { requests.append(try await service.recommend(to: "u", count: 3).request) }
        for request in requests.dropLast(2) { #expect(await service.explanation(of: request) == nil) }
        for request in requests.suffix(2) {
            let stage = try #require(await service.explanation(of: request)?.stages.last)
            #expect(stage.kept.count == 1 && stage.keptCount == 3)
        }
        let silent = try await FunnelTests.service(#"{"explain": {"remember": 0}}"#, store: store())
        #expect(await silent.explanation(of: try silent.recommend(to: "u", count: 1).request) == nil)
    }

    @Test("popularity is counted again in the background, lately and always")
    func popularity() async throws {
        let (store, clock) = (store(), TestClock())
        let old = Event(user: "x", item: "old", time: 5)
        _ = try await store.append([1, 2, 3].map { NewEvent(id: "old\($0)", event: old) })
        let json = #"{"recommendation": {"sources": [{"builtin": "recent-popular"}]}}"#
        let service = try await service(json, store: store, clock: clock)
        #expect(try await service.recommend(to: "u", count: 9).ids == ["a", "b", "c", "old"])
        _ = try await service.record(clicks("x", ["c"]))
        #expect(try await service.recommend(to: "u", count: 1).ids == ["a"])
        try await clock.sleeper(lasting: .seconds(60))
        clock.advance(by: .seconds(60))
        try await eventually { (try? await service.recommend(to: "u", count: 1).ids) == ["c"] }
        await service.shutdown()
    }

    @Test("the newest items are found as soon as they are stored, the available ones alone")
    func newest() async throws {
        let json = #"{"recommendation": {"sources": [{"builtin": "newest", "quota": 2}]}}"#
        let service = try await service(json, store: store())
        let fresh = (1...3).map { ItemRecord(id: ItemID("n\($0)"), available: $0 != 2, created: Int64($0) * 100) }
        try await service.upsert(fresh)
        #expect(Array(try await service.recommend(to: "u", count: 2).ids) == ["n3", "n1"])
        try await service.upsert([ItemRecord(id: "n4", created: 400)])
        #expect(try await service.recommend(to: "u", count: 1).ids == ["n4"])
        #expect(try await service.recommend(to: "u", count: 9).ids.prefix(2) == ["n4", "n3"])
        await service.shutdown()
    }

    @Test("a calendar that jumps takes nothing off a page", arguments: [Int64(631_152_000), 4_102_444_800])
    func calendarJumps(moment: Int64) async throws {
        let (store, clock) = (store(), TestClock())
        let json = #"""
            {"recommendation": {"sources": [{"builtin": "recent-popular"}], "rerank": {"freshness": {"weight": 0.5}}}}
            """#
        let service = try await service(json, store: store, clock: clock)
        let before = try await service.recommend(to: "u", count: 3)
        clock.calendar.withLock { $0 = moment }
        _ = try await service.record(clicks("u", [before.ids[0]]))
        try await clock.sleeper(lasting: .seconds(60))
        clock.advance(by: .seconds(60))
        let after = try await service.recommend(to: "u", count: 3)
        #expect(after.degraded.isEmpty && after.ids == Array(before.ids.dropFirst()))
        await service.shutdown()
    }

    @Test("a service that stops finishes what runs, writes down what was shown, and takes nothing more")
    func shutdown() async throws {
        let (store, gate) = (store(), Gate())
        let json =
            #"{"slots": {"m": {"kind": "retriever", "path": "p"}}, "recommendation": {"sources": [{"slot": "m"}]}}"#
        let service = try await service(json, store: store) { slot in
            loaded(slot, source: FakeSource(items: items("a", 3), gate: gate))
        }
        gate.close()
        let answer = Task { try await service.recommend(to: "u", count: 2) }
        try await eventually { gate.waitingCount == 1 }
        let end = Task { await service.shutdown() }
        try await eventually { await !service.obstacles().isEmpty }
        let refused = await #expect(throws: ServiceError.self) { try await service.recommend(to: "u", count: 2) }
        #expect(refused?.reason == .unavailable)
        await #expect(throws: ServiceError.self) { try await service.record(clicks("u", ["a1"])) }
        gate.open()
        await end.value
        #expect(try await answer.value.ids == ["a1", "a2"])
        #expect(store.exposures.count == 2)
    }

    @Test("a service is ready when it has started")
    func ready() async throws {
        let service = try FunnelService(
            FunnelConfiguration(),
            store: store(),
            loader: FakeLoader { _ in throw StageFailure() },
            clock: TestClock().funnel
        )
        #expect(await service.obstacles().count == 1)
        // Early requests are answered all the same.
        #expect(try await service.recommend(to: "u", count: 1).ids == ["a"])
        try await service.start()
        #expect(await service.obstacles().isEmpty)
        await service.shutdown()
    }

    @Test("whoever is gone is shown nothing")
    func cancelled() async throws {
        let (store, gate) = (store(), Gate())
        let json =
            #"{"slots": {"m": {"kind": "retriever", "path": "p"}}, "recommendation": {"sources": [{"slot": "m"}]}}"#
        let service = try await service(json, store: store) { slot in
            loaded(slot, source: FakeSource(items: items("a", 3), gate: gate))
        }
        gate.close()
        let answer = Task { try await service.recommend(to: "u", count: 2) }
        try await eventually { gate.waitingCount == 1 }
        answer.cancel()
        await #expect(throws: CancellationError.self) { try await answer.value }
        gate.open()
        await service.shutdown()
        #expect(store.exposures.isEmpty)
    }
}

@Suite("Work that is done later")
struct LaterTests {
    @Test("many who ask are served at once; who asks during the work is served by the next, after it")
    func once() async throws {
        let (clock, gate) = (TestClock(), Gate())
        let runs = Mutex(0)
        let debouncer = Debouncer(after: .seconds(1), clock.funnel) {
            runs.withLock { $0 += 1 }
            await gate.pass()
        }
        gate.close()
        for _ in 0..<5 { debouncer.schedule() }
        try await clock.sleeper(lasting: .seconds(1))
        clock.advance(by: .seconds(1))
        try await eventually { gate.waitingCount == 1 }
        for _ in 0..<5 { debouncer.schedule() }
        clock.advance(by: .seconds(9))
        #expect(runs.withLock { $0 } == 1)
        gate.open()
        // The work took nine seconds, and may take a tenth of the time.
        try await clock.sleeper(lasting: .seconds(81))
        clock.advance(by: .seconds(81))
        try await eventually { runs.withLock { $0 } == 2 }
        debouncer.schedule()
        debouncer.stop()
        debouncer.schedule()
        clock.advance(by: .seconds(9))
        #expect(runs.withLock { $0 } == 2)
    }
}
