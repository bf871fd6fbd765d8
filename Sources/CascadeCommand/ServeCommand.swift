// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CascadeConfigurations
import CascadeDatasets
import CascadeFunnel
import CascadeServer
import CascadeServing
import CascadeStore
import Foundation
import Logging

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Answers recommendations and searches over HTTP, and takes events in.",
        discussion: """
            Listens at once. Fills a new store from 'store.seed'. It is ready when that is done and its items, models and \
            indexes are loaded (GET /health/ready). SIGTERM and Ctrl-C stop it in good order. SIGHUP has it read tokens, \
            certificate and log level again. Documentation/serving.md describes the configuration.
            """
    )

    @Option(help: "The service's configuration (YAML).") var config: String
    @Option(help: "The port to listen on. It replaces the configuration's.") var port: Int?
    @Flag(help: "Check the configuration and everything that it names, then end. Nothing is made or changed.")
    var check = false

    func run() async throws {
        // Neither a closed terminal nor a log without a reader ends the service.
        signal(SIGPIPE, SIG_IGN)
        signal(SIGHUP) { _ in }
        defer { LogOutput.standardError.flush(seconds: 1) }
        let settings = try ServiceSettings(config, port: port)
        guard !check else { return try await ServiceCheck(settings).run() }
        let store = try SQLiteStore(at: URL(filePath: settings.funnel.store))
        do {
            let logger = settings.server.logs.logger()
            let seeding = try await StoreSeeding(store, from: settings.funnel.seed, logger)
            let registry = MetricsRegistry()
            let service = try settings.service(store, metrics: FunnelSeries(registry, logger: logger))
            let server = try HTTPService(
                service,
                configuration: settings.server,
                metrics: registry,
                logger: logger,
                reread: { [config, port] in try ServiceSettings(config, port: port).server }
            )
            try await serve(service, server, filling: seeding, logger, idLimit: settings.server.limits.id)
            await service.shutdown()
        } catch {
            try? await store.close()
            throw error
        }
        try await store.close()
    }

    /// Serves until a signal comes; fills a new store and loads meanwhile.
    private func serve(
        _ service: FunnelService,
        _ server: HTTPService,
        filling seeding: StoreSeeding?,
        _ logger: Logger,
        idLimit: Int
    ) async throws {
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                try await server.runUntilSignalled()
                return true
            }
            group.addTask {
                try await seeding?.run { service.announce(preparation: $0) }
                try await service.start()
                for slot in await service.slots() where slot.version == nil {
                    let problem = slot.problem ?? "nothing was loaded"
                    logger.error("a slot is empty", metadata: ["slot": "\(slot.slot)", "problem": "\(problem)"])
                }
                for warning in service.warnings(idLimit: idLimit) {
                    logger.warning("check the configuration", metadata: ["problem": "\(warning)"])
                }
                logger.info("ready")
                return false
            }
            while let hasEnded = try await group.next(), !hasEnded {}
            group.cancelAll()
        }
    }
}

/// What a service's configuration says, as far as it can be told from the file alone.
struct ServiceSettings {
    let funnel: FunnelConfiguration
    let server: ServerConfiguration
    private let experiments: [ExperimentConfiguration]
    private let arms: ExperimentArms

    /// Reads the configuration, and the files of tokens and certificates.
    ///
    /// - Parameters:
    ///   - path: The file.
    ///   - port: The port in place of the configuration's.
    /// - Throws: `ConfigurationError` for what cannot be used.
    init(_ path: String, port: Int?) throws {
        let tree = try ConfigurationFile.read(URL(filePath: path))
        funnel = try FunnelConfiguration(tree, beside: ["server", "experiments"])
        try funnel.validate()
        var server = try ServerConfiguration(overriding: tree["server"], path: "server")
        if let port { server.port = port }
        try server.validate()
        try server.validateFiles()
        self.server = server
        experiments = try ExperimentConfiguration.list(tree["experiments"], path: "experiments")
        arms = try ExperimentArms(experiments, variants: funnel.variants.keys)
    }

    /// The service over a store; nothing is loaded yet.
    ///
    /// - Parameter isCheck: Whether nothing is to be written, neither to the store nor beside it.
    func service(_ store: SQLiteStore, metrics: FunnelSeries, isCheck: Bool = false) throws -> FunnelService {
        let experiments = experiments
        return try FunnelService(
            funnel,
            store: store,
            loader: RunSlots(),
            arms: arms,
            metrics: metrics,
            experiments: { try await ExperimentReport.reports(experiments, from: store) },
            slotState: SlotStateFile(besideStore: funnel.store, isReadOnly: isCheck)
        )
    }
}
