// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
import CascadeEvaluation
import CascadeTensorFiles
import CascadeTorch
public import Foundation

/// Next-item retrieval: a model scores the whole catalog for a history.
public struct NextItemTask: RecommendationTask {
    public static let traits = TaskTraits(
        name: "next-item",
        summary: "ranks the whole catalog for a user's history",
        metrics: ["ndcg@10"] + RankingMetrics.allNames.filter { $0 != "ndcg@10" }
    )

    private let retriever: any Retriever
    private let vectors: (any VectorRetriever)?
    public let context: TaskContext

    public var model: any Recommender { retriever }

    /// A model that scores the catalog as it likes, which does not learn by gradients.
    public init(_ model: any Retriever, _ context: TaskContext) {
        self.retriever = model
        self.vectors = nil
        self.context = context
    }

    /// A model that compares vectors.
    public init(vectors model: any VectorRetriever, _ context: TaskContext) {
        self.retriever = model
        self.vectors = model
        self.context = context
    }

    private func evaluator(seen: SeenPolicy? = nil) -> TopKEvaluator {
        TopKEvaluator(context.data, seen: seen ?? context.seen, on: context.device)
    }

    public func training(_ settings: TrainingSettings, seed: UInt64) throws -> GradientTraining<HostBatch> {
        guard let model = vectors else {
            throw ConfigurationError("\(type(of: retriever).card.name): is fitted in one pass, not by gradients")
        }
        let objective = settings.loss
        let sampler = try objective.sampler(itemCounts: context.data.trainingItemCounts())
        let known = objective.excludesKnown ? context.data.knownItems() : nil
        let plan = settings.plan(context.data, for: model, type(of: model).examples, seed: seed)
        return GradientTraining { epoch in
            let batches = plan.epoch(epoch)
            return HostBatches(count: batches.count) { batches[$0] }
        } losses: { host, step in
            let batch = try Batch(host, on: step.generator.device, noise: .drawn(step.generator))
            let output = try step.measured("forward") { try model.trainingOutput(batch) }
            let terms = try step.measured("loss") {
                let met = known.map { known in
                    let owners = host.targetRows
                    return { known[Int(host.users[owners[$0]])] }
                }
                return try objective.terms(
                    output,
                    of: model,
                    targets: batch.targets,
                    known: met,
                    sampler: sampler,
                    using: &step.random
                )
            }
            return BatchLosses(terms, examples: batch.targets.count)
        }
    }

    public func validate(_ part: Part, limit: Int) throws -> ValidationResult {
        let outcome = try evaluator().evaluate(retriever, part, limit: limit)
        let metrics = Dictionary(uniqueKeysWithValues: outcome.metrics.values.map { ($0.name, $0.value) })
        return ValidationResult(metrics: metrics, health: outcome.health)
    }

    public func evaluate(_ part: Part, _ options: EvaluationOptions) throws -> EvaluationResult {
        let evaluator = evaluator(seen: options.seen)
        let diversity = try options.diversity.map { weight, category in
            Diversity(
                weight: weight,
                categories: CascadeEvaluation.ItemCategories(try context.data.dataset.itemCategories(category))
            )
        }
        var outcomes: [TopKEvaluator.Outcome] = []
        var seconds = 0.0
        for draw in 0..<max(options.draws, 1) {
            let start = ContinuousClock.now
            let outcome = try evaluator.evaluate(retriever, part, noiseSeed: UInt64(draw), diversity: diversity)
            if draw == 0 { seconds = (ContinuousClock.now - start).inSeconds }
            // Most models know no noise; one further draw tells.
            if draw == 1, options.stopsAtEqualDraws, outcome.targetRanks == outcomes[0].targetRanks { break }
            outcomes.append(outcome)
        }
        var samples: [String: [Double]] = [:]
        for outcome in outcomes {
            for (name, value) in outcome.metrics.values { samples[name, default: []].append(value) }
            let length = TopKEvaluator.listLength
            samples["coverage@\(length)", default: []].append(outcome.lists.coverage)
            samples["popularity@\(length)", default: []].append(outcome.lists.meanPopularity)
        }
        let first = outcomes[0]
        let names = first.metrics.values.map(\.name)
        let intervals = Bootstrap.intervals(of: names.map { perUserMetric($0, ranks: first.targetRanks) }, seed: 1)
        var result = EvaluationResult(
            cases: first.targetRanks.count,
            seen: options.seen ?? context.seen,
            metrics: samples.mapValues { $0.reduce(0, +) / Double($0.count) },
            intervals: Dictionary(uniqueKeysWithValues: zip(names, intervals))
        )
        result.targetRanks = first.targetRanks
        result.seconds = seconds
        result.draws = outcomes.count
        if outcomes.count > 1 { result.standardDeviations = samples.mapValues(standardDeviation) }
        result.diversified = options.diversity.map { weight, category in
            DiversifiedLists(
                category: category,
                lambda: weight,
                candidates: Diversity.candidateCount,
                length: Diversity.listLength,
                metrics: mean(outcomes.compactMap(\.diversity?.diversified)),
                plain: mean(outcomes.compactMap(\.diversity?.plain))
            )
        }
        return result
    }

