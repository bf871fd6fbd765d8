// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeNN
import CascadeRecommenders
import CascadeTorch
import Foundation

/// One step of training: forward, loss, backward, update.
///
/// A pure function of (weights, batch, seed, step).
final class TrainingStep<L: Lesson> {
    /// What a step reports.
    struct Result {
        /// Every term of the loss by name, `loss` being their sum.
        var losses: [(name: String, value: Double)]
        /// Targets, or candidates, trained on.
        var examples: Int
        /// Learning rate.
        var rate: Double
    }

    let optimizer: Adam
    let average: MovingAverage?
    let context: StepContext
    private let lesson: L
    private let settings: TrainingSettings
    private let seed: UInt64

    init(_ lesson: L, _ settings: TrainingSettings, seed: UInt64, on device: Device, isProfiling: Bool = false) throws {
        let parameters = try lesson.model.parameters()
        optimizer = try Adam(parameters, settings.optimizer)
        average = settings.averageDecay > 0 ? try MovingAverage(parameters, decay: settings.averageDecay) : nil
        context = StepContext(try Generator(seed: seed, on: device), isProfiling: isProfiling)
        (self.lesson, self.settings, self.seed) = (lesson, settings, seed)
    }

    func callAsFunction(_ host: L.Host, step: Int) throws -> Result {
        // All randomness of a step follows from its number: nothing needs saving for an exact resume.
        try context.generator.seed(SplitMix64.mix(seed, 1, UInt64(step)))
        try Runtime.seedDefaultGenerators(SplitMix64.mix(seed, 2, UInt64(step)))
        context.random = SplitMix64(seed: SplitMix64.mix(seed, 3, UInt64(step)))
        let (terms, examples) = try lesson.terms(host, context)
        guard let first = terms.first else {
            throw ConfigurationError("\(type(of: lesson.model).card.name): its settings leave no loss to train with")
        }
        let total = try terms.dropFirst().reduce(first.loss) { try $0 + $1.loss }
        var losses = try terms.map { (name: $0.name, value: try $0.loss.item()) }
        losses.insert(("loss", try total.item()), at: 0)
        guard losses[0].value.isFinite else {
            throw DivergenceError("training step \(step)", "the loss is \(losses[0].value), expected a finite number")
        }
        try context.measured("backward") {
            try optimizer.clearGradients()
            try total.backward()
        }
        let rate = settings.learningRate(step)
        try context.measured("optimiser") {
            if settings.clip > 0 { try optimizer.clipGradients(to: settings.clip) }
            try optimizer.step(rate: rate)
            try average?.update()
        }
        return Result(losses: losses, examples: examples, rate: rate)
    }
}
