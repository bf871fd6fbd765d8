// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeEvaluation
import CascadeRecommenders
import CascadeRuns
import Foundation

/// What a training loop works on: a fresh model, or a student that is distilled.
protocol TrainingWork<HostBatch> {
    /// A batch in host memory.
    associatedtype HostBatch: Sendable
    /// Whether a run that was cut short can be taken up again.
    var isResumable: Bool { get }
    /// Where the data is, for messages.
    var dataPath: String { get }
    /// The batches of an epoch.
    func batches(epoch: Int) -> HostBatches<HostBatch>
    /// One step, counted from 1.
    func step(_ host: HostBatch, number: Int) throws -> StepResult
    /// Metrics of the weights that would be kept; nil without validation users.
    func validate() throws -> ValidationResult?
    /// Keeps the weights as the best so far.
    func saveBest() throws
    /// Keeps all that resuming needs.
    func checkpoint(_ state: TrainingState) throws
}

/// What a step reports.
package struct StepResult {
    /// Every term of the loss by name, `loss` first, which is their sum.
    package var losses: [(name: String, value: Double)]
    /// Targets, or candidates, trained on.
    package var examples: Int
    /// Learning rate.
    package var rate: Double
}

/// Where a training stands; a checkpoint holds it beside tensors.
struct TrainingState: Codable {
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
    /// Steps that the optimizer had behind it at the beginning; nil for none.
    var optimizerSteps: Int?
    /// The loss of the first step; nil in checkpoints of before.
    var firstLoss: Double?
    /// Whether the kept weights rank no better than chance; nil for not.
    var isAtChance: Bool?
}

/// The one loop of training and distillation: epochs of steps, with evaluations, checkpoints, a log, a budget, patience
/// and interruption.
final class TrainingLoop<Work: TrainingWork> {
    /// How long, and how often it is looked at.
    struct Settings {
        var epochs: Int
        var patience: Int
        var metric: String
        var epochsBetweenEvaluations = 1
        /// Within an epoch; 0 means none.
        var stepsBetweenEvaluations = 0
        var stepsBetweenLogLines: Int
        var secondsBetweenCheckpoints = Double.infinity
    }

    /// How the loop ended.
    struct End {
        let status: RunManifest.Status
        let reason: String
    }

    /// How many times as large as at first, or as 1, a loss may be.
    private static var soundGrowth: Double { 10_000 }

    private(set) var state: TrainingState
    private let work: Work
    private let settings: Settings
    private let options: TrainingOptions
    private let log: ProgressLog
    private var pace: Pace
    private var lastEvaluated: Int
    private var hasWarned = false

    init(_ work: Work, _ settings: Settings, _ options: TrainingOptions, from state: TrainingState, log: ProgressLog) {
        self.work = work
        self.settings = settings
        self.options = options
        self.state = state
        self.log = log
        pace = Pace(state)
        lastEvaluated = state.bestStep
    }

    /// Trains to the end, or until it is cut short.
    func run() throws -> End {
        if state.step > 0, let reason = spentBudget() { return End(status: .interrupted, reason: reason) }
        while state.epoch < settings.epochs && state.failures < settings.patience {
            if let reason = try trainEpoch() { return End(status: .interrupted, reason: reason) }
            state.epoch += 1
            state.batch = 0
            let isDue = state.epoch % settings.epochsBetweenEvaluations == 0 || state.epoch == settings.epochs
            guard isDue else { continue }
            try validate()
            try checkpoint()
        }
        pace.count(into: &state)
        let isStale = state.failures >= settings.patience
        let patience = "no better \(settings.metric) in \(settings.patience) evaluations"
        return End(status: .finished, reason: isStale ? patience : "\(settings.epochs) epochs done")
    }

    /// Trains to the end of the epoch.
    ///
    /// - Returns: Why it was cut short; nil when it was not.
    private func trainEpoch() throws -> String? {
        let epoch = work.batches(epoch: state.epoch)
        guard epoch.count > 0 else {
            throw ConfigurationError("\(work.dataPath): no user has two training events; nothing to learn from")
        }
        let first = state.batch
        let batches = Prefetcher(ahead: 4, count: epoch.count - first) { [make = epoch.make] in make(first + $0) }
        while let host = try batches.next() {
            state.step += 1
            let result = try work.step(host, number: state.step)
            try requireSound(result.losses[0].value)
            state.batch += 1
            pace.add(examples: result.examples)
            observe(result, of: epoch.count)
            if state.step % settings.stepsBetweenLogLines == 0 { try note(result) }
            if let reason = try ending() { return reason }
            guard state.batch < epoch.count else { continue }
            let interval = settings.stepsBetweenEvaluations
            if interval > 0 && state.step % interval == 0 { try validate() }
            if pace.sinceCheckpoint >= settings.secondsBetweenCheckpoints { try checkpoint() }
        }
        return nil
    }

