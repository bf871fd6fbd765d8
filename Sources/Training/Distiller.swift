// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Datasets
import Evaluation
public import Foundation
import NN
public import Recommenders
import TensorFiles
import Torch

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
    ///   - options: Seed, device, who watches. There is no resuming, and no time budget.
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
    /// - Throws: ``FileError`` when there is something at `url` already.
    public func run(to url: URL) throws -> RunManifest {
        var manifest: RunManifest?
        try DurableDirectory.create(at: url) { manifest = try distil(into: RunDirectory($0)) }
        guard let manifest else { throw CheckpointError("\(url.path): nothing was made") }
        return manifest
    }

    private func distil(into run: RunDirectory) throws -> RunManifest {
        var training = try experiment.trainingSettings()
        if settings.batch > 0 { training.batch = settings.batch }
        Runtime.setThreads(training.threads > 0 ? training.threads : Runtime.defaultThreads)
        Runtime.keepFreedMemory(for: .training)
        guard let frozen = teacher.model as? any Distillable else { throw ConfigurationError("no diffusion") }
        let (student, average) = (try copy(), try copy())
        let distillation = try Distillation(of: frozen, into: student, average: average, steps: steps, settings)
        let optimizer = try Adam(student.denoiserParameters(), training.optimizer)
        let generator = try Generator(seed: options.seed, on: options.device)
        let clock = ContinuousClock()
        let begun = clock.now
        var state = Progress(manifest: try manifest(evaluate(teacher.model, training), evaluate(average, training)))
        let log = try ProgressLog(run, of: state.manifest, after: -1)
        let plan = training.plan(teacher.data, for: student, type(of: student).examples, seed: options.seed)
        options.observe(
            .started(
                parameters: try student.denoiserParameters().reduce(0) { $0 + $1.part.value.count },
                examples: teacher.data.trainingEventCount,
                stepsPerEpoch: plan.epoch(0).count,
                resumedAt: 0
            )
        )
        if let first = state.manifest.distilledFrom?.undistilled, !first.isEmpty {
            options.observe(.evaluated(epoch: 0, step: 0, metrics: first, isBest: false))
        }

        /// Evaluates the average, and keeps it when it is the best student so far.
        func judge() throws {
            state.judged = state.manifest.step
            let metrics = try evaluate(average, training)
            let value = metrics[training.metric] ?? 0
            let isBest = metrics.isEmpty || (state.best.map { value > $0 } ?? true)
            state.failures = isBest ? 0 : state.failures + 1
            if isBest {
                state.best = value
                (state.manifest.bestStep, state.manifest.validation) = (state.manifest.step, metrics)
                try Checkpoint.save(average, to: run.weights)
            }
            try log.write(
                "validation",
                step: state.manifest.step,
                epoch: state.manifest.epoch,
                metrics.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
            )
            options.observe(
                .evaluated(
                    epoch: state.manifest.epoch,
                    step: state.manifest.step,
                    metrics: metrics,
                    isBest: isBest
                )
            )
        }

        while state.manifest.epoch < settings.epochs, state.failures < settings.patience, !state.isInterrupted {
            let epoch = plan.epoch(state.manifest.epoch)
            guard epoch.count > 0 else { throw ConfigurationError("no user has two training events") }
            let batches = Prefetcher(ahead: 4, count: epoch.count) { epoch[$0] }
            var index = 0
            while !state.isInterrupted, let host = try batches.next() {
                (index, state.manifest.step) = (index + 1, state.manifest.step + 1)
                let step = state.manifest.step
                try generator.seed(SplitMix64.mix(options.seed, 1, UInt64(step)))
                let batch = try Batch(host, on: options.device, noise: .drawn(generator))
                let terms = try distillation.terms(batch)
                let total = try terms.dropFirst().reduce(terms[0].loss) { try $0 + $1.loss }
                let loss = try total.item()
                guard loss.isFinite else {
                    throw TorchError(
                        "distillation step \(step)",
                        "the loss is \(loss): lower learningRate.peak, or set clip"
                    )
                }
                try optimizer.clearGradients()
                try total.backward()
                if settings.clip > 0 { try optimizer.clipGradients(to: settings.clip) }
                let rate = settings.learningRate(step)
                try optimizer.step(rate: rate)
                try distillation.updateAverage()
                state.manifest.seconds = (clock.now - begun).inSeconds
                options.observe(
                    .step(
                        epoch: state.manifest.epoch,
                        index: index,
                        of: epoch.count,
                        loss: loss,
                        examples: batch.targets.count
                    )
                )
                if step % training.logEvery == 0 {
                    let values = [("loss", loss)] + (try terms.map { ($0.name, try $0.loss.item()) })
                    try log.write(
                        "train",
                        step: step,
                        epoch: state.manifest.epoch,
                        values + [("learningRate", rate), ("seconds", state.manifest.seconds)]
                    )
                }
                state.isInterrupted = options.isInterrupted()
            }
            if !state.isInterrupted { state.manifest.epoch += 1 }
            if state.judged != state.manifest.step { try judge() }
        }
        state.manifest.status = state.isInterrupted ? .interrupted : .finished
        let patience = "no better \(training.metric) in \(settings.patience) evaluations"
        state.manifest.reason =
            state.isInterrupted
            ? "interrupted; the best student so far is kept, and cannot be trained on"
            : state.failures >= settings.patience ? patience : "\(settings.epochs) epochs done"
        state.manifest.seconds = (clock.now - begun).inSeconds
        try run.write(state.manifest)
        try log.end(state.manifest)
        options.observe(.finished(reason: state.manifest.reason))
        return state.manifest
    }

    private struct Progress {
        var manifest: RunManifest
        var best: Double?
        var failures = 0
        var judged = 0
        var isInterrupted = false
    }

    /// The student's model with the teacher's weights.
    private func copy() throws -> any Distillable {
        let dataset = teacher.data.dataset
        let model = try experiment.makeModel(
            for: dataset,
            using: Generator(seed: 0, on: options.device)
        )
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

    /// Metrics on validation; none when the split has no validation users.
    private func evaluate(_ model: any Retriever, _ training: TrainingSettings) throws -> [String: Double] {
        guard !teacher.data.cases(.validation).isEmpty else { return [:] }
        let outcome = try teacher.evaluator().evaluate(model, .validation, limit: training.validationUsers)
        return Dictionary(uniqueKeysWithValues: outcome.metrics.values.map { ($0.name, $0.value) })
    }

    private static func isDistillable(_ name: String) -> Bool {
        let model = try? Catalog.entry(name).make(.object([:]), DatasetShape(users: 1, items: 2), Generator(seed: 0))
        return model is any Distillable
    }
}
