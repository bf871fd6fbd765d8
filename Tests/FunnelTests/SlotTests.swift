// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeConfigurations
import CascadeDatasets
import CascadeStore
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import CascadeFunnel

@Suite("Replacing what serves")
struct SlotTests {
    static let json = """
        {"slots": {"model": {"kind": "retriever", "path": "v0"}},
         "recommendation": {"sources": [{"slot": "model", "quota": 20}], "prerank": {"slot": "model", "keep": 10},
                            "rank": {"slot": "model", "keep": 5}}}
        """

    /// A model that fails for items that another version found.
    private static func model(_ slot: SlotConfiguration) -> LoadedSlot {
        let version = slot.path
        let found = items("\(version)-", 20)
        return loaded(
            slot,
            source: Stage { Array(found.prefix($0)) },
            scorer: FakeScorer { item, _ in
                item == "trial" || item.rawValue.hasPrefix("\(version)-") ? Double(item.rawValue.count) : .nan
            }
        )
    }

    /// Lets others run before it answers.
    private struct Stage: CandidateSource {
        let version = ""
        let found: @Sendable (Int) -> [ScoredItem]

        func candidates(for request: FunnelRequest, limit: Int, excluding: Set<ItemID>) async throws -> [ScoredItem] {
            for _ in 0..<3 { await Task.yield() }
            return found(limit)
        }
    }

    @Test("1,000 requests during 20 replacements: none fails, none mixes versions")
    func neverMixed() async throws {
        let store = MemoryStore()
        let service = try await service(Self.json, store: store) { Self.model($0) }
        let versions = try await withThrowingTaskGroup(of: String.self) { group in
            for number in 0..<1_000 {
                if number % 50 == 25 {
                    group.addTask {
                        try await service.replace(slot: "model", with: "v\(number)").version?.version ?? ""
                    }
                }
                group.addTask {
                    let page = try await service.recommend(to: UserID("u\(number)"), count: 5)
                    let version = try #require(page.versions["model"])
                    #expect(page.degraded.isEmpty && page.items.count == 5)
                    #expect(page.ids.allSatisfy { $0.hasPrefix("\(version)-") })
                    return version
                }
            }
            return try await group.reduce(into: Set()) { $0.insert($1) }
        }
        #expect(versions.count > 2)
        #expect(try await store.versions(limit: 100).count == 21)
        let last = try await store.versions(limit: 1).first?.version
        #expect(await service.slots().first?.version?.version == last)
    }

    @Test("a request keeps the version that it began with")
    func underWay() async throws {
        let gate = Gate()
        let service = try await service(Self.json) { slot in
            let scorer = FakeScorer(gate: slot.path == "v0" ? gate : nil)
            return loaded(slot, source: FakeSource(items: items("\(slot.path)-", 5)), scorer: scorer)
        }
        gate.close()
        let page = Task { try await service.recommend(to: "u", count: 3) }
        try await eventually { gate.waitingCount == 1 }
        _ = try await service.replace(slot: "model", with: "v1")
        #expect(try await service.recommend(to: "w", count: 3).versions == ["model": "v1"])
        gate.open()
        #expect(try await page.value.versions == ["model": "v0"])
    }

    @Test("what cannot be loaded, warmed up or tried does not serve, and the status says why")
    func failures() async throws {
        let store = MemoryStore()
        let service = try await service(Self.json, store: store) { slot in
            switch slot.path {
            case "unreadable": throw StageFailure()
            case "cold": LoadedSlot(version: Self.model(slot).version) { throw StageFailure() }
            case "useless": loaded(slot, source: FakeSource())
            case "nan": loaded(slot, source: FakeSource(items: items("a", 3)), scorer: FakeScorer { _, _ in .nan })
            case "odd": loaded(slot, source: FakeSource(items: [ScoredItem("a", .nan)]), scorer: FakeScorer())
            default: Self.model(slot)
            }
        }
        for path in ["unreadable", "cold", "useless", "nan", "odd"] {
            let error = await #expect(throws: ServiceError.self) {
                try await service.replace(slot: "model", with: path)
            }
            #expect(error?.reason == .invalid)
            let status = try #require(await service.slots().first)
            #expect(status.version?.version == "v0" && status.problem != nil, "\(path)")
            #expect(try await service.recommend(to: "u", count: 3).versions == ["model": "v0"])
        }
        #expect(try await service.replace(slot: "model", with: "v1").problem == nil)
        #expect(try await store.versions(limit: 9).map(\.version) == ["v1", "v0"])
        let unknown = await #expect(throws: ServiceError.self) { try await service.replace(slot: "x", with: "v1") }
        #expect(unknown?.reason == .notFound)
    }

    @Test("a model serves even when the store cannot note it")
    func notRecorded() async throws {
        let store = MemoryStore()
        let service = try await service(Self.json, store: store) { Self.model($0) }
        store.isBroken = true
        let status = try await service.replace(slot: "model", with: "v1")
        #expect(status.version?.version == "v1" && status.problem?.contains("not recorded") == true)
    }

    @Test("replacements of one slot happen one after another")
    func serialized() async throws {
        let running = Mutex((now: 0, most: 0))
        let service = try await service(Self.json) { slot in
            running.withLock {
                $0.now += 1
                $0.most = max($0.most, $0.now)
            }
            for _ in 0..<5 { await Task.yield() }
            running.withLock { $0.now -= 1 }
            return Self.model(slot)
        }
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<10 {
                group.addTask { _ = try? await service.replace(slot: "model", with: "v\(number)") }
            }
        }
        #expect(running.withLock { $0.most } == 1)
    }

    @Test("a watched folder is loaded again when its manifest is replaced, and only then")
    func watched() async throws {
        let folder = try TemporaryFolder()
        let manifest = folder.file("manifest.json")
        try Data("1".utf8).write(to: manifest)
        let loads = Mutex<[String]>([])
        let clock = TestClock()
        let json = Self.json.replacing(#""path": "v0""#, with: #""path": "\#(folder.url.path)", "watch": true"#)
        let service = try await service(json, clock: clock) { slot in
            let text = try String(contentsOf: manifest, encoding: .utf8)
            loads.withLock { $0.append(text) }
            if text == "bad" { throw StageFailure() }
            return loaded(slot, source: FakeSource(items: items("a", 5)), scorer: FakeScorer())
        }
        func pass() async throws {
            try await clock.sleeper(lasting: FunnelService.watchPause)
            clock.advance(by: FunnelService.watchPause)
            try await clock.sleeper(lasting: FunnelService.watchPause)
        }
        try await pass()
        #expect(loads.withLock { $0 } == ["1"])
        for text in ["second", "bad"] {
            try Data(text.utf8).write(to: manifest, options: .atomic)
            try await pass()
            try await pass()
        }
        #expect(loads.withLock { $0 } == ["1", "second", "bad"])
        let status = try #require(await service.slots().first)
        #expect(status.version != nil && status.problem != nil)
        try FileManager.default.removeItem(at: manifest)
        try await pass()
        #expect(loads.withLock { $0.count } == 3)
        await service.shutdown()
    }

    @Test("an index within a new folder comes with it")
    func innerIndex() throws {
        let folder = try TemporaryFolder()
        let slot = SlotConfiguration(name: "m", kind: .retriever, path: "old", index: "old.index")
        #expect(slot.at(folder.url.path).index == "old.index")
        try FileManager.default.createDirectory(at: folder.file("index"), withIntermediateDirectories: false)
        #expect(slot.at(folder.url.path).index == folder.file("index").path)
    }
}
