// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
import CascadeEvaluation
import CascadeNN
import CascadeTorch
public import Foundation

/// Query-aware ranking: a model scores the candidates of a search request.
public struct QueryRankingTask: RecommendationTask {
    public static let traits = TaskTraits(
        name: "query-ranking",
        summary: "scores the candidates of a search request, given the query and the user's history",
        metrics: ClickMetrics.selecting,
        // Impressions hold what was not clicked.
        candidates: .init(negatives: 0, minimumNegatives: 0, category: "")
    )

    private let ranker: any QueryRanker
    public let context: TaskContext
    /// Scores the candidates of the data's requests.
    public let evaluator: QueryEvaluator
    private let requests = Requests()

    public var model: any Recommender { ranker }

    /// A model and the data that it is used on.
    public init(_ model: any QueryRanker, _ context: TaskContext) {
        self.ranker = model
        self.context = context
        evaluator = QueryEvaluator(context)
    }

    /// The requests that models are evaluated on, read once.
    private final class Requests { var source: QuerySource? }

    private func source() throws -> QuerySource {
        if let source = requests.source { return source }
        let source = try evaluator.source(ranker)
        requests.source = source
        return source
    }

    /// Divided by search requests.
    public static func split(_ dataset: Dataset, _ split: Split) throws -> SplitDataset {
        try SplitDataset(requestsOf: dataset, split)
    }

    /// Counts and the features of items, users and requests.
    public static func shape(of dataset: Dataset, categories: [Int32]) throws -> DatasetShape {
        try DatasetShape(requestsOf: dataset)
    }

    public func training(_ settings: TrainingSettings, seed: UInt64) throws -> GradientTraining<QueryHostBatch> {
        let (source, batchSize) = (try evaluator.source(ranker, seed: seed), settings.batchSize)
        return GradientTraining { epoch in
            let batches = source.training(epoch: epoch, batchSize: batchSize)
            return HostBatches(count: batches.count) { batches[$0] }
        } losses: { [ranker] host, step in
            let batch = try QueryBatch(host, on: step.generator.device, noise: .drawn(step.generator))
            let prediction = try step.measured("forward") { try ranker.predict(batch, .training) }
            let terms = try step.measured("loss") {
                try prediction.terms(batch, purchaseWeight: ranker.purchaseWeight)
            }
            return BatchLosses(terms, examples: host.candidates.count { $0 != 0 })
        }
    }

    public func validate(_ part: Part, limit: Int) throws -> ValidationResult {
        let outcome = try evaluator.evaluate(ranker, source(), part, limit: limit)
        return ValidationResult(metrics: outcome.metrics.values, health: outcome.health)
    }

    public func evaluate(_ part: Part, _ options: EvaluationOptions) throws -> EvaluationResult {
        try options.requirePlain(type(of: ranker).card.name)
        return try EvaluationResult { try evaluator.evaluate(ranker, source(), part, limit: 0) }
    }

    /// As ``CTRTask/export(_:to:)``; where the model predicts purchases, also `purchase_scores.npy` and
    /// `purchase_labels.npy` of the same candidates.
    public func export(_ part: Part, to folder: URL) throws {
        try evaluator.evaluate(ranker, source(), part, limit: 0).export(to: folder)
    }

    public var served: ServedForm {
        .candidates(
            CandidateScoring(tokenizer: ranker.tokenizer) { [ranker] requests, device in
                let inputs = ranker.inputs
                let host = QueryHostBatch(requests, shownCount: inputs.shown, contextCount: inputs.contexts)
                return try ranker.predict(QueryBatch(host, on: device), .inference).clicks
            }
        )
    }
}