    /// Refuses a loss that is no number, or that no weights worth keeping have.
    ///
    /// - Throws: ``DivergenceError``.
    private func requireSound(_ loss: Double) throws {
        let place = "training step \(state.step)"
        guard loss.isFinite else {
            throw DivergenceError(place, "the loss is not a number, or infinite; expected a finite number")
        }
        let first = state.firstLoss ?? loss
        state.firstLoss = first
        let bound = Self.soundGrowth * max(1, abs(first))
        guard loss <= bound else {
            throw DivergenceError(place, "the loss is \(loss), after \(first) at first; expected at most \(bound)")
        }
    }

    private func observe(_ result: StepResult, of count: Int) {
        options.observe(
            .step(
                epoch: state.epoch,
                index: state.batch,
                of: count,
                loss: result.losses[0].value,
                examples: result.examples
            )
        )
    }

    private func note(_ result: StepResult) throws {
        let times = [("examplesPerSecond", pace.rate), ("seconds", pace.spent(state.step).seconds)]
        try log.write(
            "train",
            step: state.step,
            epoch: state.epoch,
            result.losses + [("learningRate", result.rate)] + times
        )
        pace.beginWindow()
    }

    // MARK: - The end

    /// Why the training ends after this step, with all kept; nil when it goes on.
    private func ending() throws -> String? {
        if options.isInterrupted() {
            if !work.isResumable { try validateOnce() }
            try checkpoint()
            return "interrupted" + advice("--resume continues")
        }
        guard let reason = spentBudget() else { return nil }
        try validateOnce()
        try checkpoint()
        return reason
    }

    /// Which budget is spent; nil when none is.
    private func spentBudget() -> String? {
        if let seconds = options.timeBudget, state.step > 0, pace.elapsed >= seconds {
            return "time budget of \(Int(seconds)) s spent" + advice("--resume continues")
        }
        guard let budget = options.budget, budget.isSpent(pace.spent(state.step)) else { return nil }
        return "budget of \(budget) spent" + advice("--resume with a larger one continues")
    }

    private func advice(_ resuming: String) -> String {
        "; " + (work.isResumable ? resuming : "the best student so far is kept, and cannot be trained on")
    }

    // MARK: - What is kept

    private func validateOnce() throws { if lastEvaluated != state.step { try validate() } }

    private func checkpoint() throws {
        pace.count(into: &state)
        try work.checkpoint(state)
        pace.noteCheckpoint()
    }

    /// Evaluates, and keeps the weights when they are the best so far.
    ///
    /// - Throws: ``DivergenceError`` when the scores tell nothing apart; nothing is kept then.
    private func validate() throws {
        defer { pace.beginWindow() }
        lastEvaluated = state.step
        let result = try work.validate()
        try result?.health.require(at: "step \(state.step), epoch \(state.epoch)")
        guard let result, !result.metrics.isEmpty else {
            state.bestStep = state.step
            return try work.saveBest()
        }
        let (value, health) = (RankingMetric.value(settings.metric, in: result.metrics) ?? 0, result.health)
        let isBest = state.best.map { value > $0 } ?? true
        if isBest {
            state.best = value
            state.bestStep = state.step
            state.bestMetrics = result.metrics
            state.failures = 0
            state.isAtChance = health.isAtChance && state.epoch > 0 ? true : nil
            try work.saveBest()
        } else {
            state.failures += 1
        }
        try log.writeValidation(result.metrics, step: state.step, epoch: state.epoch)
        options.observe(
            .evaluated(epoch: state.epoch, step: state.step, metrics: result.metrics, isBest: isBest)
        )
        if health.isAtChance, state.epoch > 0 { try warnOfChance() }
    }

    private func warnOfChance() throws {
        guard !hasWarned else { return }
        hasWarned = true
        let text = """
            warning: after \(state.epoch) epochs validation is ranked no better than chance; if that stays so, try another \
            training.learning_rate, and see `cascade data describe`
            """
        try log.warn(text, step: state.step, epoch: state.epoch)
        options.observe(.notice(text))
    }
}
