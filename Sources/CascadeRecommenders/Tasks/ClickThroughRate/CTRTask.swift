// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
import CascadeEvaluation
import CascadeTorch
public import Foundation

/// Click-through rate prediction: a model scores the candidates of a request after a history.
public struct CTRTask: RecommendationTask {
    public static let traits = TaskTraits(
        name: "ctr",
        summary: "predicts the click-through rate of candidates after a user's history",
        metrics: ClickMetrics.selecting,
        candidates: .init(minimumNegatives: 1, category: "category")
    )

    /// Divided by events, each request with one target.
    public static func split(_ dataset: Dataset, _ split: Split) throws -> SplitDataset {
        guard split.targets == .one else {
            throw ConfigurationError(
                "split.targets: several targets a user are for models that rank the whole catalog; leave it out for a CTR model"
            )
        }
        return try SplitDataset(dataset, split)
    }

    private let ranker: any CTRRanker
    public let context: TaskContext
    /// Scores the candidates of the data's requests.
    public let evaluator: CTREvaluator

    public var model: any Recommender { ranker }

    /// A model and the data that it is used on.
    public init(_ model: any CTRRanker, _ context: TaskContext) {
        self.ranker = model
        self.context = context
        evaluator = CTREvaluator(context)
    }

    public func training(_ settings: TrainingSettings, seed: UInt64) throws -> GradientTraining<CTRHostBatch> {
        let sampler = try CandidateSampler(context.data, context.candidates, seed: seed)
        let plan = settings.plan(context.data, for: ranker, .prefixes, seed: seed)
        return GradientTraining { epoch in
            let batches = plan.epoch(epoch)
            return HostBatches(count: batches.count) { batches.requests($0, sampler) }
        } losses: { [ranker] host, step in
            let batch = try CTRBatch(host, on: step.generator.device, noise: .drawn(step.generator))
            let output = try step.measured("forward") { try ranker.trainingOutput(batch) }
            let terms = try step.measured("loss") { try output.terms(batch) }
            return BatchLosses(terms, examples: batch.candidates.count)
        }
    }

    public func validate(_ part: Part, limit: Int) throws -> ValidationResult {
        let outcome = try evaluator.evaluate(ranker, part, limit: limit)
        return ValidationResult(metrics: outcome.metrics.values, health: outcome.health)
    }

    public func evaluate(_ part: Part, _ options: EvaluationOptions) throws -> EvaluationResult {
        try options.requirePlain(type(of: ranker).card.name)
        return try EvaluationResult { try evaluator.evaluate(ranker, part) }
    }

    /// `scores.npy` float32 `[E]` (log-odds), `labels.npy` uint8 `[E]` and `groups.npy` int64 `[E]`, the request of each
    /// candidate.
    public func export(_ part: Part, to folder: URL) throws {
        try evaluator.evaluate(ranker, part).export(to: folder)
    }

    public var served: ServedForm {
        var scoring = CandidateScoring { [ranker] requests, device in
            let host = CTRHostBatch(requests, padding: type(of: ranker).padding)
            return try ranker.logits(CTRBatch(host, on: device))
        }
        scoring.dependsOnBatch = ranker.dependsOnBatch
        scoring.attention = { [ranker] in try ranker.attentionScorer(.float32) }
        return .candidates(scoring)
    }
}
