// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CascadeConfigurations
import CascadeFunnel
import CascadeTensorFiles
import Foundation

struct ABCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ab",
        abstract: "Reports the A/B tests of a service.",
        subcommands: [ReportABTests.self]
    )

    struct ReportABTests: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "report",
            abstract:
                "Prints click rate, conversion and value of each arm with 95 % intervals, and a sample-ratio check."
        )

        @Option(help: "Configuration of the service (YAML), whose ab_tests are read.") var config: String
        @Option(help: "Store of the service.") var store: String
        @Flag(help: "Print JSON.") var json = false

        func run() async throws {
            let tests = try ServiceSettings.abTests(in: config)
            guard !tests.isEmpty else {
                throw ConfigurationError("\(config): found no A/B tests; list them under 'ab_tests'")
            }
            try await StoreCommand.withStore(store) { opened in
                let reports = try await ABTestReport.reports(tests, from: opened)
                Terminal.out(try json ? jsonText(reports) : reports.map(Self.text).joined(separator: "\n\n"))
            }
        }

        private static func text(_ report: ABTestReport) -> String {
            let names = ["click_rate", "conversion", "value"]
            let rows = report.arms.map { arm in
                [arm.arm, arm.share.formatted(), "\(arm.users)", "\(arm.requests)"]
                    + names.map { arm.metrics[$0].map(text) ?? "-" }
            }
            let differences = report.differences.map { difference in
                ["\(difference.arm) - \(difference.baseline)", "", "", ""]
                    + names.map { difference.metrics[$0].map(text) ?? "-" }
            }
            let verdict =
                report.sampleRatioPValue < 0.001 ? ": the assignment is broken, and the metrics mean nothing" : ""
            return """
                \(report.name)
                \(Terminal.table([["arm", "share", "users", "requests"] + names] + rows + differences))
                sample-ratio check: p = \(number(report.sampleRatioPValue))\(verdict)
                """
        }

        private static func text(_ estimate: ArmReport.Estimate) -> String {
            "\(number(estimate.value)) [\(number(estimate.low)), \(number(estimate.high))]"
        }

        private static func number(_ value: Double) -> String { String(format: "%.4g", value) }
    }
}
