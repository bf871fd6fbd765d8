// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CascadeConfigurations
import CascadeDatasets
import CascadeFunnel
import CascadeLoop
import CascadeRecommenders
import CascadeRuns
import CascadeServing
import CascadeStore
import CascadeTensorFiles
import CascadeTorch
import Foundation

struct LoopCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "loop",
        abstract: "Trains the models of a service on what it served, and lets the better ones serve.",
        discussion: """
            A round makes a dataset of the store, trains a model for each slot, builds its index, asks the gate, and removes old \
            rounds. The service may run meanwhile. A round that was interrupted, or killed, is taken up by the next call. \
            Documentation/closed-loop.md describes the configuration.
            """
    )

    @Option(help: "Configuration of the loop (YAML).") var config: String
    @Flag(help: "Do one round and end, as timers want it.") var once = false
    @Option(help: "The present, in seconds since 1970, for simulations; needs --once.") var now: Int64?
    @Flag(help: "Print the round as one JSON document; needs --once.") var json = false

    func validate() throws {
        guard once || (now == nil && !json) else { throw ValidationError("--now, --json: need --once as well") }
    }

    func run() async throws {
        Runtime.keepFreedMemory(for: .training)
        let file = URL(filePath: config)
        let loop = try LoopConfiguration(
            ConfigurationFile.read(file),
            relativeTo: file.deletingLastPathComponent()
        )
        Interruption.watch()
        let runner = LoopRunner(loop, steps: try CommandSteps(loop))
        guard once else {
            try await runner.runForever(now: Self.present) { seconds in
                let end = ContinuousClock.now + .seconds(seconds)
                while ContinuousClock.now < end, !Interruption.isRequested {
                    try await Task.sleep(for: .milliseconds(500))
                }
            }
            throw ExitCode(130)
        }
        guard let round = try await runner.runRound(at: now ?? Self.present()) else { throw ExitCode(130) }
        Terminal.out(try json ? jsonText(round) : Self.describe(round))
        let hasFailed = round.problem != nil || round.slots.values.contains { $0.decision == .failed }
        if hasFailed { throw ExitCode.failure }
    }

    private static func present() -> Int64 { Int64(Date().timeIntervalSince1970) }

    private static func describe(_ round: LoopRound) -> String {
        let lines = round.slots.sorted { $0.key < $1.key }.map { slot, outcome in
            let version = outcome.version.isEmpty ? "" : " \(outcome.version)"
            let time = String(format: "%.0f s", outcome.seconds)
            return "\(slot): \(outcome.decision.rawValue)\(version) after \(time): \(outcome.reason)"
        }
        let head = "round \(round.number): \(round.problem.map { "failed: \($0)" } ?? round.data)"
        return ([head] + lines).map(\.printable).joined(separator: "\n")
    }
}

/// The steps of a round, each as the command of the same name does it.
private struct CommandSteps: LoopSteps {
    private let loop: LoopConfiguration
    private let funnel: FunnelConfiguration

    init(_ loop: LoopConfiguration) throws {
        self.loop = loop
        funnel = try ServiceSettings.funnel(in: loop.service.path)
        for model in loop.models where funnel.slots[model.slot] == nil {
            let known = funnel.slots.keys.sorted()
            throw ConfigurationError(
                "models.\(model.slot): found a slot that \(loop.service.path) does not have"
                    + didYouMean(model.slot, known, otherwise: "; it has: \(known.joined(separator: ", "))")
            )
        }
    }

    var isInterrupted: Bool { Interruption.isRequested }

    func say(_ text: String) {
        if Terminal.isInteractive { Terminal.status("") }
        Terminal.error(text)
    }

