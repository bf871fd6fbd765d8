// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeNN
package import CascadeRecommenders
package import CascadeTorch
import Foundation

/// One step of training: forward, loss, backward, update.
///
/// A pure function of (weights, batch, seed, step).
package final class TrainingStep<HostBatch: Sendable> {
    let optimizer: any Optimizer
    let average: MovingAverage?
    package let context: StepContext
    private let model: any Recommender
    private let training: GradientTraining<HostBatch>
    private let settings: TrainingSettings
    private let seed: UInt64

    package init(
        _ training: GradientTraining<HostBatch>,
        of model: any Recommender,
        _ settings: TrainingSettings,
        seed: UInt64,
        on device: Device,
        isProfiling: Bool = false
    ) throws {
        let parameters = try model.parameters()
        optimizer = try settings.optimizer.make(parameters)
        average = settings.emaDecay > 0 ? try MovingAverage(parameters, decay: settings.emaDecay) : nil
        context = StepContext(try Generator(seed: seed, on: device), isProfiling: isProfiling)
        self.model = model
        self.training = training
        self.settings = settings
        self.seed = seed
    }

    package func callAsFunction(_ host: HostBatch, number: Int) throws -> StepResult {
        // All randomness of a step follows from its number: nothing needs saving for an exact resume.
        try context.generator.seed(SplitMix64.mix(seed, 1, UInt64(number)))
        try Runtime.seedDefaultGenerators(SplitMix64.mix(seed, 2, UInt64(number)))
        context.random = SplitMix64(seed: SplitMix64.mix(seed, 3, UInt64(number)))
        let batch = try training.losses(host, context)
        guard let first = batch.terms.first else {
            throw ConfigurationError("\(type(of: model).card.name): its settings leave no loss to train with")
        }
        let total = try batch.terms.dropFirst().reduce(first.loss) { try $0 + $1.loss }
        var losses = try batch.terms.map { (name: $0.name, value: try $0.loss.item()) }
        losses.insert(("loss", try total.item()), at: 0)
        try context.measured("backward") {
            try optimizer.clearGradients()
            try total.backward()
        }
        let rate = settings.schedule(number)
        try context.measured("optimizer") {
            if settings.maxGradNorm > 0 { try optimizer.clipGradients(to: settings.maxGradNorm) }
            try optimizer.step(rate: rate)
            try average?.update()
        }
        return StepResult(losses: losses, examples: batch.examples, rate: rate)
    }
}
