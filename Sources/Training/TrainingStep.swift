// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Datasets
import Foundation
import NN
import Recommenders
import Torch

/// One step of training: forward, loss, backward, update.
///
/// A pure function of (weights, batch, seed, step).
final class TrainingStep {
    /// What a step reports.
    struct Result {
        /// Every term of the loss by name, `loss` being their sum.
        var losses: [(name: String, value: Double)]
        /// Targets trained on.
        var examples: Int
        /// Learning rate.
        var rate: Double
    }

    /// Seconds spent in each part of the step so far; measured only when asked for.
    struct Profile {
        var seconds: [(name: String, seconds: Double)] = []

        mutating func add(_ name: String, _ duration: Duration) {
            if let index = seconds.firstIndex(where: { $0.name == name }) {
                seconds[index].seconds += duration.inSeconds
            } else {
                seconds.append((name, duration.inSeconds))
            }
        }
    }

    let optimizer: Adam
    let average: MovingAverage?
    private(set) var profile: Profile?
    private let model: any VectorRetriever
    private let settings: TrainingSettings
    private let sampler: any NegativeSampler
    private let generator: Generator
    private let seed: UInt64

    init(
        _ model: any VectorRetriever,
        _ settings: TrainingSettings,
        itemCounts: [Int],
        seed: UInt64,
        on device: Device,
        isProfiling: Bool = false
    ) throws {
        let parameters = try model.parameters()
        optimizer = try Adam(parameters, settings.optimizer)
        average = settings.averageDecay > 0 ? try MovingAverage(parameters, decay: settings.averageDecay) : nil
        sampler = try settings.loss.sampler(itemCounts: itemCounts)
        generator = try Generator(seed: seed, on: device)
        profile = isProfiling ? Profile() : nil
        (self.model, self.settings, self.seed) = (model, settings, seed)
    }

    func clearProfile() { if profile != nil { profile = Profile() } }

    func callAsFunction(_ host: HostBatch, step: Int) throws -> Result {
        // All randomness of a step follows from its number: nothing needs saving for an exact resume.
        try generator.seed(SplitMix64.mix(seed, 1, UInt64(step)))
        try Runtime.seedDefaultGenerators(SplitMix64.mix(seed, 2, UInt64(step)))
        var random = SplitMix64(seed: SplitMix64.mix(seed, 3, UInt64(step)))
        let batch = try Batch(host, on: generator.device, noise: .drawn(generator))
        let output = try measured("forward") { try model.trainingOutput(batch) }
        let terms = try measured("loss") {
            try settings.loss.terms(output, of: model, targets: batch.targets, sampler: sampler, using: &random)
        }
        guard let first = terms.first else {
            throw ConfigurationError("\(type(of: model).card.name): its settings leave no loss to train with")
        }
        let total = try terms.dropFirst().reduce(first.loss) { try $0 + $1.loss }
        var losses = try terms.map { (name: $0.name, value: try $0.loss.item()) }
        losses.insert(("loss", try total.item()), at: 0)
        guard losses[0].value.isFinite else {
            throw TorchError(
                "training step \(step)",
                "the loss is \(losses[0].value): lower training.learningRate.peak, or set training.clip"
            )
        }
        try measured("backward") {
            try optimizer.clearGradients()
            try total.backward()
        }
        let rate = settings.learningRate(step)
        try measured("optimiser") {
            if settings.clip > 0 { try optimizer.clipGradients(to: settings.clip) }
            try optimizer.step(rate: rate)
            try average?.update()
        }
        return Result(losses: losses, examples: batch.targets.count, rate: rate)
    }

    private func measured<R>(_ name: String, _ body: () throws -> R) rethrows -> R {
        guard profile != nil else { return try body() }
        let start = ContinuousClock.now
        defer { profile?.add(name, ContinuousClock.now - start) }
        return try body()
    }
}
