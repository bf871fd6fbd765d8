// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CascadeConfigurations
import CascadeDatasets
import CascadeFunnel
import CascadeServer
import CascadeServing
import CascadeStore
import CascadeTorch
import Foundation
import Logging

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Serves recommendations, searches and event ingestion over HTTP.",
        discussion: """
            Listens immediately, and seeds a new store from 'store.seed'. GET /health/ready succeeds once items, models and \
            indexes are loaded. SIGTERM and Ctrl-C shut down gracefully. SIGHUP reloads tokens, certificate and log level. \
            Documentation/serving.md describes the configuration.
            """
    )

    @Option(help: "Configuration of the service (YAML).") var config: String
    @Option(help: "Port to listen on; overrides the configuration.") var port: Int?
    @Flag(help: "Check the configuration and the files that it names, then exit without changing anything.")
    var check = false

    func run() async throws {
        // Neither a closed terminal nor a log without a reader ends the service.
        signal(SIGPIPE, SIG_IGN)
        signal(SIGHUP) { _ in }
        defer { LogOutput.standardError.flush(seconds: 1) }
        let settings = try ServiceSettings(config, port: port)
        guard !check else { return try await ServiceCheck(settings).run() }
        // Before the store is opened and the log says that it starts.
        try await settings.server.tryListening()
        Runtime.keepFreedMemory(for: .serving)
        let store = try SQLiteStore(at: URL(filePath: settings.funnel.store))
        do {
            let logger = settings.server.logs.logger()
            for notice in settings.notices { logger.notice("configuration", metadata: ["notice": "\(notice)"]) }
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
            try await serve(service, server, filling: seeding, logger, idLimit: settings.server.limits.idBytes)
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

/// The configuration of a service, checked as far as the file alone allows.
struct ServiceSettings {
    let funnel: FunnelConfiguration
    let server: ServerConfiguration
    /// One sentence for each key with an old name.
    let notices: [String]
    private let abTests: [ABTestConfiguration]
    private let arms: ABTestArms

    /// Keys that had other names before version 0.2.
    private static let formerKeys =
        FormerKeys(["experiments": "ab_tests"]) + ServerConfiguration.formerKeys.under("server")
        + EngineSettings.formerKeys.under("slots.*.options")

    /// The configuration in a file, with today's names.
    private static func read(_ path: String) throws -> FormerKeys.Renewed {
        try formerKeys.renew(ConfigurationFile.read(URL(filePath: path)))
    }

    /// The funnel of a configuration, for commands that work beside the service.
    ///
    /// - Throws: `ConfigurationError` for what cannot be used.
    static func funnel(in path: String) throws -> FunnelConfiguration {
        let renewed = try read(path)
        for notice in renewed.notices { Terminal.error("notice: \(notice)") }
        return try FunnelConfiguration(renewed.tree, beside: ["server", "ab_tests"])
    }

    /// The A/B tests of a configuration.
    ///
    /// - Throws: `ConfigurationError` for what cannot be used.
    static func abTests(in path: String) throws -> [ABTestConfiguration] {
        try ABTestConfiguration.list(read(path).tree["ab_tests"], path: "ab_tests")
    }

    /// Reads the configuration, and the files of tokens and certificates.
    ///
    /// - Parameters:
    ///   - path: The file.
    ///   - port: The port in place of the configuration's.
    /// - Throws: `ConfigurationError` for what cannot be used.
    init(_ path: String, port: Int?) throws {
        let renewed = try Self.read(path)
        let tree = renewed.tree
        notices = renewed.notices
        funnel = try FunnelConfiguration(tree, beside: ["server", "ab_tests"])
        try funnel.validate()
        var server = try ServerConfiguration(overriding: tree["server"], path: "server")
        if let port { server.port = port }
        try server.validate()
        try server.validateFiles()
        self.server = server
        abTests = try ABTestConfiguration.list(tree["ab_tests"], path: "ab_tests")
        arms = try ABTestArms(abTests, variants: funnel.variants.keys)
    }

    /// The service over a store; nothing is loaded yet.
    ///
    /// - Parameter isCheck: Whether nothing is to be written, neither to the store nor beside it.
    func service(_ store: SQLiteStore, metrics: FunnelSeries, isCheck: Bool = false) throws -> FunnelService {
        let abTests = abTests
        return try FunnelService(
            funnel,
            store: store,
            loader: RunSlots(),
            clock: server.simulatedTime ? .simulated() : .system,
            arms: arms,
            metrics: metrics,
            abTests: { try await ABTestReport.reports(abTests, from: store) },
            slotState: SlotStateFile(besideStore: funnel.store, isReadOnly: isCheck),
            promotions: store
        )
    }

    /// The funnel over the past of a store, for questions about what it would have shown: no model changes meanwhile, and popular
    /// items are counted when they are asked to be.
    ///
    /// - Parameters:
    ///   - store: The past.
    ///   - path: The store's file. A slot has what serves beside it, unless the configuration names something else.
    ///   - places: What slots hold instead.
    func service(
        over store: PastStore,
        at path: String,
        with places: [String: Promotion.Place] = [:]
    ) throws -> FunnelService {
        var funnel = funnel
        for (slot, place) in places {
            funnel.slots[slot]?.path = place.path
            funnel.slots[slot]?.index = place.index
            funnel.slots[slot]?.data = place.data
        }
        for name in funnel.slots.keys { funnel.slots[name]?.watch = false }
        funnel.popularity.refreshSeconds = 1_000_000_000
        return try FunnelService(
            funnel,
            store: store,
            loader: RunSlots(),
            clock: store.clock,
            slotState: SlotStateFile(besideStore: path, isReadOnly: true)
        )
    }
}
