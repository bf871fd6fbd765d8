// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CascadeConfigurations
import CascadeFunnel
import Foundation

struct ExperimentCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "experiment",
        abstract: "Says how the experiments of a service do.",
        subcommands: [ReportExperiments.self]
    )

    struct ReportExperiments: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "report",
            abstract: "Prints click rate, conversion and value of every arm, with 95 % intervals, and checks the split."
        )

        @Option(help: "The service's configuration; its experiments are read.") var config: String
        @Option(help: "The service's store.") var store: String
        @Flag(help: "Print one JSON document.") var json = false

        func run() async throws {
            let tree = try ConfigurationFile.read(URL(filePath: config))
            let experiments = try ExperimentConfiguration.list(tree["experiments"], path: "experiments")
            guard !experiments.isEmpty else {
                throw ConfigurationError("\(config): there are no experiments; list them under 'experiments'")
            }
            try await StoreCommand.withStore(store) { opened in
                let reports = try await ExperimentReport.reports(experiments, from: opened)
                Terminal.out(try json ? Self.document(reports) : reports.map(Self.text).joined(separator: "\n\n"))
            }
        }

        private static func document(_ reports: [ExperimentReport]) throws -> String {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            return String(decoding: try encoder.encode(reports), as: UTF8.self)
        }

        private static func text(_ report: ExperimentReport) -> String {
            let names = ["click_rate", "conversion", "value"]
            let rows = report.arms.map { arm in
                [arm.arm, arm.share.formatted(), "\(arm.users)", "\(arm.requests)"]
                    + names.map { arm.metrics[$0].map(text) ?? "-" }
            }
            let differences = report.differences.map { difference in
                ["\(difference.arm) - \(difference.baseline)", "", "", ""]
                    + names.map { difference.metrics[$0].map(text) ?? "-" }
            }
            let verdict = report.sampleRatioP < 0.001 ? "; the assignment is broken, and the figures mean nothing" : ""
            return """
                \(report.experiment)
                \(Terminal.table([["arm", "share", "people", "requests"] + names] + rows + differences))
                a split as uneven as this has a probability of \(number(report.sampleRatioP))\(verdict)
                """
        }

        private static func text(_ estimate: ArmReport.Estimate) -> String {
            "\(number(estimate.value)) [\(number(estimate.low)), \(number(estimate.high))]"
        }

        private static func number(_ value: Double) -> String { String(format: "%.4g", value) }
    }
}
