// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeStore
import Foundation
import TestSupport
import Testing

@testable import CascadeFunnel

/// A store of 80 people who like even or odd items, and versions that know it more or less.
@Suite("The gate before a slot")
struct GateTests {
    let folder: TemporaryFolder
    let store: SQLiteStore
    /// The last second of what every version was trained on.
    let trained = TestClock.today - 1_000

    init() async throws {
        folder = try TemporaryFolder()
        store = try SQLiteStore(at: folder.file("store.sqlite"))
        for name in ["good", "again", "bad", "slow"] {
            try FileManager.default.createDirectory(at: folder.file(name), withIntermediateDirectories: true)
        }
        var events: [NewEvent] = []
        for person in 0..<80 {
            for step in 0..<6 {
                // Three events each before the end of training, and three after it.
                let time = step < 3 ? trained - Int64(step) : trained + 10 + Int64(step)
                let item = ItemID("i\(2 * ((person + 7 * step) % 20) + person % 2)")
                let event = Event(user: UserID("u\(person)"), item: item, time: time, query: step == 5 ? "even" : nil)
                events.append(NewEvent(id: "\(person)-\(step)", event: event))
            }
        }
        _ = try await store.append(events)
    }

    /// Finds what has the parity of the last event: `good` of all items, `bad` of the other parity.
    private struct ParitySource: CandidateSource {
        var version: String
        var isExact = true
        let clock: TestClock

        func candidates(
            for request: FunnelRequest,
            limit: Int,
            excluding: Set<ItemID>
        ) async throws -> [ScoredItem] {
            guard let last = request.history.last, let number = Int(last.item.rawValue.dropFirst()) else { return [] }
            if version == "slow" { clock.advance(by: .milliseconds(20)) }
            let wanted = version == "bad" ? (number + 1) % 2 : number % 2
            let all = (0..<40).filter { $0 % 2 == wanted }.map { ItemID("i\($0)") }
            let found = isExact ? all : Array(all.prefix(4))
            return found.filter { !excluding.contains($0) }.prefix(limit).enumerated().map {
                ScoredItem($1, Double(-$0))
            }
        }
    }

    /// A gate over versions named after the last part of their folder.
    private func gate(_ promotion: String = "{}", path: String = "good", kind: String = "retriever") throws
        -> PromotionGate
    {
        let rank = #""rank": {"slot": "m", "deadline_ms": 15}"#
        let plan = kind == "retriever" ? #""sources": [{"slot": "m", "deadline_ms": 1000}]"# : rank
        let purpose = kind == "search-ranker" ? "search" : "recommendation"
        let json = """
            {"slots": {"m": {"kind": "\(kind)", "path": "\(folder.file(path).path)"}},
             "\(purpose)": {\(plan)}, "promotion": \(promotion)}
            """
        let (trained, clock) = (trained, TestClock())
        return PromotionGate(
            try configuration(json),
            store: store,
            loader: FakeLoader { slot in
                let name = URL(filePath: slot.path).lastPathComponent
                if name == "broken" { throw StageFailure() }
                let likes = name == "bad" ? 1.0 : -1
                let found = LoadedSlot(
                    version: ModelVersion(slot: slot.name, version: name, path: slot.path, time: 0),
                    trainedUntil: trained,
                    source: ParitySource(version: name, isExact: slot.index == nil, clock: clock),
                    scorer: FakeScorer { item, request in
                        guard let last = request.history.last else { return 0 }
                        if name == "nan" { return .nan }
                        let own = Int(last.item.rawValue.dropFirst()) ?? 0
                        let isAlike = (Int(item.rawValue.dropFirst()) ?? 0) % 2 == own % 2
                        return isAlike ? -likes : likes
                    }
                )
                return found
            },
            memory: nil,
            clock: clock.funnel
        )
    }

    private func judged(_ name: String, _ promotion: String = "{}", path: String = "good", index: String? = nil)
        async throws -> GateReport
    {
        try await gate(promotion, path: path).report(on: folder.file(name).path, index: index, for: "m")
    }

