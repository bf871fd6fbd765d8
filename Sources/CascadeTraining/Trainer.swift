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
/// A program that only trains is faster after `Runtime.keepFreedMemory(for: .training)`, as the `cascade` command is.
public final class Trainer {
    let experiment: Experiment
    let options: TrainingOptions
    let data: SplitDataset
    let run: RunDirectory
    let task: any RecommendationTask
    var manifest: RunManifest
    var state = TrainingState()
    var lock: FolderLock?

    var settings: TrainingSettings { experiment.training }
    var model: any Recommender { task.model }

    /// Prepares a run: a new directory, or the checkpoint of an old one.
    ///
    /// - Throws: ``CheckpointError`` when the directory holds a run and `resume` is off, or one of another experiment,
    ///   data set or seed, or a damaged one; ``FileError`` `.locked` when another process trains there.
    public init(_ experiment: Experiment, on dataset: Dataset, to url: URL, _ options: TrainingOptions) throws {
        self.experiment = experiment
        self.options = options
        data = try experiment.divided(dataset)
        run = RunDirectory(url, models: experiment.models)
        try options.start?.require(experiment)
        let generator = try Generator(seed: SplitMix64.mix(options.seed, 0), on: options.device)
        let model = try experiment.makeModel(for: dataset, using: generator)
        task = try experiment.task(of: model, on: data, device: options.device)
        manifest = RunManifest(
            experiment: experiment,
            data: .init(dataset),
            seed: options.seed,
            commit: options.commit,
            machine: [
                "libtorch": Runtime.version, "device": "\(options.device)", "threads": "\(Self.threads(experiment))",
                "system": ProcessInfo.processInfo.operatingSystemVersionString,
            ],
            status: .running
        )
        manifest.parameters = try model.parameters().reduce(0) { $0 + $1.part.value.count }
        manifest.sized = options.sized.isEmpty ? nil : options.sized
        try prepareDirectory(url)
    }

    /// Trains until the experiment, a budget or an interruption ends it; once for each trainer.
    ///
    /// - Returns: The manifest as it was left.
    /// - Throws: ``DivergenceError`` when the model tells nothing apart any more; the manifest says so too.
    public func train() throws -> RunManifest {
        defer { lock?.release() }
        do {
            try Runtime.withThreads(Self.threads(experiment)) {
                if let fitted = model.fittedRetriever { try fit(fitted) } else { try fit(task) }
            }
        } catch let error as DivergenceError {
            (manifest.status, manifest.reason) = (.diverged, error.description)
            try run.write(manifest)
            throw error
        }
        return manifest
    }

    private static func threads(_ experiment: Experiment) -> Int {
        experiment.training.threads > 0 ? experiment.training.threads : Runtime.defaultThreads
    }

    // MARK: - Models that learn by gradients

    private func fit<Task: RecommendationTask>(_ task: Task) throws {
        let training = try task.training(settings, seed: options.seed)
        let step = try TrainingStep(training, of: model, settings, seed: options.seed, on: options.device)
        try restore(step)
        record()
        try run.write(manifest)
        let log = try ProgressLog(run, of: manifest, after: state.step)
        if let notice = experiment.model.noiseNotice { options.observe(.notice(notice)) }
        options.observe(
            .started(
                parameters: manifest.parameters,
                examples: data.requests?.training.count ?? data.trainingEventCount,
                stepsPerEpoch: training.batches(state.epoch).count,
                resumedAt: state.step
            )
        )
        let loop = TrainingLoop(
            GradientDescent(self, training, step),
            .init(
                epochs: settings.epochs,
                patience: settings.patience,
                metric: settings.metric,
                epochsBetweenEvaluations: settings.evalEveryEpochs,
                stepsBetweenEvaluations: settings.evalEverySteps,
                stepsBetweenLogLines: settings.logEverySteps,
                secondsBetweenCheckpoints: settings.checkpointSeconds
            ),
            options,
            from: state,
            log: log
        )
        let end = try loop.run()
        state = loop.state
        try finish(end.status, end.reason, log)
    }

    // MARK: - Models that only count

    private func fit(_ model: any FittedRetriever) throws {
        options.observe(.started(parameters: 0, examples: data.trainingEventCount, stepsPerEpoch: 0, resumedAt: 0))
        let pace = Pace(state)
        let log = try ProgressLog(run, of: manifest, after: -1)
        if let effort = try model.effort() {
            options.observe(.notice("\(experiment.model.name): \(effort.description) before it is ready"))
        }
        try model.fit(to: data)
        if !data.cases(.validation).isEmpty {
            state.bestMetrics = try task.validate(.validation, limit: settings.validationUsers).metrics
            try log.writeValidation(state.bestMetrics, step: 0, epoch: 0)
            options.observe(.evaluated(epoch: 0, step: 0, metrics: state.bestMetrics, isBest: true))
        }
        pace.count(into: &state)
        try run.replace(run.weights, by: Checkpoint.writer(model), noting: &manifest)
        try finish(.finished, "fitted in one pass", log)
    }

    // MARK: - The end

    /// Brings the manifest up to the state.
    func record() {
        (manifest.step, manifest.epoch, manifest.seconds) = (state.step, state.epoch, state.seconds)
        (manifest.bestStep, manifest.validation) = (state.bestStep, state.bestMetrics)
        manifest.usage = state.usage
        manifest.warnings = state.isAtChance == true ? ["the kept weights rank validation no better than chance"] : nil
    }

    private func finish(_ status: RunManifest.Status, _ reason: String, _ log: ProgressLog) throws {
        (manifest.status, manifest.reason) = (status, reason)
        record()
        try run.write(manifest)
        try log.end(manifest)
        options.observe(.finished(reason: reason))
    }
}

/// A trainer's work in the training loop.
struct GradientDescent<HostBatch: Sendable>: TrainingWork {
    private let trainer: Trainer
    private let training: GradientTraining<HostBatch>
    private let step: TrainingStep<HostBatch>

    init(_ trainer: Trainer, _ training: GradientTraining<HostBatch>, _ step: TrainingStep<HostBatch>) {
        self.trainer = trainer
        self.training = training
        self.step = step
    }

    var isResumable: Bool { true }

    var dataPath: String { trainer.data.dataset.url.path }

    func batches(epoch: Int) -> HostBatches<HostBatch> { training.batches(epoch) }

    func step(_ host: HostBatch, number: Int) throws -> StepResult { try step(host, number: number) }

    func validate() throws -> ValidationResult? {
        let (data, task) = (trainer.data, trainer.task)
        let part = data.has(.validation) ? Part.validation : .test
        guard data.has(part) else { return nil }
        // Without validation users some of test show that the model tells items apart; how well is not looked at.
        let limit = part == .validation ? trainer.settings.validationUsers : 256
        var result = try trainer.withAverages(step) { try task.validate(part, limit: limit) }
        if part == .test { result.metrics = [:] }
        return result
    }

    func saveBest() throws { try trainer.saveBest(step) }

    func checkpoint(_ state: TrainingState) throws { try trainer.checkpoint(state, step) }
}