    func makeData(for round: LoopRound, at target: URL, previous: URL?) async throws -> String {
        var options = DatasetExportOptions()
        options.name = URL(filePath: funnel.store).deletingPathExtension().lastPathComponent
        (options.since, options.until) = (round.since, round.until)
        (options.minUserEvents, options.minItemEvents) = (loop.data.minUserEvents, loop.data.minItemEvents)
        let earlier = try previous.map { try Dataset(at: $0) }
        let (data, report) = try await StoreCommand.withStore(funnel.store) { [options] store in
            try await store.exportDataset(to: target, options, previous: earlier)
        }
        for remark in report.remarks { say(remark) }
        return "\(data.userCount) users, \(data.itemCount) items, \(data.eventCount) events, "
            + "\(data.requests?.count ?? 0) requests"
    }

    func train(
        _ model: LoopConfiguration.Model,
        on data: URL,
        to target: URL,
        from parent: URL?
    ) async throws -> [String: Double] {
        let run = RunDirectory(target)
        if run.exists, case let manifest = try run.manifest(), manifest.status == .finished {
            return manifest.validation
        }
        var words = ["--data", data.path, "--to", target.path, "--seed", "\(model.seed)"]
        if let name = model.name { words += ["--model", name] }
        if let experiment = model.experiment { words += ["--config", experiment.path] }
        for setting in model.settings { words += ["--set", setting] }
        if let budget = model.budget { words += ["--budget", budget] }
        // A training that is taken up has the settings of its own parent, which may not be the latest any more.
        var start = try parent.flatMap { try isAlike($0, model) ? $0.path : nil }
        if run.exists {
            words.append("--resume")
            start = try run.manifest().startedFrom?.run
        }
        if let start { words += ["--from", start] }
        do {
            let command = try TrainCommand.parse(words)
            try Terminal.$isPartOfWork.withValue(true) { try command.run() }
        } catch let code as ExitCode where code.rawValue == 130 {
            throw CancellationError()
        }
        return try run.manifest().validation
    }

    /// Whether a run can be a model's parent: another model's weights mean nothing to it.
    private func isAlike(_ parent: URL, _ model: LoopConfiguration.Model) throws -> Bool {
        let name = try RunDirectory(parent).manifest().experiment.model.name
        return model.name.map { $0 == name } ?? true
    }

    func buildIndex(_ model: LoopConfiguration.Model, of run: URL, at target: URL) async throws {
        let kind = model.index ?? "hnsw"
        let command = try IndexCommand.BuildIndex.parse([run.path, "--to", target.path, "--kind", kind])
        try Terminal.$isPartOfWork.withValue(true) { try command.run() }
    }

    func promote(_ model: LoopConfiguration.Model, run: URL, index: URL?) async throws -> LoopRound.Outcome {
        let slot = try SlotOptions.parse([
            "--slot", model.slot, "--config", loop.service.path, "--wait", "\(loop.waitSeconds)",
        ])
        let path = run.resolvingSymlinksInPath().path
        let promotion = try await slot.withGate { gate, store in
            let known = try await store.promotions(of: model.slot, limit: 1_000).first {
                $0.place.path == path && $0.decision != .rolledBack
            }
            if let known { return known }
            var report = try await gate.report(on: path, index: index?.path, for: model.slot)
            try await slot.addOffPolicy(to: &report, store)
            let promotion = try await gate.decide(report)
            if promotion.decision == .promoted { try await slot.wait(for: promotion, in: store) }
            return promotion
        }
        return LoopRound.Outcome(
            promotion.decision == .promoted ? .promoted : .refused,
            version: promotion.version,
            reason: promotion.reason
        )
    }

    func foldersInUse() async throws -> [URL] {
        let noted = try SlotStateFile(besideStore: funnel.store, isReadOnly: true).folders()
        let paths = try await StoreCommand.withStore(funnel.store) { store in
            var paths = noted + (try await store.latestChanges().values.map(\.place.path))
            for slot in funnel.slots.keys {
                guard let last = try await store.stack(of: slot).last else { continue }
                paths += [last.place.path, last.previous?.place.path].compactMap { $0 }
            }
            return paths
        }
        return paths.map { URL(filePath: $0) }
    }
}
