// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CascadeConfigurations
import CascadeDatasets
import CascadeFunnel
import CascadeServer
import CascadeSimulation
import CascadeTensorFiles
import Foundation

struct SimulateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract: "Lets simulated people with known tastes use a running service.",
        subcommands: [Live.self]
    )

    struct Live: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "live",
            abstract:
                "Simulates days of a population: pages, clicks, purchases, new items; prints the truth beside them.",
            discussion: """
                The service must run with 'server.simulated_time: true' and a new store. Every probability is known, so \
                the report has the expected click rate of the served pages, that of the best possible ones, and the true \
                effects of A/B tests. Documentation/simulated-worlds.md has the formulas.
                """
        )

        @Option(help: "World: \(LiveSettings.worlds.joined(separator: ", ")).") var world = "shop"
        @Option(help: "Configuration of the service (YAML).") var config: String
        @Option(help: "Number of people of every day.") var users = LiveSettings().users
        @Option(help: "Number of days to simulate.") var days: Int
        @Option(help: "Number of items at the beginning.") var items = LiveSettings().items
        @Option(help: "Random seed.") var seed: UInt64 = 1
        @Option(help: "Beginning of day 0, in seconds since 1970; default 2024-01-01 UTC.")
        var start = LiveSettings().start
        @Option(help: "First day to simulate; default 0, or the day after the last one in --state.") var fromDay: Int?
        @Option(help: "Address of the service, http://HOST:PORT; default the configuration's.") var url: String?
        @Option(help: "Token of the service, of the role admin to compare A/B tests, otherwise write.")
        var token: String?
        @Option(help: "File that keeps the population from one call to the next.") var state: String?
        @Option(help: "Write the report as JSON to a file.") var json: String?

        func validate() throws {
            guard LiveSettings.worlds.contains(world) else {
                let known = "Known are \(LiveSettings.worlds.joined(separator: ", "))."
                throw ValidationError(
                    "--world: '\(world)' is no world. \(didYouMean(world, LiveSettings.worlds, otherwise: known))"
                )
            }
            guard days > 0 else { throw ValidationError("--days must be at least 1") }
            guard fromDay ?? 0 >= 0 else { throw ValidationError("--from-day must be at least 0") }
        }

        func run() async throws {
            let settings = try ServiceSettings(config, port: nil)
            guard settings.server.simulatedTime else {
                throw ConfigurationError(
                    "\(config): server.simulated_time: found false, expected true, so that the service lives in simulated "
                        + "time. Set it, and start the service anew"
                )
            }
            var population = try population()
            let address = try url ?? LiveClient.address(of: settings.server, in: config)
            let service = try LiveClient(address, token: token, settings: settings, configuration: config)
            try await service.requireReady()
            Terminal.out(LiveText.header)
            try await LiveSimulation(service, rules: LiveRules(settings)).run(&population, days: days) { population in
                if let state { try population.write(to: URL(filePath: state)) }
                if let row = LiveReport(population).days.last { Terminal.out(LiveText.line(row)) }
            }
            let expected = population.requestsByTest
            let reported = expected.isEmpty ? nil : try await service.abTests(counting: expected)
            let report = LiveReport(population, reported: reported)
            Terminal.out(LiveText.summary(report))
            if let json { try DurableFile.write(report.json() + "\n", to: URL(filePath: json)) }
        }

        /// The population of the state file, or a new one.
        private func population() throws -> LivePopulation {
            var wanted = LiveSettings()
            (wanted.users, wanted.items, wanted.seed, wanted.start) = (users, items, seed, start)
            guard let state, let found = try LivePopulation.read(from: URL(filePath: state)) else {
                return try LivePopulation(wanted, firstDay: fromDay ?? 0)
            }
            try found.require(wanted, in: URL(filePath: state))
            guard fromDay ?? found.nextDay == found.nextDay else {
                throw ConfigurationError(
                    "--from-day: found \(fromDay ?? 0), expected \(found.nextDay), the day after the last one in \(state). "
                        + "Leave it out, or name a new file"
                )
            }
            return found
        }
    }
}

extension LiveRules {
    /// What the default funnels of a service may show.
    init(_ settings: ServiceSettings) {
        func funnel(_ plan: FunnelPlan) -> Funnel {
            let rules = plan.rerank
            return Funnel(seenActions: rules.excludeSeen ? rules.seenActions : [], blocked: rules.blocked)
        }
        self.init()
        recommendation = funnel(settings.funnel.recommendation)
        search = funnel(settings.funnel.search)
        historyEvents = settings.funnel.history.events
        pageSize = min(pageSize, settings.server.limits.k)
    }
}
