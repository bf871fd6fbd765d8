// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeEvaluation
import CascadeNN
import CascadeRecommenders
import CascadeTorch
import Foundation

/// What the training loop must know of a kind of model: its batches, its loss and its quality.
protocol Lesson<Host> {
    /// A batch in host memory.
    associatedtype Host: Sendable
    /// What is trained.
    var model: any Retriever { get }
    /// The batches of an epoch, each made when it is asked for.
    func batches(epoch: Int) -> HostBatches<Host>
    /// Every term of the loss by name, and the number of examples.
    func terms(_ host: Host, _ step: StepContext) throws -> (terms: [(name: String, loss: Tensor)], examples: Int)
    /// Metrics on a part of the data, and whether the scores tell anything apart.
    func evaluate(_ part: Part, limit: Int) throws -> (metrics: [String: Double], health: ScoreHealth)
}

/// The batches of an epoch.
struct HostBatches<Host: Sendable> {
    let count: Int
    let make: @Sendable (Int) -> Host
}

/// The randomness of one step, and where its time is noted.
final class StepContext {
    let generator: Generator
    var random: SplitMix64
    private(set) var profile: [(name: String, seconds: Double)] = []
    private let isProfiling: Bool

    init(_ generator: Generator, isProfiling: Bool) {
        (self.generator, self.isProfiling) = (generator, isProfiling)
        random = SplitMix64(seed: 0)
    }

    func clearProfile() { profile = [] }

    /// Runs a part of a step and, when asked for, notes how long it took.
    func measured<R>(_ name: String, _ body: () throws -> R) rethrows -> R {
        guard isProfiling else { return try body() }
        let start = ContinuousClock.now
        defer {
            let seconds = (ContinuousClock.now - start).inSeconds
            if let index = profile.firstIndex(where: { $0.name == name }) {
                profile[index].seconds += seconds
            } else {
                profile.append((name, seconds))
            }
        }
        return try body()
    }
}

/// A vector retriever learns from an objective over the catalogue.
struct RetrievalLesson: Lesson {
    let retriever: any VectorRetriever
    let objective: Objective
    let sampler: any NegativeSampler
    let plan: BatchPlan
    let evaluator: TopKEvaluator

    var model: any Retriever { retriever }

    init(_ model: any VectorRetriever, _ settings: TrainingSettings, _ evaluator: TopKEvaluator, seed: UInt64) throws {
        (retriever, objective, self.evaluator) = (model, settings.loss, evaluator)
        sampler = try objective.sampler(itemCounts: evaluator.data.trainingItemCounts())
        plan = settings.plan(evaluator.data, for: model, type(of: model).examples, seed: seed)
    }

    func batches(epoch: Int) -> HostBatches<HostBatch> {
        let batches = plan.epoch(epoch)
        return HostBatches(count: batches.count) { batches[$0] }
    }

    func terms(_ host: HostBatch, _ step: StepContext) throws -> (terms: [(name: String, loss: Tensor)], examples: Int)
    {
        let batch = try Batch(host, on: step.generator.device, noise: .drawn(step.generator))
        let output = try step.measured("forward") { try retriever.trainingOutput(batch) }
        let terms = try step.measured("loss") {
            try objective.terms(output, of: retriever, targets: batch.targets, sampler: sampler, using: &step.random)
        }
        return (terms, batch.targets.count)
    }

    func evaluate(_ part: Part, limit: Int) throws -> (metrics: [String: Double], health: ScoreHealth) {
        let outcome = try evaluator.evaluate(retriever, part, limit: limit)
        return (Dictionary(uniqueKeysWithValues: outcome.metrics.values.map { ($0.name, $0.value) }), outcome.health)
    }
}

/// A ranker learns which candidates of a request were chosen.
struct CTRLesson: Lesson {
    let ranker: any CTRRanker
    let sampler: CandidateSampler
    let plan: BatchPlan
    let evaluator: CTREvaluator

    var model: any Retriever { ranker }

    init(_ model: any CTRRanker, _ settings: TrainingSettings, _ evaluator: CTREvaluator, seed: UInt64) throws {
        (ranker, self.evaluator) = (model, evaluator)
        sampler = try CandidateSampler(evaluator.data, evaluator.candidates, seed: seed)
        plan = settings.plan(evaluator.data, for: model, .cuts, seed: seed)
    }

    func batches(epoch: Int) -> HostBatches<CTRHostBatch> {
        let (batches, sampler) = (plan.epoch(epoch), sampler)
        return HostBatches(count: batches.count) { batches.requests($0, sampler) }
    }

    func terms(_ host: CTRHostBatch, _ step: StepContext) throws -> (
        terms: [(name: String, loss: Tensor)], examples: Int
    ) {
        let batch = try CTRBatch(host, on: step.generator.device, noise: .drawn(step.generator))
        let output = try step.measured("forward") { try ranker.trainingOutput(batch) }
        return (try step.measured("loss") { try output.terms(batch) }, batch.candidates.count)
    }

    func evaluate(_ part: Part, limit: Int) throws -> (metrics: [String: Double], health: ScoreHealth) {
        let outcome = try evaluator.evaluate(ranker, part, limit: limit)
        return (outcome.metrics.values, outcome.health)
    }
}

/// Lists that were shown for a query, and what was chosen of them.
struct QueryLesson: Lesson {
    let searcher: any QueryRanker
    let source: QuerySource
    let judged: QuerySource
    let evaluator: QueryEvaluator
    let batchSize: Int

    var model: any Retriever { searcher }

    init(_ model: any QueryRanker, _ settings: TrainingSettings, _ evaluator: QueryEvaluator, seed: UInt64) throws {
        (searcher, self.evaluator, batchSize) = (model, evaluator, settings.batch)
        source = try evaluator.source(model, seed: seed)
        judged = try evaluator.source(model)
    }

    func batches(epoch: Int) -> HostBatches<QueryHostBatch> {
        let batches = source.training(epoch: epoch, batchSize: batchSize)
        return HostBatches(count: batches.count) { batches[$0] }
    }

    func terms(_ host: QueryHostBatch, _ step: StepContext) throws -> (
        terms: [(name: String, loss: Tensor)], examples: Int
    ) {
        let batch = try QueryBatch(host, on: step.generator.device, noise: .drawn(step.generator))
        let judgement = try step.measured("forward") { try searcher.predict(batch, .training) }
        let terms = try step.measured("loss") { try judgement.terms(batch, purchaseWeight: searcher.purchaseWeight) }
        return (terms, host.candidates.count { $0 != 0 })
    }

    func evaluate(_ part: Part, limit: Int) throws -> (metrics: [String: Double], health: ScoreHealth) {
        let outcome = try evaluator.evaluate(searcher, judged, part, limit: limit)
        return (outcome.metrics.values, outcome.health)
    }
}
