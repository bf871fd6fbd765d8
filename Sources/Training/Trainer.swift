// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import Datasets
import Evaluation
public import Foundation
import NN
import Recommenders
import TensorFiles
public import Torch

/// What a training run tells whoever watches.
public enum TrainingEvent: Sendable {
    case started(parameters: Int, examples: Int, stepsPerEpoch: Int, resumedAt: Int)
    case step(epoch: Int, index: Int, of: Int, loss: Double, examples: Int)
    case evaluated(epoch: Int, step: Int, metrics: [String: Double], isBest: Bool)
    case finished(reason: String)
}

/// What is decided per run rather than per experiment.
public struct TrainingOptions {
    /// Decides every random number.
    public var seed: UInt64 = 1
    /// Where the model is trained.
    public var device = Device.cpu
    /// Seconds, evaluations included, after which the run ends with what it has; nil means no limit.
    public var timeBudget: Double?
    /// Whether an existing run may be taken up.
    public var resume = false
    /// Cascade's commit, for the manifest.
    public var commit = "unknown"
    /// Asked after every step; true ends the run with a checkpoint.
    public var isInterrupted: () -> Bool = { false }
    /// Told what happens.
    public var observe: (TrainingEvent) -> Void = { _ in }

    /// The defaults.
    public init() {}
}

/// Trains one model on one data set into one run directory.
///
/// The run can be killed at any moment: the previous checkpoint stays whole, and a resumed run ends with the same
/// bits as one that was never interrupted, on the same machine.
public final class Trainer {
    private let experiment: Experiment
    private let settings: TrainingSettings
    private let options: TrainingOptions
    private let data: SplitDataset
    private let run: RunDirectory
    private let model: any Retriever
    private var manifest: RunManifest
    private var state = State()
    private let clock = ContinuousClock()

    /// What a checkpoint holds beside tensors.
    private struct State: Codable {
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
    }

