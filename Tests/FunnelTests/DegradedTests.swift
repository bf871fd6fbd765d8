// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeStore
import Synchronization
import Testing

@testable import CascadeFunnel

@Suite("Stages that are left out")
struct DegradedTests {
    static let json = """
        {"slots": {"good": {"kind": "retriever", "path": "g"}, "bad": {"kind": "retriever", "path": "b"}},
         "recommendation": {
           "sources": [{"slot": "good", "quota": 6}, {"slot": "bad", "quota": 6, "deadline_ms": 31}],
           "prerank": {"slot": "bad", "keep": 4, "deadline_ms": 37},
           "rank": {"slot": "bad", "keep": 2, "deadline_ms": 41}, "deadline_ms": 450}}
        """

    /// What the bad slot does once it has passed its trial.
    private final class Fault: Sendable {
        enum Kind: Sendable { case none, fails, hangs, nan, tooFew }
        let kind = Mutex(Kind.none)
        let gate = Gate()

        func meet(_ found: [Double?]) async throws -> [Double?] {
            switch kind.withLock({ $0 }) {
            case .none: return found
            case .fails: throw StageFailure()
            case .nan: return found.map { _ in .nan }
            case .tooFew: return Array(found.dropLast())
            case .hangs:
                await gate.pass()
                return found
            }
        }
    }

    private struct BadStage: CandidateSource, CandidateScorer {
        let version = "b"
        let fault: Fault

        func candidates(for request: FunnelRequest, limit: Int, excluding: Set<ItemID>) async throws -> [ScoredItem] {
            try await fault.meet([1, 2]).enumerated().map { ScoredItem(ItemID("b\($0)"), $1 ?? 0) }
        }

        func scores(of items: [ItemID], for request: FunnelRequest) async throws -> [Double?] {
            try await fault.meet(items.map { Double($0.rawValue.dropFirst()) })
        }
    }

    private func service(_ fault: Fault, _ clock: TestClock = TestClock(), _ store: MemoryStore = MemoryStore())
        async throws
        -> FunnelService
    {
        try await FunnelTests.service(Self.json, store: store, clock: clock) { slot in
            let stage = BadStage(fault: fault)
            return slot.name == "good"
                ? loaded(slot, source: FakeSource(items: items("a", 6))) : loaded(slot, source: stage, scorer: stage)
        }
    }

    @Test("a stage that fails is left out; its items go on in the order they had", arguments: [0, 1])
    func failing(kind: Int) async throws {
        let fault = Fault()
        let service = try await service(fault)
        #expect(try await service.recommend(to: "u", count: 2).ids == ["a6", "a5"])
        fault.kind.withLock { $0 = kind == 0 ? .fails : .nan }
        let page = try await service.recommend(to: "u", count: 2)
        #expect(page.ids == ["a1", "a2"])
        #expect(page.degraded == ["bad", "prerank", "rank"].map { Degradation(stage: $0, reason: .failed) })
        #expect(page.versions == ["good": "g"])
        let stages = try #require(await service.explanation(of: page.request)).stages
        #expect(stages.map(\.degraded) == [nil, nil, .failed, nil, .failed, .failed, nil])
        #expect(stages.map(\.keptCount) == [0, 6, 0, 6, 4, 2, 2])
    }

    @Test("a scorer that answers for too few items is left out")
    func tooFew() async throws {
        let fault = Fault()
        let service = try await service(fault)
        fault.kind.withLock { $0 = .tooFew }
        #expect(try await service.recommend(to: "u", count: 2).degraded.map(\.stage) == ["prerank", "rank"])
    }

    @Test("a stage that hangs costs its deadline and no more")
    func hanging() async throws {
        let (fault, clock) = (Fault(), TestClock())
        let service = try await service(fault, clock)
        fault.kind.withLock { $0 = .hangs }
        fault.gate.close()
        let answer = Task { try await service.recommend(to: "u", count: 2) }
        for deadline in [31, 37, 41] {
            try await clock.sleeper(lasting: .milliseconds(deadline))
            clock.advance(by: .milliseconds(deadline))
        }
        let page = try await answer.value
        #expect(page.ids == ["a1", "a2"])
        #expect(page.degraded == ["bad", "prerank", "rank"].map { Degradation(stage: $0, reason: .deadline) })
        // Where the milliseconds go: every stage's own, and together the whole.
        let explanation = try #require(await service.explanation(of: page.request))
        #expect(explanation.latencyMS == 109)
        let times = Dictionary(uniqueKeysWithValues: explanation.stages.map { ($0.stage, $0.latencyMS) })
        #expect(times["bad"] == 31 && times["prerank"] == 37 && times["rank"] == 41)
        #expect(times["history"] == 0 && times["merge"] == 0 && times["rerank"] == 0)
        fault.gate.open()
    }

