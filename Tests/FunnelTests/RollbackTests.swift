// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeStore
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import CascadeFunnel

/// A retriever's slot whose versions are named after the last part of their folder.
@Suite("Swaps: restarts, roll-backs, and what is told of them")
struct RollbackTests {
    private final class Watcher: FunnelMetrics {
        let swaps = Mutex<[SlotSwap]>([])
        func swapped(_ swap: SlotSwap) { swaps.withLock { $0.append(swap) } }
    }

    private let folder: TemporaryFolder
    private let watcher = Watcher()
    private let disk = Disk()

    /// Folders that cannot be loaded, and what lies in folders whose content was replaced.
    private final class Disk: Sendable {
        let broken = Mutex<Set<String>>([])
        let contents = Mutex<[String: String]>([:])
    }

    init() throws { folder = try TemporaryFolder() }

    private func start(_ path: String, isReadOnly: Bool = false) async throws -> FunnelService {
        let json = #"{"slots": {"m": {"kind": "retriever", "path": "\#(folder.file(path).path)", "watch": true}}}"#
        let service = try FunnelService(
            configuration(json),
            store: MemoryStore(),
            loader: FakeLoader { [disk] slot in
                let name = URL(fileURLWithPath: slot.path).resolvingSymlinksInPath().lastPathComponent
                if disk.broken.withLock({ $0.contains(name) }) { throw StageFailure() }
                let version = disk.contents.withLock { $0[name] } ?? name
                return LoadedSlot(
                    version: ModelVersion(slot: slot.name, version: version, path: slot.path, time: 0),
                    source: FakeSource(items: items("a", 3))
                )
            },
            clock: TestClock().funnel,
            metrics: watcher,
            slotState: SlotStateFile(besideStore: folder.file("store").path, isReadOnly: isReadOnly)
        )
        try await service.start()
        return service
    }

    private func serving(_ service: FunnelService) async throws -> SlotStatus {
        try #require(await service.slots().first)
    }

    @Test("what was swapped in by a request serves after a restart too")
    func restart() async throws {
        _ = try await start("one").replace(slot: "m", with: folder.file("two").path)
        let status = try await serving(start("one"))
        #expect(status.version?.version == "two" && status.previous?.version == "one" && status.problem == nil)
        let last = try #require(watcher.swaps.withLock { $0 }.last)
        #expect(last.origin == .start && last.version == "two")
    }

    @Test("a configuration that names another folder later wins, and the roll-back leads to what served before")
    func configurationWins() async throws {
        _ = try await start("one").replace(slot: "m", with: folder.file("two").path)
        let service = try await start("three")
        #expect(try await serving(service).version?.version == "three")
        #expect(try await service.change(slot: "m", .rollBack).version?.version == "two")
    }

    @Test("what served last and cannot be loaded any more gives way to the configuration")
    func lostFolder() async throws {
        _ = try await start("one").replace(slot: "m", with: folder.file("two").path)
        disk.broken.withLock { _ = $0.insert("two") }
        #expect(try await serving(start("one")).version?.version == "one")
        let swaps = watcher.swaps.withLock { $0 }.suffix(2)
        #expect(swaps.map(\.version) == [nil, "one"])
    }

    @Test("a roll-back brings the version before, and a second one goes back again")
    func rollBack() async throws {
        let service = try await start("one")
        let none = await #expect(throws: ServiceError.self) { try await service.change(slot: "m", .rollBack) }
        #expect(none?.reason == .invalid && none?.description.contains("no previous version") == true)
        _ = try await service.replace(slot: "m", with: folder.file("two").path)
        let back = try await service.change(slot: "m", .rollBack)
        #expect(back.version?.version == "one" && back.previous?.version == "two")
        #expect(try await service.change(slot: "m", .rollBack).version?.version == "two")
        let origins = watcher.swaps.withLock { $0 }.map(\.origin)
        #expect(origins == [.start, .request, .rollback, .rollback])
    }

    @Test("a roll-back to a folder whose content was replaced is refused")
    func replacedContent() async throws {
        let service = try await start("one")
        _ = try await service.replace(slot: "m", with: folder.file("two").path)
        disk.contents.withLock { $0["one"] = "other" }
        let error = await #expect(throws: ServiceError.self) { try await service.change(slot: "m", .rollBack) }
        #expect(error?.description.contains("found other, expected one") == true)
        #expect(try await serving(service).version?.version == "two")
    }

    @Test("a link is followed, so that a roll-back finds what the link led to")
    func links() async throws {
        for name in ["v1", "v2"] {
            try FileManager.default.createDirectory(at: folder.file(name), withIntermediateDirectories: false)
        }
        func link(to name: String) throws {
            try? FileManager.default.removeItem(at: folder.file("link"))
            try FileManager.default.createSymbolicLink(at: folder.file("link"), withDestinationURL: folder.file(name))
        }
        try link(to: "v1")
        _ = try await start("link")
        try link(to: "v2")
        let service = try await start("link")
        #expect(try await serving(service).version?.version == "v2")
        #expect(try await service.change(slot: "m", .rollBack).version?.version == "v1")
        #expect(try await serving(start("link")).version?.version == "v1")
    }

    @Test("a refused swap is told with its reason; a version that a restart would not load is said so")
    func told() async throws {
        let service = try await start("one")
        disk.broken.withLock { _ = $0.insert("bad") }
        _ = try? await service.replace(slot: "m", with: folder.file("bad").path)
        let refused = try #require(watcher.swaps.withLock { $0 }.last)
        #expect(refused.version == nil && refused.before == "one" && refused.problem?.contains("StageFailure") == true)
        try FileManager.default.removeItem(at: folder.file("store.slots.json"))
        try FileManager.default.createDirectory(at: folder.file("store.slots.json"), withIntermediateDirectories: false)
        let status = try await service.replace(slot: "m", with: folder.file("two").path)
        #expect(status.version?.version == "two" && status.problem?.contains("a restart will not load it") == true)
    }

    @Test("a damaged file of versions is no obstacle, and a check writes none")
    func damaged() async throws {
        _ = try await start("one", isReadOnly: true)
        #expect(!FileManager.default.fileExists(atPath: folder.file("store.slots.json").path))
        try Data("{".utf8).write(to: folder.file("store.slots.json"))
        #expect(try await serving(start("one")).version?.version == "one")
    }
}
