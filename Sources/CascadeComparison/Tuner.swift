// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeEvaluation
public import CascadeRecommenders
import CascadeTensorFiles
public import CascadeTraining
public import Foundation

/// Searches ranges for the settings that are best on validation, by successive halving; test is never looked at.
///
/// Trial 0 is the experiment as it is. Trials are kept: the same tuner again goes on where it was stopped.
public struct Tuner {
    /// Settings that are tried.
    public struct Trial: Sendable {
        /// Counted from 0.
        public let number: Int
        /// What differs from the experiment.
        public let settings: [(key: String, value: JSONValue)]
        /// Where it is trained.
        public let run: RunDirectory
        /// The experiment as a file holds it; nil when its settings cannot work together.
        public let tree: JSONValue?
        /// Why it is left out.
        public let problem: String?

        /// The settings in one line.
        public var name: String {
            settings.isEmpty ? "as it is" : settings.map { "\($0.key)=\(Self.text($0.value))" }.joined(separator: " ")
        }

        private static func text(_ value: JSONValue) -> String {
            switch value {
            case .integer(let number): "\(number)"
            case .number(let number): "\(number)"
            case .bool(let value): "\(value)"
            default: value.text ?? "?"
            }
        }

        /// A metric of the kept weights on validation; nil when nothing was trained.
        public func validation(_ metric: String) -> Double? {
            guard run.exists, let manifest = try? run.manifest() else { return nil }
            return RankingMetric.value(metric, in: manifest.validation)
        }
    }

    /// A trial that has yet to reach an epoch.
    public struct Pending: Sendable {
        /// The trial.
        public let trial: Trial
        /// The experiment, with its last epoch.
        public let experiment: Experiment
        /// The same, as a file beside the run.
        public let file: URL
        /// Whether a run is taken up.
        public let resumes: Bool
    }

    /// Trains some trials, each into its run: here, or in other processes.
    public typealias Work = (_ trials: [Pending]) throws -> Void

    /// The metric of the experiment, which ranks the trials.
    public let metric: String
    private let base: JSONValue
    private let space: SearchSpace
    private let halving: Halving
    private let trials: Int
    private let seed: UInt64
    private let folder: URL
    private let models: ModelRegistry

    /// Prepares a search.
    ///
    /// - Parameters:
    ///   - base: The experiment, as a file holds it.
    ///   - space: What is searched.
    ///   - folder: Where the trials are kept.
    ///   - trials: How many settings are tried, the experiment's own among them.
    ///   - epochs: Epochs of trials that train to the end; nil for the experiment's own.
    ///   - factor: How many times fewer trials, and more epochs, each round has; 1 trains all to the end.
    ///   - seed: Decides the settings that are tried.
    ///   - models: The models that there are.
    /// - Throws: ``ConfigurationError`` when the experiment cannot be used.
    public init(
        _ base: JSONValue,
        _ space: SearchSpace,
        in folder: URL,
        trials: Int = 16,
        epochs: Int? = nil,
        factor: Int = 3,
        seed: UInt64 = 1,
        among models: ModelRegistry = .builtin
    ) throws {
        let training = try Experiment(base, among: models).training
        metric = training.metric
        halving = Halving(trials: trials, epochs: epochs ?? training.epochs, factor: factor)
        (self.base, self.space, self.folder, self.trials) = (base, space, folder, trials)
        (self.seed, self.models) = (seed, models)
    }

    /// Trains, round after round, the better trials longer.
    ///
    /// - Parameters:
    ///   - isInterrupted: Asked between rounds; true ends the search.
    ///   - note: Is told what happens.
    ///   - work: Trains the trials of a round.
    /// - Returns: Every trial, the best first, and the best; nil when interrupted, or when no trial was trained.
    /// - Throws: ``FileError`` `.locked` when another process searches here; what `work` throws.
    public func run(
        isInterrupted: () -> Bool = { false },
        note: (String) -> Void = { _ in },
        work: Work
    ) throws -> (trials: [Trial], best: Trial?) {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let lock = try FolderLock(folder.appending(path: ".lock"), of: folder, for: "tunes here")
        defer { lock.release() }
        let all = try (0..<trials).map(trial)
        for trial in all {
            if let problem = trial.problem { note("trial \(trial.number) (\(trial.name)) left out: \(problem)") }
        }
        var candidates = all.filter { $0.problem == nil }
        for (number, round) in halving.rounds.enumerated() {
            candidates = Array(ranked(candidates).prefix(round.trials))
            note("round \(number + 1) of \(halving.rounds.count): \(candidates.count) trials to epoch \(round.epochs)")
            try work(candidates.compactMap { try pending($0, epochs: round.epochs) })
            if isInterrupted() { return (ranked(all), nil) }
        }
        return (ranked(all), ranked(candidates).first { $0.validation(metric) != nil })
    }

    private func trial(_ number: Int) throws -> Trial {
        let settings = space.settings(trial: number, seed: seed)
        let run = RunDirectory(folder.appending(path: "trials/\(number)/run"), models: models)
        do {
            let tree = try settings.reduce(base) { try $0.setting($1.key, to: $1.value, model: nil, among: models) }
            _ = try Experiment(tree, among: models)
            return Trial(number: number, settings: settings, run: run, tree: tree, problem: nil)
        } catch let error as ConfigurationError {
            guard number > 0 else { throw error }
            return Trial(number: number, settings: settings, run: run, tree: nil, problem: error.description)
        }
    }

    /// What is to be done until a trial has so many epochs; nil when it has them.
    private func pending(_ trial: Trial, epochs: Int) throws -> Pending? {
        guard var tree = trial.tree else { return nil }
        if trial.run.exists, try trial.run.manifest().epoch >= epochs { return nil }
        tree = try tree.setting("training.epochs", to: .integer(epochs), model: nil, among: models)
        let folder = trial.run.url.deletingLastPathComponent()
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let file = folder.appending(path: "experiment.json")  // YAML reads JSON
        try DurableFile.write(try JSONEncoder.readable.encode(tree), to: file)
        let experiment = try Experiment(tree, among: models)
        return Pending(trial: trial, experiment: experiment, file: file, resumes: trial.run.exists)
    }

    /// The best first; untrained ones keep their order at the end.
    private func ranked(_ trials: [Trial]) -> [Trial] {
        let values = Dictionary(uniqueKeysWithValues: trials.map { ($0.number, $0.validation(metric) ?? -.infinity) })
        return trials.sorted { a, b in
            let (x, y) = (values[a.number] ?? -.infinity, values[b.number] ?? -.infinity)
            return x == y ? a.number < b.number : x > y
        }
    }
}