    @Test("the deadline of the whole cuts that of a stage, and leaves none for those after it")
    func whole() async throws {
        let (gate, clock) = (Gate(), TestClock())
        let json = """
            {"slots": {"m": {"kind": "retriever", "path": "p"}},
             "recommendation": {"sources": [{"slot": "m"}], "prerank": {"slot": "m", "deadline_ms": 9000},
                                "rank": {"slot": "m", "deadline_ms": 9000}, "deadline_ms": 70}}
            """
        let service = try await FunnelTests.service(json, clock: clock) { slot in
            loaded(slot, source: FakeSource(items: items("a", 3)), scorer: FakeScorer(gate: gate))
        }
        gate.close()
        let answer = Task { try await service.recommend(to: "u", count: 2) }
        try await eventually { gate.waitingCount == 1 }
        try await clock.sleeper(lasting: .milliseconds(70))
        clock.advance(by: .milliseconds(70))
        let page = try await answer.value
        #expect(page.ids == ["a1", "a2"])
        #expect(page.degraded == ["prerank", "rank"].map { Degradation(stage: $0, reason: .deadline) })
        #expect(gate.waitingCount == 1)
        gate.open()
    }

    @Test("a store that cannot be read costs the history, not the answer")
    func brokenStore() async throws {
        let store = MemoryStore(events: clicks("w", ["p1", "p2"]))
        let service = try await service(Fault(), TestClock(), store)
        store.isBroken = true
        let page = try await service.recommend(to: "u", count: 10)
        #expect(page.degraded == [Degradation(stage: "history", reason: .failed)])
        #expect(page.ids.suffix(2) == ["p1", "p2"])
        await #expect(throws: BrokenStore.self) { try await service.record(clicks("u", ["p1"])) }
    }

    @Test("a store that hangs costs the history's deadline")
    func slowStore() async throws {
        let (store, clock) = (MemoryStore(), TestClock())
        let service = try await service(Fault(), clock, store)
        store.reading.close()
        let answer = Task { try await service.recommend(to: "u", count: 2) }
        try await eventually { store.reading.waitingCount == 1 }
        try await clock.sleeper(lasting: .milliseconds(100))
        clock.advance(by: .milliseconds(100))
        #expect(try await answer.value.degraded == [Degradation(stage: "history", reason: .deadline)])
        store.reading.open()
    }

    @Test("what a stage threw is told, and so is work behind the answers that failed")
    func failures() async throws {
        final class Watcher: FunnelMetrics {
            let seen = Mutex<[String]>([])
            func failed(_ failure: FunnelFailure) {
                let error = failure.error.map { "\(type(of: $0))" } ?? "nothing"
                seen.withLock { $0.append("\(failure.place) \(failure.reason?.rawValue ?? "behind") \(error)") }
            }
        }
        let (fault, watcher, store) = (Fault(), Watcher(), MemoryStore())
        let service = try await FunnelTests.service(Self.json, store: store, metrics: watcher) { slot in
            if slot.name == "good" { throw StageFailure() }
            let stage = BadStage(fault: fault)
            return loaded(slot, source: stage, scorer: stage)
        }
        fault.kind.withLock { $0 = .fails }
        store.isBroken = true
        _ = try await service.recommend(to: "u", count: 2)
        let seen = watcher.seen.withLock { $0 }
        #expect(seen.contains("history failed BrokenStore") && seen.contains("bad failed StageFailure"))
        #expect(seen.contains("good missing nothing"))
        await service.popularity.refresh(telling: watcher)
        #expect(watcher.seen.withLock { $0 }.contains("popularity behind BrokenStore"))
    }

    @Test("metrics see every stage and every answer")
    func metrics() async throws {
        final class Watcher: FunnelMetrics {
            let seen = Mutex<[String]>([])
            func stageFinished(_ stage: String, milliseconds: Double, degraded: Degradation.Reason?) {
                seen.withLock { $0.append("\(stage) \(degraded?.rawValue ?? "ok")") }
            }
            func responded(_ kind: RequestKind, milliseconds: Double, degraded: Bool) {
                seen.withLock { $0.append("\(kind.rawValue) \(degraded)") }
            }
            func swapped(_ swap: SlotSwap) { seen.withLock { $0.append("replaced \(swap.slot)") } }
        }
        let watcher = Watcher()
        let json =
            #"{"slots": {"m": {"kind": "retriever", "path": "p"}}, "recommendation": {"sources": "#
            + #"[{"slot": "m"}], "rank": {"slot": "m"}}}"#
        let service = try await FunnelTests.service(json, metrics: watcher) { slot in
            loaded(
                slot,
                source: FakeSource(items: items("a", 3)),
                scorer: FakeScorer { item, request in
                    request.id == "trial" ? 1 : .nan
                }
            )
        }
        _ = try await service.recommend(to: "u", count: 2)
        #expect(
            watcher.seen.withLock { $0 } == [
                "replaced m", "history ok", "m ok", "merge ok", "rank failed", "rerank ok", "recommendation true",
            ]
        )
    }
}
