// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CascadeFunnel
import CascadeServing
import CascadeStore
import CascadeTensorFiles
import Foundation

struct PromoteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "promote",
        abstract: "Compares a run with what serves in a slot, and lets it serve unless it is worse.",
        discussion: """
            Both are asked about the newest events that neither was trained on. The decision is recorded in the store; a running \
            service follows it within seconds, and one that starts later begins with it. Exit code 3: refused.
            """
    )

    @Argument(help: "The candidate: a run directory, or an index directory for a slot of kind index.") var run: String
    @OptionGroup var slot: SlotOptions
    @Option(help: "The candidate's index; default RUN/index when there is one, otherwise the slot's.") var index:
        String?
    @Option(help: "The dataset directory of the run, when it is not where the run found it.") var data: String?
    @Flag(help: "Only compare; record nothing.") var dryRun = false
    @Flag(help: "Let it serve though it is refused; one that cannot be loaded never serves.") var force = false
    @Flag(help: "Print one JSON document.") var json = false

    /// The exit code of a candidate that was refused.
    static let refused: Int32 = 3

    func run() async throws {
        try await slot.withGate { gate, store in
            func absolute(_ path: String) -> String { URL(filePath: path).absoluteURL.standardizedFileURL.path }
            var report = try await gate.report(
                on: absolute(run),
                index: index.map(absolute),
                data: data.map(absolute),
                for: slot.slot
            )
            try await slot.addOffPolicy(to: &report, store)
            var promotion: Promotion?
            if !dryRun { promotion = try await gate.decide(report, isForced: force) }
            Terminal.out(try json ? jsonText(report) : GateText.describe(report))
            guard promotion?.decision == .promoted || promotion == nil && report.isPassed else {
                Terminal.error("refused: \(report.refusals.joined(separator: "; "))")
                throw ExitCode(Self.refused)
            }
            guard let promotion else { return Terminal.error("passed; nothing was recorded (--dry-run)") }
            try await slot.wait(for: promotion, in: store)
        }
    }
}

struct RollbackCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollback",
        abstract: "Lets the version before the last promotion serve again.",
        discussion: "Takes back one promotion after another. A running service follows within seconds."
    )

    @OptionGroup var slot: SlotOptions

    func run() async throws {
        try await slot.withGate { gate, store in
            let promotion = try await gate.rollBack(slot.slot)
            Terminal.out("\(slot.slot): \(promotion.version), from \(promotion.place.path)")
            try await slot.wait(for: promotion, in: store)
        }
    }
}

/// A slot of a service.
struct SlotOptions: ParsableArguments {
    @Option(help: "The slot's name.") var slot: String
    @Option(help: "Configuration of the service (YAML).") var config: String
    @Option(help: "Seconds to wait for a running service to follow; 0 does not wait.") var wait = 20.0

    func validate() throws {
        guard wait >= 0 else { throw ValidationError("--wait: found \(wait), expected seconds from 0") }
    }

    /// Opens the service's store, and runs the body with a gate over it.
    func withGate<R: Sendable>(_ body: @Sendable (PromotionGate, SQLiteStore) async throws -> R) async throws -> R {
        let funnel = try ServiceSettings.funnel(in: config)
        return try await StoreCommand.withStore(funnel.store) { store in
            let memory = SlotStateFile(besideStore: funnel.store, isReadOnly: true)
            return try await body(PromotionGate(funnel, store: store, loader: RunSlots(), memory: memory), store)
        }
    }

    /// Adds what logged pages predict.
    func addOffPolicy(to report: inout GateReport, _ store: SQLiteStore) async throws {
        try await OffPolicyGate(ServiceSettings(config, port: nil), store).add(to: &report)
    }

    /// Waits for a service to serve what was decided.
    ///
    /// - Throws: ``ServiceError`` when a service could not serve it.
    func wait(for promotion: Promotion, in store: SQLiteStore) async throws {
        let end = ContinuousClock.now + .seconds(wait)
        repeat {
            let latest = try await store.latestChanges()[promotion.slot]
            if let latest, latest.id == promotion.id {
                if let problem = latest.problem {
                    throw ServiceError(.invalid, "the service goes on with what it had: \(problem)")
                }
                if latest.applied != nil { return Terminal.error("the service serves \(promotion.version)") }
            }
            if ContinuousClock.now < end { try await Task.sleep(for: .milliseconds(200)) }
        } while ContinuousClock.now < end
        Terminal.error("recorded; no service has followed yet: the next one that starts serves \(promotion.version)")
    }
}

/// The gate's findings in words.
enum GateText {
    static func describe(_ report: GateReport) -> String {
        func number(_ value: Double) -> String { String(format: "%.4f", value) }
        func date(_ time: Int64) -> String { Date(timeIntervalSince1970: Double(time)).formatted(.iso8601) }
        var facts = [
            ["slot", report.slot],
            ["candidate", "\(report.candidate.version) (\(report.candidate.place.path))"],
            [
                "serving",
                report.serving.map { "\($0.version) (\($0.place.path))" } ?? "nothing; compared with popularity",
            ],
        ]
        if let window = report.window {
            facts.append([
                "window",
                "from \(date(window.since)): \(window.users) users, \(window.cases) cases, \(window.choices.rawValue) choices",
            ])
        }
        if let own = report.latencyMS {
            let other = report.servingLatencyMS.map { " (serving \(number($0.percentile95)))" } ?? ""
            facts.append(["latency", "95 % of answers within \(number(own.percentile95)) ms\(other)"])
        }
        if let found = report.offPolicy {
            func text(_ estimate: GateReport.OffPolicy.Estimate?) -> String {
                guard let estimate else { return "-" }
                return "\(number(estimate.value)) [\(number(estimate.low)), \(number(estimate.high))], support "
                    + String(format: "%.0f %%", 100 * estimate.support)
            }
            facts.append([
                "click rate",
                "\(text(found.candidate)); serving \(text(found.serving)): of \(found.requests) logged pages",
            ])
        }
        if let recall = report.indexRecall {
            facts.append(["index", "recall@100 \(number(recall)) against exact search"])
        }
        let rows = report.metrics.sorted { $0.key < $1.key }.map { name, found in
            [
                name == report.decisive ? "\(name) *" : name, number(found.candidate), number(found.serving),
                "\(number(found.difference)) [\(number(found.low)), \(number(found.high))]", number(found.pValue),
            ]
        }
        let head = [["metric", "candidate", "serving", "difference, 95 % interval", "p"]]
        let lines = facts.map { $0[0].padding(toLength: 12, withPad: " ", startingAt: 0) + $0[1].printable }
        return lines.joined(separator: "\n") + (rows.isEmpty ? "" : "\n\n" + Terminal.table(head + rows))
    }
}
