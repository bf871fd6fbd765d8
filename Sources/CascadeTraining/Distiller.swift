// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeEvaluation
import CascadeNN
public import CascadeRecommenders
import CascadeTensorFiles
import CascadeTorch
public import Foundation

/// Distills the diffusion of a trained run into a student of few steps, in a run directory of its own.
///
/// The student starts as a copy. The moving average of its denoiser's weights is what is evaluated and kept; nothing
/// else of the model changes.
public struct Distiller {
    private let source: RunDirectory
    private let run: TrainedRun
    private let teacher: any Distillable
    private let experiment: Experiment
    private let steps: Int
    private let settings: DistillationSettings
    private let options: TrainingOptions

    /// Opens the run to distill.
    ///
    /// - Parameters:
    ///   - source: A run of a model with a diffusion.
    ///   - data: Its data set; nil looks where the run found it.
    ///   - steps: How many denoising steps the student is to need.
    ///   - settings: The losses and the learning.
    ///   - options: Seed, device, budget, who watches. There is no resuming.
    /// - Throws: ``ConfigurationError`` when the model has no diffusion that can be distilled.
    public init(
        _ source: RunDirectory,
        data: URL? = nil,
        steps: Int,
        _ settings: DistillationSettings,
        _ options: TrainingOptions
    ) throws {
        run = try source.open(data: data, on: options.device)
        guard let teacher = run.model.distillable else {
            throw ConfigurationError(
                "\(source.url.path): '\(run.experiment.model.name)' cannot be distilled; those that can are: "
                    + source.models.names(with: .distillation)
            )
        }
        self.teacher = teacher
        var experiment = run.experiment
        experiment.model = try experiment.model.sampling(Distillation.sampler(steps: steps))
        self.experiment = experiment
        self.source = source
        self.steps = steps
        self.settings = settings
        self.options = options
    }

    /// Trains the student into a directory, which appears complete or not at all.
    ///
    /// - Returns: The student's manifest.
    /// - Throws: ``FileError`` when there is something at `url` already, or another process makes it;
    ///   ``DivergenceError`` when the student tells nothing apart any more.
    public func run(to url: URL) throws -> RunManifest {
        let name = url.lastPathComponent
        let place = url.deletingLastPathComponent().appending(path: ".\(name).lock")
        let lock = try FolderLock(place, of: url, for: "distills here", waiting: options.waits)
        defer { lock.release() }
        var manifest: RunManifest?
        try DurableDirectory.create(at: url) {
            manifest = try distill(into: RunDirectory($0, models: experiment.models))
        }
        guard let manifest else { throw CheckpointError("\(url.path): nothing was made") }
        return manifest
    }

    private func distill(into directory: RunDirectory) throws -> RunManifest {
        var training = experiment.training
        if settings.batchSize > 0 { training.batchSize = settings.batchSize }
        let threads = training.threads > 0 ? training.threads : Runtime.defaultThreads
        return try Runtime.withThreads(threads) { try distill(into: directory, training) }
    }

    private func distill(into directory: RunDirectory, _ training: TrainingSettings) throws -> RunManifest {
        let (student, average) = (try copy(), try copy())
        let own = try validate(teacher, training)
        let undistilled = try validate(average, training)
        let manifest = try manifest(own?.metrics ?? [:], undistilled?.metrics ?? [:])
        let log = try ProgressLog(directory, of: manifest, after: -1)
        let work = Work(
            directory: directory,
            manifest: manifest,
            distillation: try Distillation(of: teacher, into: student, average: average, steps: steps, settings),
            average: average,
            optimizer: try training.optimizer.make(student.denoiserParameters()),
            generator: try Generator(seed: options.seed, on: options.device),
            plan: training.plan(run.data, for: student, type(of: student).examples, seed: options.seed),
            settings: settings,
            seed: options.seed,
            validation: { try validate(average, training) }
        )
        options.observe(
            .started(
                parameters: try student.denoiserParameters().reduce(0) { $0 + $1.part.value.count },
                examples: run.data.trainingEventCount,
                stepsPerEpoch: work.plan.epoch(0).count,
                resumedAt: 0
            )
        )
        if let first = manifest.distilledFrom?.undistilled, !first.isEmpty {
            options.observe(.evaluated(epoch: 0, step: 0, metrics: first, isBest: false))
        }
        let loop = TrainingLoop(
            work,
            .init(
                epochs: settings.epochs,
                patience: settings.patience,
                metric: training.metric,
                stepsBetweenLogLines: training.logEverySteps
            ),
            options,
            from: TrainingState(),
            log: log
        )
        let end = try loop.run()
        return try finish(work, loop.state, status: end.status, reason: end.reason, log)
    }