    @Test("a better version than popularity passes, and is served from then on")
    func better() async throws {
        let gate = try gate(#"{"require": "better"}"#, path: "nothing yet")
        let report = try await gate.report(on: folder.file("good").path, for: "m")
        #expect(report.isPassed && report.serving == nil && report.decisive == "ndcg@10")
        let window = try #require(report.window)
        #expect(window.since == trained + 1 && window.users == 80 && window.until > TestClock.today)
        let found = try #require(report.metrics["ndcg@10"])
        #expect(found.candidate > found.serving && found.low > 0 && found.pValue < 0.01)
        #expect(abs(found.candidate - found.serving - found.difference) < 1e-12)
        let promotion = try await gate.decide(report)
        #expect(promotion.decision == .promoted && promotion.previous == nil && promotion.id == 1)
        // Now that it serves, the same is no news, and a worse one is refused.
        #expect(try await gate.report(on: folder.file("good").path, for: "m").refusals == ["good serves already"])
        let worse = try await gate.report(on: folder.file("bad").path, for: "m")
        #expect(worse.serving?.version == "good" && worse.refusals.first?.contains("it is worse") == true)
        let refused = try await gate.decide(worse)
        #expect(refused.decision == .refused && refused.reason.contains("ndcg@10"))
        #expect(try await store.latestChanges()["m"] == promotion)
        #expect(try await store.promotions(of: "m", limit: 9).map(\.decision) == [.refused, .promoted])
    }

    @Test("an equal version passes unless better is required; a forced one serves though refused")
    func equal() async throws {
        #expect(try await judged("again").isPassed)
        let strict = try await judged("again", #"{"require": "better"}"#)
        #expect(strict.refusals.first?.contains("not shown to be better") == true)
        let forced = try await gate().decide(strict, isForced: true)
        #expect(forced.decision == .promoted && forced.reason.hasPrefix("forced, although"))
        #expect(forced.previous?.version == "good")
    }

    @Test("what cannot be loaded, answers too slowly, or has a poor index is refused with the reason")
    func refusals() async throws {
        let broken = try await judged("broken")
        #expect(broken.refusals.first?.hasPrefix("it cannot be served") == true && broken.window == nil)
        #expect(try await gate().decide(broken, isForced: true).decision == .refused)
        let slow = try await judged("slow", #"{"max_users": 60}"#)
        #expect(
            slow.refusals.count == 1
                && slow.refusals[0].contains("20.0 ms, is more than 3.0 times the serving version's")
        )
        let poor = try await judged("again", index: folder.file("index").path)
        #expect(try #require(poor.indexRecall) < 0.5)
        #expect(poor.refusals.contains { $0.contains("recall@100") && $0.contains("min_index_recall") })
    }

    @Test("choices on recommended pages count only when too few others are known, or when all are asked for")
    func organicChoices() async throws {
        let plain = try await judged("again")
        var events: [NewEvent] = []
        for person in 0..<80 {
            let (request, item) = ("page-\(person)", ItemID("i\((person + 1) % 2)"))
            let facts = RequestFacts(kind: .recommendation)
            let user = UserID("u\(person)")
            try await store.log([
                Exposure(request: request, user: user, item: item, position: 0, time: trained + 30, facts: facts)
            ])
            let event = Event(user: user, item: item, time: trained + 31)
            events.append(NewEvent(id: "shown-\(person)", event: event, request: request))
        }
        _ = try await store.append(events)
        let organic = try await judged("again")
        #expect(organic.window?.choices == .organic && organic.metrics["recall@10"] == plain.metrics["recall@10"])
        let all = try await judged("again", #"{"choices": "all"}"#)
        let (own, less) = (try #require(organic.metrics["recall@10"]), try #require(all.metrics["recall@10"]))
        #expect(all.window?.choices == .all && less.candidate < own.candidate)
        // A page that was not logged is no search.
        let unknown = Event(user: "u0", item: "i1", time: trained + 32)
        _ = try await store.append([NewEvent(id: "unlogged", event: unknown, request: "not in the sample")])
        #expect(try await judged("again").metrics["recall@10"] == plain.metrics["recall@10"])
        // A hundred users are asked for, so that all choices have to do; those are not enough either.
        let few = try await judged("again", #"{"min_users": 81}"#)
        #expect(few.window?.choices == .all && !few.isPassed)
    }

    @Test("where what serves cannot be loaded, or a score is no number, nothing passes")
    func unanswerable() async throws {
        try FileManager.default.createDirectory(at: folder.file("broken"), withIntermediateDirectories: true)
        let report = try await judged("good", path: "broken")
        #expect(report.refusals.count == 1 && report.refusals[0].contains("cannot be loaded to compare with"))
        let gate = try gate(kind: "ranker")
        let silent = try await gate.report(on: folder.file("nan").path, for: "m")
        #expect(silent.refusals.contains { $0.contains("the comparison failed") }, "\(silent.refusals)")
    }

    @Test("too few users decide nothing")
    func fewUsers() async throws {
        let report = try await judged("bad", #"{"min_users": 81}"#)
        #expect(report.refusals == [report.summary] && report.summary.contains("found 80 users"))
    }

    @Test("rankers order what was wanted among what is popular", arguments: ["ranker", "search-ranker"])
    func rankers(kind: String) async throws {
        let report = try await gate(kind: kind).report(on: folder.file("bad").path, for: "m")
        #expect(report.window?.users == 80 && report.window?.cases == 80)
        #expect(report.refusals.first?.contains("it is worse") == true)
        #expect(try await gate(path: "bad", kind: kind).report(on: folder.file("good").path, for: "m").isPassed)
    }

    @Test("roll-backs take one promotion back after another")
    func rollBack() async throws {
        let gate = try gate(#"{"max_users": 60}"#)
        #expect(try await refusal(of: gate, "m").contains("no promotion to take back"))
        let first = try await gate.decide(gate.report(on: folder.file("again").path, for: "m"))
        let second = try await gate.decide(gate.report(on: folder.file("bad").path, for: "m"), isForced: true)
        #expect(first.previous?.version == "good" && second.previous?.version == "again")
        #expect(try await gate.rollBack("m").version == "again")
        #expect(try await store.latestChanges()["m"]?.decision == .rolledBack)
        #expect(try await gate.rollBack("m").version == "good")
        #expect(try await refusal(of: gate, "m").contains("no promotion to take back"))
        #expect(try await refusal(of: gate, "x").contains("unknown slot"))
    }

    /// Why a roll-back is refused.
    private func refusal(of gate: PromotionGate, _ slot: String) async throws -> String {
        let error = await #expect(throws: ServiceError.self) { _ = try await gate.rollBack(slot) }
        return try #require(error).description
    }

    @Test("a list against what was wanted, computed by hand")
    func quality() {
        let quality = ListQuality(["a", "x", "b", "y", "c"].map { ItemID($0) }, wanted: ["b", "c", "d"], k: 4)
        let gain = 1 / log2(4.0)
        let ideal = 1 + 1 / log2(3.0) + 1 / log2(4.0)
        #expect(quality.values[.recall] == 1.0 / 3 && quality.values[.mrr] == 1.0 / 3)
        #expect(abs(quality.values[.ndcg, default: 0] - gain / ideal) < 1e-12)
        #expect(ListQuality(["a"], wanted: ["b"], k: 3).values.values.allSatisfy { $0 == 0 })
        #expect(ListQuality(["b", "a"], wanted: ["a", "b"], k: 1).values.values.allSatisfy { $0 == 1 })
    }
}

@Suite("A service that follows promotions")
struct PromotionTests {
    let folder: TemporaryFolder
    let store: SQLiteStore

    init() throws {
        folder = try TemporaryFolder()
        store = try SQLiteStore(at: folder.file("store.sqlite"))
    }

    private func start() async throws -> FunnelService {
        let json = #"{"slots": {"m": {"kind": "retriever", "path": "/m/one"}}}"#
        let service = try FunnelService(
            configuration(json),
            store: store,
            loader: FakeLoader { slot in
                let name = URL(filePath: slot.path).lastPathComponent
                if name == "broken" { throw StageFailure() }
                return LoadedSlot(
                    version: ModelVersion(slot: slot.name, version: name, path: slot.path, time: 0),
                    source: FakeSource(items: items("a", 3))
                )
            },
            clock: TestClock().funnel,
            slotState: SlotStateFile(besideStore: folder.file("store").path),
            promotions: store
        )
        try await service.start()
        return service
    }

    private func promote(_ name: String, _ decision: Promotion.Decision = .promoted) async throws -> Promotion {
        try await store.record(
            Promotion(
                slot: "m",
                decision: decision,
                version: name,
                place: .init(path: "/m/\(name)"),
                time: TestClock.today,
                reason: "a test"
            )
        )
    }

    @Test("it loads what is promoted, also before it starts, and notes when")
    func follows() async throws {
        _ = try await promote("two")
        var service = try await start()
        #expect(await service.slots().first?.version?.version == "two")
        #expect(try await service.promotions(limit: 9).first?.applied == TestClock.today)
        _ = try await promote("three", .refused)
        await service.slotKeeper.followPromotions()
        #expect(await service.slots().first?.version?.version == "two")
        _ = try await promote("four")
        await service.slotKeeper.followPromotions()
        #expect(await service.slots().first?.version?.version == "four")
        // After a restart too, and a request's own change is not undone by an old promotion.
        service = try await start()
        #expect(await service.slots().first?.version?.version == "four")
        _ = try await service.replace(slot: "m", with: "/m/five")
        await service.slotKeeper.followPromotions()
        service = try await start()
        #expect(await service.slots().first?.version?.version == "five")
    }

    @Test("what cannot be served is tried once, and the record says why")
    func broken() async throws {
        let service = try await start()
        let bad = try await promote("broken")
        await service.slotKeeper.followPromotions()
        let status = try #require(await service.slots().first)
        #expect(status.version?.version == "one" && status.problem != nil)
        let record = try #require(try await store.promotions(of: "m", limit: 1).first)
        #expect(record.id == bad.id && record.applied == nil && record.problem?.contains("keeps its model") == true)
        try await store.note(bad.id, applied: nil, problem: nil)
        await service.slotKeeper.followPromotions()
        #expect(try await store.promotions(of: "m", limit: 1).first?.problem == nil)
    }
}