    /// Prepares a run: a new directory, or the checkpoint of an old one.
    ///
    /// - Throws: ``CheckpointError`` when the directory holds a run and `resume` is off, or one of another experiment,
    ///   data set or seed.
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
        try claim(url)
    }

    /// Trains until the experiment, the time budget or an interruption ends it.
    ///
    /// - Returns: The manifest as it was left.
    public func train() throws -> RunManifest {
        switch model {
        case let fitted as any FittedRetriever: try fit(fitted)
        case let vectors as any VectorRetriever:
            let evaluator = Evaluator(data, seen: experiment.seen, on: options.device)
            try descend(RetrievalLesson(vectors, settings, evaluator, seed: options.seed))
        case let ranker as any Ranker:
            let evaluator = RankingEvaluator(
                data,
                experiment.candidates ?? CandidateSettings(),
                categories: try experiment.categories(in: data.dataset),
                on: options.device
            )
            try descend(RankingLesson(ranker, settings, evaluator, seed: options.seed))
        case let searcher as any SearchRanker:
            let evaluator = SearchEvaluator(
                data,
                experiment.candidates ?? CandidateSettings(),
                categories: try experiment.categories(in: data.dataset),
                on: options.device
            )
            try descend(SearchLesson(searcher, settings, evaluator, seed: options.seed))
        default: throw ConfigurationError("\(experiment.model): neither counts nor learns by gradients")
        }
        return manifest
    }

    // MARK: - Models that only count

    private func fit(_ model: any FittedRetriever) throws {
        options.observe(.started(parameters: 0, examples: data.trainingEventCount, stepsPerEpoch: 0, resumedAt: 0))
        let start = clock.now
        let log = try ProgressLog(run, of: manifest, after: -1)
        try model.fit(to: data)
        if !data.cases(.validation).isEmpty {
            state.bestMetrics = try metrics(of: model)
            try report(state.bestMetrics, isBest: true, log)
        }
        state.seconds = seconds(since: start)
        try Checkpoint.save(model, to: run.weights)
        try finish(.finished, "fitted in one pass", log)
    }

    // MARK: - Models that learn by gradients

    private func descend(_ lesson: some Lesson) throws {
        let step = try TrainingStep(lesson, settings, seed: options.seed, on: options.device)
        try restore(step)
        record()
        try run.write(manifest)
        let log = try ProgressLog(run, of: manifest, after: state.step)
        let (begun, before) = (clock.now, state.seconds)
        var lastCheckpoint = clock.now
        var window = (start: clock.now, examples: 0)
        var lastEvaluated = state.bestStep
        options.observe(
            .started(
                parameters: manifest.parameters,
                examples: data.requests?.training.count ?? data.trainingEventCount,
                stepsPerEpoch: lesson.batches(epoch: state.epoch).count,
                resumedAt: state.step
            )
        )
        while state.epoch < settings.epochs && state.failures < settings.patience {
            let epoch = lesson.batches(epoch: state.epoch)
            guard epoch.count > 0 else {
                throw ConfigurationError(
                    "\(data.dataset.url.path): no user has two training events; nothing to learn from"
                )
            }
            let first = state.batch
            let batches = Prefetcher(ahead: 4, count: epoch.count - first) { [make = epoch.make] in make(first + $0) }
            while let host = try batches.next() {
                state.step += 1
                let result = try step(host, step: state.step)
                state.batch += 1
                state.seconds = before + seconds(since: begun)
                window.examples += result.examples
                options.observe(
                    .step(
                        epoch: state.epoch,
                        index: state.batch,
                        of: epoch.count,
                        loss: result.losses[0].value,
                        examples: result.examples
                    )
                )
                if state.step % settings.logEvery == 0 {
                    let rate = Double(window.examples) / max(seconds(since: window.start), 1e-9)
                    try log.write(
                        "train",
                        step: state.step,
                        epoch: state.epoch,
                        result.losses + [
                            ("learningRate", result.rate), ("examplesPerSecond", rate), ("seconds", state.seconds),
                        ]
                    )
                    window = (clock.now, 0)
                }
                let isOver = options.timeBudget.map { seconds(since: begun) >= $0 } ?? false
                if options.isInterrupted() {
                    try checkpoint(step)
                    return try finish(.interrupted, "interrupted; --resume continues", log)
                }
                if isOver {
                    if lastEvaluated != state.step { try validate(lesson, step, log) }
                    try checkpoint(step)
                    return try finish(
                        .interrupted,
                        "time budget of \(Int(options.timeBudget ?? 0)) s spent; --resume continues",
                        log
                    )
                }
                let every = settings.evaluateSteps
                if every > 0 && state.step % every == 0 && state.batch < epoch.count {
                    try validate(lesson, step, log)
                    lastEvaluated = state.step
                    window = (clock.now, 0)
                }
                if seconds(since: lastCheckpoint) >= settings.checkpointSeconds && state.batch < epoch.count {
                    try checkpoint(step)
                    lastCheckpoint = clock.now
                }
            }
            state.epoch += 1
            state.batch = 0
            guard state.epoch % settings.evaluateEvery == 0 || state.epoch == settings.epochs else { continue }
            try validate(lesson, step, log)
            lastEvaluated = state.step
            state.seconds = before + seconds(since: begun)
            try checkpoint(step)
            lastCheckpoint = clock.now
            window = (clock.now, 0)
        }
        let isStale = state.failures >= settings.patience
        let patience = "no better \(settings.metric) in \(settings.patience) evaluations"
        try finish(.finished, isStale ? patience : "\(settings.epochs) epochs done", log)
    }

    /// Evaluates, and keeps the weights when they are the best so far.
    private func validate<L: Lesson>(_ lesson: L, _ step: TrainingStep<L>, _ log: ProgressLog) throws {
        guard data.has(.validation) else { return try keep(step) }
        let metrics = try withAverages(step) { try lesson.evaluate(.validation, limit: settings.validationUsers) }
        let value = metrics[settings.metric] ?? 0
        let isBest = state.best.map { value > $0 } ?? true
        if isBest {
            (state.best, state.bestStep, state.bestMetrics, state.failures) = (value, state.step, metrics, 0)
            try keep(step)
        } else {
            state.failures += 1
        }
        try report(metrics, isBest: isBest, log)
    }

    private func report(_ metrics: [String: Double], isBest: Bool, _ log: ProgressLog) throws {
        try log.write(
            "validation",
            step: state.step,
            epoch: state.epoch,
            metrics.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        )
        options.observe(.evaluated(epoch: state.epoch, step: state.step, metrics: metrics, isBest: isBest))
    }

    private func metrics(of model: any Retriever) throws -> [String: Double] {
        let outcome = try Evaluator(data, seen: experiment.seen, on: options.device)
            .evaluate(model, .validation, limit: settings.validationUsers)
        return Dictionary(uniqueKeysWithValues: outcome.metrics.values.map { ($0.name, $0.value) })
    }

    private func keep(_ step: TrainingStep<some Lesson>) throws {
        try withAverages(step) { try Checkpoint.save(model, to: run.weights) }
    }

    private func withAverages<R>(_ step: TrainingStep<some Lesson>, _ body: () throws -> R) throws -> R {
        if let average = step.average { try average.withAverages(body) } else { try body() }
    }

    // MARK: - Checkpoints

    private func tensors(_ step: TrainingStep<some Lesson>) throws -> [Named<Tensor>] {
        let weights = try model.state().map { Named(name: "weight.\($0.name)", part: $0.part) }
        return weights + step.optimizer.state() + (step.average?.state() ?? [])
    }

    /// One file holds all that resuming needs, so that it is whole or the previous one.
    private func checkpoint(_ step: TrainingStep<some Lesson>) throws {
        state.averageUpdates = step.average?.updates ?? 0
        let encoded = String(decoding: try JSONEncoder.stable.encode(state), as: UTF8.self)
        var writer = SafetensorsWriter(metadata: ["state": encoded])
        for tensor in try tensors(step) { writer.add(tensor.name, tensor.part) }
        // Until a first evaluation there is nothing better to keep than the present weights.
        if !FileManager.default.fileExists(atPath: run.weights.path) { try keep(step) }
        try writer.write(to: run.optimizer)
        record()
        try run.write(manifest)
    }

    private func restore(_ step: TrainingStep<some Lesson>) throws {
        guard FileManager.default.fileExists(atPath: run.optimizer.path) else {
            // A run that was killed before its first checkpoint starts anew; one that made steps would lose its weights.
            guard manifest.step == 0 else {
                throw CheckpointError(
                    "\(run.optimizer.path): missing, and \(run.url.path) cannot be resumed without it: \(manifest.step) steps "
                        + "were made (a finished cell of `cascade compare` keeps weights alone); restore the file, or choose "
                        + "another --to"
                )
            }
            return
        }
        let file = try SafetensorsFile(run.optimizer)
        guard let text = file.metadata["state"],
            let restored = try? JSONDecoder().decode(State.self, from: Data(text.utf8))
        else {
            throw CheckpointError("\(run.optimizer.path): has no training state; it was not written by `cascade train`")
        }
        try Checkpoint.assign(file, to: tensors(step))
        state = restored
        step.optimizer.restore(step: state.step)
        step.average?.restore(updates: state.averageUpdates)
    }

    /// Makes the directory, or checks that the run in it is the one to go on with.
    private func claim(_ url: URL) throws {
        guard run.exists else {
            let contents = (try? FileManager.default.contentsOfDirectory(atPath: url.path)) ?? []
            guard contents.allSatisfy(DurableFile.isTemporary) else {
                throw CheckpointError("\(url.path): not empty, and not a run; choose another directory for --to")
            }
            do {
                try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
            } catch {
                throw CheckpointError("\(url.path): cannot be created: \(error.localizedDescription)")
            }
            try DurableFile.removeTemporaries(in: url)
            return try run.write(manifest)
        }
        let old = try run.manifest()
        guard old.distilledFrom == nil else {
            throw CheckpointError(
                "\(url.path): holds a distilled run, which training does not take up; choose another --to"
            )
        }
        guard options.resume else {
            throw CheckpointError(
                "\(url.path): holds a run already; pass --resume to go on with it, or choose another --to"
            )
        }
        guard old.data.hash == manifest.data.hash else {
            throw CheckpointError("\(url.path): the run was trained on other data (\(old.data.path), \(old.data.hash))")
        }
        guard old.seed == manifest.seed else {
            throw CheckpointError("\(url.path): the run has the seed \(old.seed), not \(manifest.seed)")
        }
        guard Self.comparable(old.experiment) == Self.comparable(experiment) else {
            throw CheckpointError(
                "\(url.path): the run belongs to another experiment or other settings; see its manifest.json"
            )
        }
        manifest.step = old.step
        try DurableFile.removeTemporaries(in: url)
    }

    /// The experiment without what may change between resumptions: how long to go on.
    private static func comparable(_ experiment: Experiment) -> Experiment {
        var copy = experiment
        for key in ["epochs", "patience", "checkpointSeconds", "logEvery"] { copy.training[key] = .null }
        return copy
    }

    // MARK: - The end

    private func record() {
        (manifest.step, manifest.epoch, manifest.seconds) = (state.step, state.epoch, state.seconds)
        (manifest.bestStep, manifest.validation) = (state.bestStep, state.bestMetrics)
    }

    private func finish(_ status: RunManifest.Status, _ reason: String, _ log: ProgressLog) throws {
        (manifest.status, manifest.reason) = (status, reason)
        record()
        try run.write(manifest)
        try log.end(manifest)
        options.observe(.finished(reason: reason))
    }

    private func seconds(since start: ContinuousClock.Instant) -> Double {
        (clock.now - start).inSeconds
    }
}
