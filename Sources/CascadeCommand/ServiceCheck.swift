// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CascadeConfigurations
import CascadeDatasets
import CascadeFunnel
import CascadeServer
import CascadeServing
import CascadeStore
import Foundation

/// Checks everything that a service's configuration names, and changes nothing.
struct ServiceCheck {
    private let settings: ServiceSettings

    init(_ settings: ServiceSettings) { self.settings = settings }

    /// Prints what it finds, one line for each thing.
    ///
    /// - Throws: What cannot be used; `ExitCode.failure` for a slot that stays empty.
    func run() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "cascade-check-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let (store, isTemporary) = try openStore(instead: folder)
        do {
            let service = try settings.service(store, metrics: FunnelSeries(MetricsRegistry()), isCheck: true)
            try await checkAddress()
            try await checkSeed(store, isTemporary: isTemporary)
            try await service.start(keepingUp: false)
            let slots = await service.slots()
            for slot in slots {
                Terminal.out("\(slot.slot): \(slot.version?.version ?? slot.problem ?? "empty")")
            }
            for notice in settings.notices { Terminal.out("notice: \(notice)") }
            for warning in try await warnings(service, store) { Terminal.out("warning: \(warning)") }
            await service.shutdown()
            if slots.contains(where: { $0.problem != nil }) { throw ExitCode.failure }
        } catch {
            try? await store.close()
            throw error
        }
        try await store.close()
    }

    /// What the service says of its configuration, and users whose ids are longer than requests may name.
    private func warnings(_ service: FunnelService, _ store: SQLiteStore) async throws -> [String] {
        let limit = settings.server.limits.idBytes
        var warnings = service.warnings(idLimit: limit)
        if let user = try await store.longestUser(), user.utf8.count > limit {
            warnings.append(FunnelService.idWarning("users", nil, longest: user, limit: limit))
        }
        return warnings
    }

    /// The store, or an empty one in a temporary folder when there is none yet.
    private func openStore(instead folder: URL) throws -> (store: SQLiteStore, isTemporary: Bool) {
        let path = settings.funnel.store
        guard !FileManager.default.fileExists(atPath: path) else {
            Terminal.out("store: \(path)")
            return (try SQLiteStore(at: URL(filePath: path), creating: false), false)
        }
        let parent = URL(filePath: path).deletingLastPathComponent().path
        var isDirectory: ObjCBool = false
        guard FileManager.default.fileExists(atPath: parent, isDirectory: &isDirectory), isDirectory.boolValue,
            FileManager.default.isWritableFile(atPath: parent)
        else {
            throw ConfigurationError(
                """
                store.path: \(path) cannot be created: \(parent) is not a folder that this user may write to; create it, or \
                change its permissions
                """
            )
        }
        Terminal.out("store: \(path) will be created at the first start")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        return (try SQLiteStore(at: folder.appending(path: "store.sqlite")), true)
    }

    /// Opens the dataset that would seed an empty store; a temporary store is seeded, so that its items are checked.
    private func checkSeed(_ store: SQLiteStore, isTemporary: Bool) async throws {
        guard let seed = settings.funnel.seed else { return }
        let dataset = try Dataset(at: URL(filePath: seed))
        let isNew = try await store.wantsSeed()
        if isTemporary { _ = try await store.importing(dataset) }
        Terminal.out(
            "seed: \(seed) has \(dataset.eventCount) events\(isNew ? ", which seed the store at the first start" : "")"
        )
    }

    /// Tries to listen; a port in use is reported but no failure, because the running service may use it.
    private func checkAddress() async throws {
        let (host, port) = (settings.server.host, settings.server.port)
        do {
            try await settings.server.tryListening()
            Terminal.out(port == 0 ? "port: any free one" : "port: \(port) on \(host) is free")
        } catch let error as ListenError where error.reason == .inUse {
            Terminal.out("port: \(port) on \(host) is in use; that is expected only while this service runs")
        }
    }
}
