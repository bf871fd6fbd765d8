// Part of Cascade. SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Configurations
import Datasets
import Foundation
import Funnel
import Logging
import Server
import Serving
import Store

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Answers recommendations and searches over HTTP, and takes events in.",
        discussion: """
            Listens at once, is ready when its items, models and indexes are loaded (GET /health/ready), and stops in good \
            order on SIGTERM and Ctrl-C. Documentation/serving.md describes the configuration.
            """
    )

    @Option(help: "The service's configuration (YAML).") var config: String
    @Option(help: "The port to listen on, in place of the configuration's.") var port: Int?
    @Flag(help: "Check the configuration and load everything that it names, then end.") var check = false

    func run() async throws {
        let tree = try ConfigurationFile.read(URL(filePath: config))
        let funnel = try FunnelConfiguration(tree, beside: ["server", "experiments"])
        try funnel.validate()
        var server = try ServerConfiguration(overriding: tree["server"], path: "server")
        if let port { server.port = port }
        try server.validate()
        let experiments = try ExperimentConfiguration.list(tree["experiments"], path: "experiments")
        let arms = try ExperimentArms(experiments, variants: funnel.variants.keys)
        let logger = server.logs.logger()
        let store = try SQLiteStore(at: URL(filePath: funnel.store))
        do {
            try await fill(store, from: funnel.seed, logger)
            let registry = MetricsRegistry()
            let service = try FunnelService(
                funnel,
                store: store,
                loader: RunSlots(),
                arms: arms,
                metrics: FunnelSeries(registry),
                experiments: { try await ExperimentReport.reports(experiments, from: store) }
            )
            try await check
                ? examine(service)
                : serve(service, HTTPService(service, configuration: server, metrics: registry, logger: logger), logger)
            await service.shutdown()
        } catch {
            try? await store.close()
            throw error
        }
        try await store.close()
    }

    /// Fills a store that has no events from the data set that the configuration names.
    private func fill(_ store: SQLiteStore, from seed: String?, _ logger: Logger) async throws {
        guard let seed, try await store.counts().events == 0 else { return }
        let report = try await store.importing(Dataset(at: URL(filePath: seed)))
        logger.info("filled the store", metadata: ["events": "\(report.newEvents)", "items": "\(report.newItems)"])
    }

    /// Loads everything and says what it found.
    private func examine(_ service: FunnelService) async throws {
        try await service.start()
        let slots = await service.slots()
        for slot in slots {
            Terminal.out("\(slot.slot): \(slot.version?.version ?? slot.problem ?? "empty")")
        }
        if slots.contains(where: { $0.problem != nil }) { throw ExitCode.failure }
    }

    /// Serves until a signal comes; loads meanwhile.
    private func serve(_ service: FunnelService, _ server: HTTPService, _ logger: Logger) async throws {
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                try await server.runUntilSignalled()
                return true
            }
            group.addTask {
                try await service.start()
                for slot in await service.slots() {
                    guard let problem = slot.problem else { continue }
                    logger.error("a slot is empty", metadata: ["slot": "\(slot.slot)", "problem": "\(problem)"])
                }
                logger.info("ready")
                return false
            }
            while let hasEnded = try await group.next(), !hasEnded {}
            group.cancelAll()
        }
    }
}
