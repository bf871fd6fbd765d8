// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeRecommenders
import Foundation

extension Trainer {
    /// Trains a model that learns by gradients.
    func descend<L: Lesson>(_ lesson: L) throws {
        let step = try TrainingStep(lesson, settings, seed: options.seed, on: options.device)
        try restore(step)
        record()
        try run.write(manifest)
        let log = try ProgressLog(run, of: manifest, after: state.step)
        var loop = Loop(step: step, log: log, pace: Pace(state), lastEvaluated: state.bestStep)
        options.observe(
            .started(
                parameters: manifest.parameters,
                examples: data.requests?.training.count ?? data.trainingEventCount,
                stepsPerEpoch: lesson.batches(epoch: state.epoch).count,
                resumedAt: state.step
            )
        )
        if state.step > 0, let budget = options.budget, budget.isSpent(loop.pace.spent(state.step)) {
            return try finish(.interrupted, Self.ended(by: budget), log)
        }
        while state.epoch < settings.epochs && state.failures < settings.patience {
            if let reason = try trainEpoch(lesson, &loop) { return try finish(.interrupted, reason, log) }
            state.epoch += 1
            state.batch = 0
            guard state.epoch % settings.evaluateEvery == 0 || state.epoch == settings.epochs else { continue }
            try validate(lesson, &loop)
            try checkpoint(&loop)
        }
        let isStale = state.failures >= settings.patience
        let patience = "no better \(settings.metric) in \(settings.patience) evaluations"
        try finish(.finished, isStale ? patience : "\(settings.epochs) epochs done", log)
    }

    /// What a loop needs beside the trainer's state.
    struct Loop<L: Lesson> {
        let step: TrainingStep<L>
        let log: ProgressLog
        var pace: Pace
        var lastEvaluated: Int
        var hasWarned = false
    }

    /// Trains to the end of the epoch.
    ///
    /// - Returns: Why it was cut short, with a checkpoint; nil when it was not.
    private func trainEpoch<L: Lesson>(_ lesson: L, _ loop: inout Loop<L>) throws -> String? {
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
            let result = try loop.step(host, step: state.step)
            state.batch += 1
            loop.pace.add(examples: result.examples)
            options.observe(
                .step(
                    epoch: state.epoch,
                    index: state.batch,
                    of: epoch.count,
                    loss: result.losses[0].value,
                    examples: result.examples
                )
            )
            if state.step % settings.logEvery == 0 { try note(result.losses, rate: result.rate, &loop) }
            if let reason = try ending(lesson, &loop) { return reason }
            guard state.batch < epoch.count else { continue }
            if settings.evaluateSteps > 0 && state.step % settings.evaluateSteps == 0 { try validate(lesson, &loop) }
            if loop.pace.sinceCheckpoint >= settings.checkpointSeconds { try checkpoint(&loop) }
        }
        return nil
    }

    private func note<L: Lesson>(
        _ losses: [(name: String, value: Double)],
        rate: Double,
        _ loop: inout Loop<L>
    ) throws {
        let pace = [("examplesPerSecond", loop.pace.rate), ("seconds", loop.pace.spent(state.step).seconds)]
        try loop.log.write("train", step: state.step, epoch: state.epoch, losses + [("learningRate", rate)] + pace)
        loop.pace.beginWindow()
    }

    /// Why the training ends after this step, after a checkpoint; nil when it goes on.
    private func ending<L: Lesson>(_ lesson: L, _ loop: inout Loop<L>) throws -> String? {
        if options.isInterrupted() {
            try checkpoint(&loop)
            return "interrupted; --resume continues"
        }
        var reason: String?
        if let seconds = options.timeBudget, loop.pace.elapsed >= seconds {
            reason = "time budget of \(Int(seconds)) s spent; --resume continues"
        } else if let budget = options.budget, budget.isSpent(loop.pace.spent(state.step)) {
            reason = Self.ended(by: budget)
        }
        guard let reason else { return nil }
        if loop.lastEvaluated != state.step { try validate(lesson, &loop) }
        try checkpoint(&loop)
        return reason
    }

    private static func ended(by budget: Budget) -> String {
        "budget of \(budget) spent; --resume with a larger one continues"
    }

    /// Evaluates, and keeps the weights when they are the best so far.
    ///
    /// - Throws: ``DivergenceError`` when the scores tell nothing apart; nothing is kept then.
    private func validate<L: Lesson>(_ lesson: L, _ loop: inout Loop<L>) throws {
        defer { loop.pace.beginWindow() }
        loop.lastEvaluated = state.step
        let part = data.has(.validation) ? Part.validation : .test
        guard data.has(part) else { return try keep(loop.step) }
        // Without validation users some of test show that the model tells items apart; how well is not looked at.
        let limit = part == .validation ? settings.validationUsers : 256
        let (metrics, health) = try withAverages(loop.step) { try lesson.evaluate(part, limit: limit) }
        try health.require(at: "step \(state.step), epoch \(state.epoch)")
        guard part == .validation else { return try keep(loop.step) }
        let value = metrics[settings.metric] ?? 0
        let isBest = state.best.map { value > $0 } ?? true
        if isBest {
            (state.best, state.bestStep, state.bestMetrics, state.failures) = (value, state.step, metrics, 0)
            state.isAtChance = health.isAtChance && state.epoch > 0 ? true : nil
            try keep(loop.step)
        } else {
            state.failures += 1
        }
        try report(metrics, isBest: isBest, loop.log)
        guard health.isAtChance, state.epoch > 0, !loop.hasWarned else { return }
        loop.hasWarned = true
        let text = """
            warning: after \(state.epoch) epochs validation is ranked no better than chance; if that stays so, try another \
            training.learningRate.peak, and see `cascade data describe`
            """
        try loop.log.warn(text, step: state.step, epoch: state.epoch)
        options.observe(.notice(text))
    }
}
