// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeEvaluation
import CascadeNN
public import CascadeRecommenders
import CascadeTensorFiles
import CascadeTorch
public import Foundation

/// Distils the diffusion of a trained run into a student of few steps, in a run directory of its own.
///
/// The student starts as a copy. The moving average of its denoiser's weights is what is evaluated and kept; nothing
/// else of the model changes.
public struct Distiller {
    private let source: RunDirectory
    private let teacher: TrainedRun
    private let experiment: Experiment
    private let steps: Int
    private let settings: DistillationSettings
    private let options: TrainingOptions

    /// Opens the run to distil.
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
        teacher = try source.open(data: data, on: options.device)
        guard teacher.model is any Distillable else {
            let able = Catalog.all.map(\.card.name).filter(Self.isDistillable).joined(separator: ", ")
            throw ConfigurationError(
                "\(source.url.path): '\(teacher.experiment.model)' cannot be distilled; those that can are: \(able)"
            )
        }
        var experiment = teacher.experiment
        experiment.configuration["sampler"] = try JSONValue(encoding: Distillation.sampler(steps: steps))
        self.experiment = experiment
        (self.source, self.steps, self.settings, self.options) = (source, steps, settings, options)
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
        try DurableDirectory.create(at: url) { manifest = try distil(into: RunDirectory($0)) }
        guard let manifest else { throw CheckpointError("\(url.path): nothing was made") }
        return manifest
    }

    /// What the student's training needs and where it stands.
    private struct Work {
        let run: RunDirectory
        let training: TrainingSettings
        let average: any Distillable
        let distillation: Distillation
        let optimizer: Adam
        let generator: Generator
        let log: ProgressLog
        var pace = Pace(Trainer.State())
        var manifest: RunManifest
        var best: Double?
        var failures = 0
        var judged = 0
        /// Why the training ends before its time; nil while it goes on.
        var ending: String?
    }

    private func distil(into run: RunDirectory) throws -> RunManifest {
        var training = try experiment.trainingSettings()
        if settings.batch > 0 { training.batch = settings.batch }
        Runtime.setThreads(training.threads > 0 ? training.threads : Runtime.defaultThreads)
        Runtime.keepFreedMemory(for: .training)
        guard let frozen = teacher.model as? any Distillable else { throw ConfigurationError("no diffusion") }
        let (student, average) = (try copy(), try copy())
        let own = try evaluate(teacher.model, training).metrics
        let manifest = try manifest(own, evaluate(average, training).metrics)
        var work = Work(
            run: run,
            training: training,
            average: average,
            distillation: try Distillation(of: frozen, into: student, average: average, steps: steps, settings),
            optimizer: try Adam(student.denoiserParameters(), training.optimizer),
            generator: try Generator(seed: options.seed, on: options.device),
            log: try ProgressLog(run, of: manifest, after: -1),
            manifest: manifest
        )
        let plan = training.plan(teacher.data, for: student, type(of: student).examples, seed: options.seed)
        options.observe(
            .started(
                parameters: try student.denoiserParameters().reduce(0) { $0 + $1.part.value.count },
                examples: teacher.data.trainingEventCount,
                stepsPerEpoch: plan.epoch(0).count,
                resumedAt: 0
            )
        )
        if let first = manifest.distilledFrom?.undistilled, !first.isEmpty {
            options.observe(.evaluated(epoch: 0, step: 0, metrics: first, isBest: false))
        }
        while work.manifest.epoch < settings.epochs, work.failures < settings.patience, work.ending == nil {
            try trainEpoch(plan, &work)
        }
        return try finish(&work)
    }

    private func trainEpoch(_ plan: BatchPlan, _ work: inout Work) throws {
        let epoch = plan.epoch(work.manifest.epoch)
        guard epoch.count > 0 else { throw ConfigurationError("no user has two training events") }
        let batches = Prefetcher(ahead: 4, count: epoch.count) { epoch[$0] }
        var index = 0
        while work.ending == nil, let host = try batches.next() {
            index += 1
            let (loss, examples) = try train(host, &work)
            options.observe(
                .step(epoch: work.manifest.epoch, index: index, of: epoch.count, loss: loss, examples: examples)
            )
            if options.isInterrupted() {
                work.ending = "interrupted"
            } else if let budget = options.budget, budget.isSpent(work.pace.spent(work.manifest.step)) {
                work.ending = "budget of \(budget) spent"
            }
        }
        if work.ending == nil { work.manifest.epoch += 1 }
        if work.judged != work.manifest.step { try judge(&work) }
    }

    /// One step: the loss, and how many examples it is the mean of.
    private func train(_ host: HostBatch, _ work: inout Work) throws -> (loss: Double, examples: Int) {
        work.manifest.step += 1
        let step = work.manifest.step
        try work.generator.seed(SplitMix64.mix(options.seed, 1, UInt64(step)))
        let batch = try Batch(host, on: options.device, noise: .drawn(work.generator))
        let terms = try work.distillation.terms(batch)
        let total = try terms.dropFirst().reduce(terms[0].loss) { try $0 + $1.loss }
        let loss = try total.item()
        guard loss.isFinite else {
            throw DivergenceError("distillation step \(step)", "the loss is \(loss), expected a finite number")
        }
        try work.optimizer.clearGradients()
        try total.backward()
        if settings.clip > 0 { try work.optimizer.clipGradients(to: settings.clip) }
        let rate = settings.learningRate(step)
        try work.optimizer.step(rate: rate)
        try work.distillation.updateAverage()
        work.pace.add(examples: batch.targets.count)
        if step % work.training.logEvery == 0 {
            let values = [("loss", loss)] + (try terms.map { ($0.name, try $0.loss.item()) })
            try work.log.write(
                "train",
                step: step,
                epoch: work.manifest.epoch,
                values + [("learningRate", rate), ("seconds", work.pace.elapsed)]
            )
        }
        return (loss, batch.targets.count)
    }

    /// Evaluates the average, and keeps it when it is the best student so far.
    private func judge(_ work: inout Work) throws {
        work.judged = work.manifest.step
        let (metrics, health) = try evaluate(work.average, work.training)
        try health.require(at: "distillation step \(work.manifest.step)")
        let value = metrics[work.training.metric] ?? 0
        let isBest = metrics.isEmpty || (work.best.map { value > $0 } ?? true)
        work.failures = isBest ? 0 : work.failures + 1
        if isBest {
            work.best = value
            (work.manifest.bestStep, work.manifest.validation) = (work.manifest.step, metrics)
            try work.run.replace(work.run.weights, by: Checkpoint.writer(work.average), noting: &work.manifest)
        }
        let (step, epoch) = (work.manifest.step, work.manifest.epoch)
        try work.log.write(
            "validation",
            step: step,
            epoch: epoch,
            metrics.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        )
        options.observe(.evaluated(epoch: epoch, step: step, metrics: metrics, isBest: isBest))
    }

    private func finish(_ work: inout Work) throws -> RunManifest {
        work.manifest.status = work.ending == nil ? .finished : .interrupted
        let patience = "no better \(work.training.metric) in \(settings.patience) evaluations"
        work.manifest.reason =
            if let ending = work.ending {
                "\(ending); the best student so far is kept, and cannot be trained on"
            } else {
                work.failures >= settings.patience ? patience : "\(settings.epochs) epochs done"
            }
        var state = Trainer.State()
        work.pace.count(into: &state)
        (work.manifest.seconds, work.manifest.usage) = (state.seconds, state.usage)
        try work.run.write(work.manifest)
        try work.log.end(work.manifest)
        options.observe(.finished(reason: work.manifest.reason))
        return work.manifest
    }

    /// The student's model with the teacher's weights.
    private func copy() throws -> any Distillable {
        let dataset = teacher.data.dataset
        let model = try experiment.makeModel(
            for: dataset,
            using: Generator(seed: 0, on: options.device)
        )
        try source.check(source.weights)
        try Checkpoint.load(source.weights, into: model)
        guard let copy = model as? any Distillable else { throw ConfigurationError("no diffusion") }
        return copy
    }

    private func manifest(_ own: [String: Double], _ undistilled: [String: Double]) throws -> RunManifest {
        var manifest = teacher.manifest
        manifest.experiment = experiment
        manifest.data = .init(teacher.data.dataset)
        (manifest.seed, manifest.commit, manifest.status) = (options.seed, options.commit, .running)
        manifest.machine["libtorch"] = Runtime.version
        manifest.machine["device"] = "\(options.device)"
        manifest.machine["threads"] = "\(Runtime.threads)"
        (manifest.step, manifest.epoch, manifest.bestStep, manifest.seconds) = (0, 0, 0, 0)
        (manifest.checksums, manifest.usage, manifest.warnings) = (nil, nil, nil)
        manifest.distilledFrom = .init(
            run: source.url.standardizedFileURL.path,
            commit: teacher.manifest.commit,
            seed: teacher.manifest.seed,
            bestStep: teacher.manifest.bestStep,
            steps: steps,
            settings: try JSONValue(encoding: settings),
            teacher: own,
            undistilled: undistilled
        )
        return manifest
    }

    /// Metrics on validation, and whether the scores tell anything apart; none when the split has no validation users.
    private func evaluate(
        _ model: any Retriever,
        _ training: TrainingSettings
    ) throws -> (metrics: [String: Double], health: ScoreHealth) {
        guard !teacher.data.cases(.validation).isEmpty else { return ([:], ScoreHealth()) }
        let outcome = try teacher.evaluator().evaluate(model, .validation, limit: training.validationUsers)
        return (Dictionary(uniqueKeysWithValues: outcome.metrics.values.map { ($0.name, $0.value) }), outcome.health)
    }

    private static func isDistillable(_ name: String) -> Bool {
        let model = try? Catalog.entry(name).make(.object([:]), DatasetShape(users: 1, items: 2), Generator(seed: 0))
        return model is any Distillable
    }
}
