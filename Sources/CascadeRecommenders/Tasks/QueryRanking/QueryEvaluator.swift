// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
import CascadeEvaluation
import CascadeNN
public import CascadeTorch
import Foundation

/// Lets a query-aware ranker score the candidates of every request of a part of the data.
public struct QueryEvaluator {
    let data: SplitDataset
    let candidates: CandidateSettings
    let categories: [Int32]
    let device: Device
    let block: Int

    /// Prepares an evaluation; see ``CTREvaluator``.
    public init(
        _ data: SplitDataset,
        _ candidates: CandidateSettings,
        categories: [Int32] = [],
        on device: Device = .cpu,
        block: Int = 64
    ) {
        (self.data, self.candidates, self.categories) = (data, candidates, categories)
        (self.device, self.block) = (device, block)
    }

    /// Prepares an evaluation at a task.
    init(_ context: TaskContext) {
        self.init(context.data, context.candidates, categories: context.categories, on: context.device)
    }

    /// Makes batches for a model; what is drawn is the same for every run that is evaluated.
    public func source(_ model: any QueryRanker, seed: UInt64 = CTREvaluator.seed) throws -> QuerySource {
        try QuerySource(data, candidates, tokenizer: model.tokenizer, length: model.length, seed: seed)
    }

    /// Judges.
    ///
    /// - Throws: ``DatasetError`` when the part is empty; ``DivergenceError`` when a score is not a number.
    public func evaluate(
        _ model: any QueryRanker,
        _ part: Part,
        limit: Int = 0,
        noiseSeed: UInt64 = 0
    ) throws -> CTREvaluator.Outcome {
        try evaluate(model, source(model), part, limit: limit, noiseSeed: noiseSeed)
    }

    /// Judges requests of a source that was made before.
    func evaluate(
        _ model: any QueryRanker,
        _ source: QuerySource,
        _ part: Part,
        limit: Int,
        noiseSeed: UInt64 = 0
    ) throws -> CTREvaluator.Outcome {
        var (clicks, purchases): ([Float], [Float]) = ([], [])
        var (clicked, purchased): ([Bool], [Bool]) = ([], [])
        var (requests, numbers): ([Int], [Int32]) = ([], [])
        var count = 0
        for host in try source.requests(part, batchSize: block, limit: limit) {
            let (click, purchase) = try withoutGradients {
                let score = try model.predict(QueryBatch(host, on: device, noiseSeed: noiseSeed), .inference)
                return (try score.clicks.reshaped(-1).floats(), try score.purchases.reshaped(-1).floats())
            }
            for slot in host.candidates.indices where host.candidates[slot] != 0 {
                clicks.append(click[slot])
                purchases.append(purchase[slot])
                clicked.append(host.clicks[slot] > 0)
                purchased.append(host.purchases[slot] > 0)
                requests.append(count + slot / host.width)
                numbers.append(host.candidates[slot])
            }
            count += host.rows
        }
        try ScoreHealth.requireFinite(clicks)
        if model.purchaseWeight > 0 { try ScoreHealth.requireFinite(purchases) }
        let hasPurchases = model.purchaseWeight > 0 && purchased.contains(true)
        let metrics = try ClickMetrics(
            logits: clicks,
            labels: clicked,
            requests: requests,
            categories: categories.isEmpty ? [] : numbers.map { Int(categories[Int($0) - 1]) },
            purchases: hasPurchases ? (purchases, purchased) : nil
        )
        return CTREvaluator.Outcome(
            scores: clicks,
            labels: clicked,
            requests: requests,
            requestCount: count,
            purchases: hasPurchases ? (purchases, purchased) : nil,
            metrics: metrics,
            health: ScoreHealth(scores: clicks, requests: requests, items: numbers, labels: clicked, metrics: metrics)
        )
    }
}