    private func finish(
        _ work: Work,
        _ state: TrainingState,
        status: RunManifest.Status,
        reason: String,
        _ log: ProgressLog
    ) throws -> RunManifest {
        var manifest = work.manifest
        (manifest.status, manifest.reason) = (status, reason)
        (manifest.step, manifest.epoch, manifest.bestStep) = (state.step, state.epoch, state.bestStep)
        (manifest.validation, manifest.seconds, manifest.usage) = (state.bestMetrics, state.seconds, state.usage)
        try work.directory.write(manifest)
        try log.end(manifest)
        options.observe(.finished(reason: reason))
        return manifest
    }

    /// The student's model with the teacher's weights.
    private func copy() throws -> any Distillable {
        let model = try experiment.makeModel(for: run.data.dataset, using: Generator(seed: 0, on: options.device))
        try source.check(source.weights)
        try Checkpoint.load(source.weights, into: model)
        guard let copy = model.distillable else { preconditionFailure("a copy can do what its model can") }
        return copy
    }

    private func manifest(_ own: [String: Double], _ undistilled: [String: Double]) throws -> RunManifest {
        var manifest = run.manifest
        manifest.experiment = experiment
        manifest.data = .init(run.data.dataset)
        (manifest.seed, manifest.commit, manifest.status) = (options.seed, options.commit, .running)
        manifest.machine["libtorch"] = Runtime.version
        manifest.machine["device"] = "\(options.device)"
        manifest.machine["threads"] = "\(Runtime.threads)"
        (manifest.step, manifest.epoch, manifest.bestStep, manifest.seconds) = (0, 0, 0, 0)
        (manifest.checksums, manifest.usage, manifest.warnings) = (nil, nil, nil)
        manifest.distilledFrom = .init(
            run: source.url.standardizedFileURL.path,
            commit: run.manifest.commit,
            seed: run.manifest.seed,
            bestStep: run.manifest.bestStep,
            steps: steps,
            settings: try JSONValue(encoding: settings),
            teacher: own,
            undistilled: undistilled
        )
        return manifest
    }

    /// Metrics on validation; nil when the split has no validation users.
    private func validate(_ model: any Distillable, _ training: TrainingSettings) throws -> ValidationResult? {
        guard !run.data.cases(.validation).isEmpty else { return nil }
        let task = try experiment.task(of: model, on: run.data, device: options.device)
        return try task.validate(.validation, limit: training.validationUsers)
    }
}

/// A distillation's work in the training loop.
private final class Work: TrainingWork {
    let directory: RunDirectory
    private(set) var manifest: RunManifest
    let plan: BatchPlan
    private let distillation: Distillation
    private let average: any Distillable
    private let optimizer: any Optimizer
    private let generator: Generator
    private let settings: DistillationSettings
    private let seed: UInt64
    private let validation: () throws -> ValidationResult?

    init(
        directory: RunDirectory,
        manifest: RunManifest,
        distillation: Distillation,
        average: any Distillable,
        optimizer: any Optimizer,
        generator: Generator,
        plan: BatchPlan,
        settings: DistillationSettings,
        seed: UInt64,
        validation: @escaping () throws -> ValidationResult?
    ) {
        self.directory = directory
        self.manifest = manifest
        self.distillation = distillation
        self.average = average
        self.optimizer = optimizer
        self.generator = generator
        self.plan = plan
        self.settings = settings
        self.seed = seed
        self.validation = validation
    }

    var isResumable: Bool { false }

    var dataPath: String { manifest.data.path }

    func batches(epoch: Int) -> HostBatches<HostBatch> {
        let batches = plan.epoch(epoch)
        return HostBatches(count: batches.count) { batches[$0] }
    }

    func step(_ host: HostBatch, number: Int) throws -> StepResult {
        try generator.seed(SplitMix64.mix(seed, 1, UInt64(number)))
        let batch = try Batch(host, on: generator.device, noise: .drawn(generator))
        let terms = try distillation.terms(batch)
        let total = try terms.dropFirst().reduce(terms[0].loss) { try $0 + $1.loss }
        let loss = try total.item()
        try optimizer.clearGradients()
        try total.backward()
        if settings.maxGradNorm > 0 { try optimizer.clipGradients(to: settings.maxGradNorm) }
        let rate = settings.schedule(number)
        try optimizer.step(rate: rate)
        try distillation.updateAverage()
        let losses = [("loss", loss)] + (try terms.map { ($0.name, try $0.loss.item()) })
        return StepResult(losses: losses, examples: batch.targets.count, rate: rate)
    }

    func validate() throws -> ValidationResult? { try validation() }

    func saveBest() throws {
        try directory.replace(directory.weights, by: Checkpoint.writer(average), noting: &manifest)
    }

    /// A distillation is not taken up again.
    func checkpoint(_ state: TrainingState) {}
}