    /// `item_vectors.npy` float32 `[N, D]` and `user_vectors.npy` float32 `[U, Q, D]`, or `scores.npy` float32 `[U, N]`
    /// for a model without vectors; `targets.npy` int64 `[U]`, or where users have several `[T]` with `target_offsets.npy`
    /// int64 `[U + 1]`; `seen_offsets.npy` int64 `[U + 1]` and `seen_items.npy`
    /// int64, what each user's ranking leaves out; `users.txt`.
    public func export(_ part: Part, to folder: URL) throws {
        let (evaluator, data) = (evaluator(), context.data)
        let cases = data.cases(part)
        func file(_ name: String) -> URL { folder.appending(path: name) }
        try withoutGradients { () throws in
            var rows: [Tensor] = []
            for (host, _) in evaluator.batches(cases, retriever) {
                let batch = try Batch(host, on: context.device, noiseSeed: 0)
                rows.append(try vectors?.userVectors(batch) ?? retriever.scores(batch).to(.float32))
            }
            let all = try Tensor.concatenated(rows)
            if let vectors {
                try vectors.itemVectors().writeNpy(to: file("item_vectors.npy"))
                try all.writeNpy(to: file("user_vectors.npy"))
            } else {
                try all.writeNpy(to: file("scores.npy"))
            }
        }
        var (offsets, seen): ([Int64], [Int64]) = ([0], [])
        for example in cases {
            seen += evaluator.excluded(example).sorted().map(Int64.init)
            offsets.append(Int64(seen.count))
        }
        let dataset = data.dataset
        let targets = cases.map(evaluator.targetItems)
        try Npy.write(targets.flatMap { $0 }, shape: [targets.reduce(0) { $0 + $1.count }], to: file("targets.npy"))
        if data.split.targets != .one {
            let ends = targets.reduce(into: [Int64(0)]) { $0.append(($0.last ?? 0) + Int64($1.count)) }
            try Npy.write(ends, shape: [ends.count], to: file("target_offsets.npy"))
        }
        try Npy.write(offsets, shape: [offsets.count], to: file("seen_offsets.npy"))
        try Npy.write(seen, shape: [seen.count], to: file("seen_items.npy"))
        let users = cases.map { dataset.userID($0.user).rawValue + "\n" }.joined()
        try DurableFile.write(users, to: file("users.txt"))
    }

    public var served: ServedForm { vectors.map(ServedForm.vectors) ?? .catalog(retriever) }
}

/// The mean of every value of dictionaries with equal keys.
private func mean(_ samples: [[String: Double]]) -> [String: Double] {
    samples.reduce(into: [:]) { $0.merge($1, uniquingKeysWith: +) }.mapValues { $0 / Double(samples.count) }
}

/// Sample standard deviation.
private func standardDeviation(_ values: [Double]) -> Double {
    let mean = values.reduce(0, +) / Double(values.count)
    return (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(max(values.count - 1, 1))).squareRoot()
}
