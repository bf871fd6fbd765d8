// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeTensorFiles
public import Foundation

/// The work of a round, each piece of which appears complete or not at all.
public protocol LoopSteps: Sendable {
    /// Makes a data set of the store.
    ///
    /// - Parameters:
    ///   - round: The round, with the times to keep.
    ///   - target: The data set directory to create.
    ///   - previous: The data set of an earlier round; nil for none.
    /// - Returns: What it holds, in words.
    func makeData(for round: LoopRound, at target: URL, previous: URL?) async throws -> String
    /// Trains the model of a slot, or takes up its training, to its end.
    ///
    /// - Parameters:
    ///   - model: The model.
    ///   - data: The data set directory.
    ///   - target: The run directory, which exists when a training is taken up.
    ///   - parent: The run whose weights it begins with; nil for fresh ones.
    /// - Returns: Its validation metrics.
    func train(_ model: LoopConfiguration.Model, on data: URL, to target: URL, from parent: URL?) async throws
        -> [String: Double]
    /// Builds the index of a run.
    func buildIndex(_ model: LoopConfiguration.Model, of run: URL, at target: URL) async throws
    /// Lets the gate decide about a run, and records the decision; a run that was decided about before keeps its decision.
    func promote(_ model: LoopConfiguration.Model, run: URL, index: URL?) async throws -> LoopRound.Outcome
    /// The folders that serve, or that a roll-back may bring back.
    func foldersInUse() async throws -> [URL]
    /// Whether somebody asked to stop.
    var isInterrupted: Bool { get }
    /// Says what happens.
    func say(_ text: String)
}

/// Trains the models of a service again and again on what it served: data, training, index, gate, cleaning.
///
/// One process at a time works in a folder. A round that was killed at any moment is taken up: what is complete is
/// not done again, a training goes on at its last checkpoint, and a decision is recorded once.
public struct LoopRunner<Steps: LoopSteps> {
    private let configuration: LoopConfiguration
    private let steps: Steps
    private let folders: RoundFolders

    /// Prepares a loop.
    public init(_ configuration: LoopConfiguration, steps: Steps) {
        self.configuration = configuration
        self.steps = steps
        folders = RoundFolders(folder: configuration.folder)
    }

    /// Does one round: the one that was interrupted, or a new one.
    ///
    /// - Parameter time: The present, in seconds since 1970-01-01 UTC.
    /// - Returns: The round as it ended; nil when somebody asked to stop.
    /// - Throws: ``FileError`` `.locked` when another process works in the folder.
    public func runRound(at time: Int64) async throws -> LoopRound? {
        try folders.prepare()
        let lock = try FolderLock(
            configuration.folder.appending(path: ".lock"),
            of: configuration.folder,
            for: "runs this loop"
        )
        defer { lock.release() }
        let earlier = try folders.all()
        let (folder, begun) = try take(earlier, time)
        try DurableFile.removeTemporaries(in: folder.url)
        var round = begun
        let known = earlier.filter { $0.round.number < begun.number }
        steps.say("round \(round.number)\(begun.data.isEmpty ? "" : ", taken up")")
        do {
            try await prepareData(&round, folder, known.map(\.folder))
        } catch  where steps.isInterrupted {
            return nil
        } catch {
            round.status = .failed
            round.problem = "\(error)"
            try folder.write(round)
            return round
        }
        for model in configuration.models where round.slots[model.slot] == nil {
            guard !steps.isInterrupted else { return nil }
            do {
                round.slots[model.slot] = try await outcome(of: model, folder, known.map(\.folder))
            } catch  where steps.isInterrupted {
                return nil
            } catch {
                round.slots[model.slot] = LoopRound.Outcome(.failed, reason: "\(error)")
            }
            try folder.write(round)
            if let outcome = round.slots[model.slot] {
                steps.say("\(model.slot): \(outcome.decision.rawValue) \(outcome.version): \(outcome.reason)")
            }
        }
        round.status = .finished
        try folder.write(round)
        try await clean()
        return round
    }

    /// Does one round after another until somebody asks to stop.
    ///
    /// - Parameters:
    ///   - now: The present, in seconds since 1970-01-01 UTC.
    ///   - sleep: Waits some seconds, or until somebody asks to stop.
    public func runForever(now: () -> Int64, sleep: (Double) async throws -> Void) async throws {
        while !steps.isInterrupted {
            let last = try folders.all().last?.round
            let due = last.map { $0.status == .running ? 0 : $0.time + Int64(configuration.everyHours * 3_600) } ?? 0
            let wait = due - now()
            if wait > 0 {
                steps.say("the next round begins in \(wait) s")
                try await sleep(Double(wait))
            } else if let round = try await runRound(at: now()), let problem = round.problem {
                steps.say("round \(round.number) failed: \(problem)")
            }
        }
    }

    /// The round to go on with, or a new one.
    private func take(_ earlier: [(folder: RoundFolder, round: LoopRound)], _ time: Int64) throws
        -> (folder: RoundFolder, round: LoopRound)
    {
        if let last = earlier.last, last.round.status == .running { return last }
        let round = LoopRound(
            number: (earlier.last?.round.number ?? 0) + 1,
            time: time,
            data: configuration.data
        )
        let folder = folders.folder(round.number)
        try FileManager.default.createDirectory(
            at: folder.url.appending(path: "runs"),
            withIntermediateDirectories: true
        )
        try folder.write(round)
        return (folder, round)
    }

    private func prepareData(_ round: inout LoopRound, _ folder: RoundFolder, _ earlier: [RoundFolder]) async throws {
        guard round.data.isEmpty || !exists(folder.data) else { return }
        if exists(folder.data) {
            // Killed between the data and their record.
            round.data = "made before"
        } else {
            let previous = earlier.last { exists($0.data) }?.data
            round.data = try await steps.makeData(for: round, at: folder.data, previous: previous)
        }
        try folder.write(round)
        steps.say("data: \(round.data)")
    }

    private func outcome(
        of model: LoopConfiguration.Model,
        _ folder: RoundFolder,
        _ earlier: [RoundFolder]
    ) async throws -> LoopRound.Outcome {
        let start = ContinuousClock.now
        let run = folder.run(model.slot)
        let parent =
            model.warmStart
            ? earlier.last { exists($0.run(model.slot).appending(path: "weights.safetensors")) }?.run(model.slot) : nil
        let metrics = try await steps.train(model, on: folder.data, to: run, from: parent)
        try checkInterruption()
        var index: URL?
        if model.index != nil {
            let target = folder.index(model.slot)
            if !exists(target) {
                try DurableFile.removeTemporaries(in: run)
                try await steps.buildIndex(model, of: run, at: target)
            }
            index = target
        }
        try checkInterruption()
        var outcome = try await steps.promote(model, run: run, index: index)
        outcome.metrics = metrics
        outcome.seconds = (ContinuousClock.now - start) / .seconds(1)
        return outcome
    }

    private func checkInterruption() throws { if steps.isInterrupted { throw CancellationError() } }

    private func exists(_ url: URL) -> Bool { FileManager.default.fileExists(atPath: url.path) }

    /// Removes the rounds that are too old, but for those whose folders serve or may serve again.
    private func clean() async throws {
        let used = try await steps.foldersInUse().map { $0.resolvingSymlinksInPath().path + "/" }
        for (folder, _) in try folders.all().dropLast(configuration.keepRounds) {
            let place = folder.url.resolvingSymlinksInPath().path + "/"
            guard !used.contains(where: { $0.hasPrefix(place) }) else { continue }
            try folders.remove(folder)
            steps.say("removed round \(folder.url.lastPathComponent)")
        }
    }
}
