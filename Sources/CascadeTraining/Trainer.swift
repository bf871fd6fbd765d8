// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
import CascadeEvaluation
import CascadeNN
import CascadeRecommenders
import CascadeTensorFiles
import CascadeTorch
public import Foundation

/// Trains one model on one data set into one run directory.
///
/// The run can be killed at any moment: the previous checkpoint stays whole, and a resumed run ends with the same
/// bits as one that was never interrupted, on the same machine. One process at a time trains in a directory.
public final class Trainer {
    let experiment: Experiment
    let settings: TrainingSettings
    let options: TrainingOptions
    let data: SplitDataset
    let run: RunDirectory
    let model: any Retriever
    let clock = ContinuousClock()
    var manifest: RunManifest
    var state = State()
    var lock: FolderLock?

    /// What a checkpoint holds beside tensors.
    struct State: Codable {
        var step = 0
        var epoch = 0
        /// The next batch of the epoch.
        var batch = 0
        var best: Double?
        var bestStep = 0
        var bestMetrics: [String: Double] = [:]
        var failures = 0
        var averageUpdates = 0
        var seconds = 0.0
        /// Nil in checkpoints of before.
        var usage: RunManifest.Usage?
        /// Whether the kept weights rank no better than chance; nil for not.
        var isAtChance: Bool?
    }

    /// Prepares a run: a new directory, or the checkpoint of an old one.
    ///
    /// - Throws: ``CheckpointError`` when the directory holds a run and `resume` is off, or one of another experiment,
    ///   data set or seed, or a damaged one; ``FileError`` `.locked` when another process trains there.
    public init(_ experiment: Experiment, on dataset: Dataset, to url: URL, _ options: TrainingOptions) throws {
        self.experiment = experiment
        self.options = options
        settings = try experiment.trainingSettings()
        data = try experiment.divided(dataset)
        run = RunDirectory(url)
        let threads = settings.threads > 0 ? settings.threads : Runtime.defaultThreads
        Runtime.setThreads(threads)
        Runtime.keepFreedMemory(for: .training)
        let generator = try Generator(seed: SplitMix64.mix(options.seed, 0), on: options.device)
        model = try experiment.makeModel(
            for: dataset,
            using: generator
        )
        manifest = RunManifest(
            experiment: experiment,
            data: .init(dataset),
            seed: options.seed,
            commit: options.commit,
            machine: [
                "libtorch": Runtime.version, "device": "\(options.device)", "threads": "\(threads)",
                "system": ProcessInfo.processInfo.operatingSystemVersionString,
            ],
            status: .running
        )
        manifest.parameters = try model.parameters().reduce(0) { $0 + $1.part.value.count }
        manifest.sized = options.sized.isEmpty ? nil : options.sized
        try claim(url)
    }

    /// Trains until the experiment, a budget or an interruption ends it; once for each trainer.
    ///
    /// - Returns: The manifest as it was left.
    /// - Throws: ``DivergenceError`` when the model tells nothing apart any more; the manifest says so too.
    public func train() throws -> RunManifest {
        defer { lock?.release() }
        do {
            try learn()
        } catch let error as DivergenceError {
            (manifest.status, manifest.reason) = (.diverged, error.description)
            try run.write(manifest)
            throw error
        }
        return manifest
    }

    private func learn() throws {
        switch model {
        case let fitted as any FittedRetriever: try fit(fitted)
        case let vectors as any VectorRetriever:
            let evaluator = TopKEvaluator(data, seen: experiment.seen, on: options.device)
            try descend(RetrievalLesson(vectors, settings, evaluator, seed: options.seed))
        case let ranker as any CTRRanker:
            let evaluator = CTREvaluator(
                data,
                experiment.candidates ?? CandidateSettings(),
                categories: try experiment.categories(in: data.dataset),
                on: options.device
            )
            try descend(CTRLesson(ranker, settings, evaluator, seed: options.seed))
        case let searcher as any QueryRanker:
            let evaluator = QueryEvaluator(
                data,
                experiment.candidates ?? CandidateSettings(),
                categories: try experiment.categories(in: data.dataset),
                on: options.device
            )
            try descend(QueryLesson(searcher, settings, evaluator, seed: options.seed))
        default: throw ConfigurationError("\(experiment.model): neither counts nor learns by gradients")
        }
    }

    // MARK: - Models that only count

    private func fit(_ model: any FittedRetriever) throws {
        options.observe(.started(parameters: 0, examples: data.trainingEventCount, stepsPerEpoch: 0, resumedAt: 0))
        let pace = Pace(state)
        let log = try ProgressLog(run, of: manifest, after: -1)
        if let effort = try model.effort() {
            options.observe(.notice("\(experiment.model): \(effort.description) before it is ready"))
        }
        try model.fit(to: data)
        if !data.cases(.validation).isEmpty {
            let outcome = try TopKEvaluator(data, seen: experiment.seen, on: options.device)
                .evaluate(model, .validation, limit: settings.validationUsers)
            state.bestMetrics = Dictionary(uniqueKeysWithValues: outcome.metrics.values.map { ($0.name, $0.value) })
            try report(state.bestMetrics, isBest: true, log)
        }
        pace.count(into: &state)
        try run.replace(run.weights, by: Checkpoint.writer(model), noting: &manifest)
        try finish(.finished, "fitted in one pass", log)
    }

    // MARK: - The end

    func record() {
        (manifest.step, manifest.epoch, manifest.seconds) = (state.step, state.epoch, state.seconds)
        (manifest.bestStep, manifest.validation) = (state.bestStep, state.bestMetrics)
        manifest.usage = state.usage
        manifest.warnings = state.isAtChance == true ? ["the kept weights rank validation no better than chance"] : nil
    }

    func finish(_ status: RunManifest.Status, _ reason: String, _ log: ProgressLog) throws {
        (manifest.status, manifest.reason) = (status, reason)
        record()
        try run.write(manifest)
        try log.end(manifest)
        options.observe(.finished(reason: reason))
    }

    func report(_ metrics: [String: Double], isBest: Bool, _ log: ProgressLog) throws {
        try log.write(
            "validation",
            step: state.step,
            epoch: state.epoch,
            metrics.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        )
        options.observe(.evaluated(epoch: state.epoch, step: state.step, metrics: metrics, isBest: isBest))
    }
}
