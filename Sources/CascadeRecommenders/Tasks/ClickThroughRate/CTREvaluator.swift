// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
public import CascadeEvaluation
import CascadeTensorFiles
public import CascadeTorch
import Foundation

/// Lets a ranker score the candidates of every request of a part of the data.
///
/// The candidates depend on the data and the settings alone, so that every model and every seed scores the same.
public struct CTREvaluator {
    /// Decides the negatives that models are evaluated by; the same for every run.
    public static let seed: UInt64 = 0x0CA5CADE

    let data: SplitDataset
    let candidates: CandidateSettings
    let categories: [Int32]
    let device: Device
    let block: Int

    /// Prepares an evaluation.
    ///
    /// - Parameters:
    ///   - data: The divided data.
    ///   - candidates: How negatives are drawn.
    ///   - categories: `[N]`: the category of each item; empty without.
    ///   - device: Where the model is.
    ///   - block: Requests at a time.
    public init(
        _ data: SplitDataset,
        _ candidates: CandidateSettings,
        categories: [Int32] = [],
        on device: Device = .cpu,
        block: Int = 256
    ) {
        (self.data, self.candidates, self.categories) = (data, candidates, categories)
        (self.device, self.block) = (device, block)
    }

    /// Prepares an evaluation at a task.
    init(_ context: TaskContext) {
        self.init(context.data, context.candidates, categories: context.categories, on: context.device)
    }

    /// What an evaluation finds, candidate by candidate.
    public struct Outcome {
        /// Log-odds of a click.
        public let scores: [Float]
        /// Whether it was clicked.
        public let labels: [Bool]
        /// The request, numbered from 0.
        public let requests: [Int]
        /// Number of requests.
        public let requestCount: Int
        /// Log-odds of a purchase of the same candidates, and whether it was made; nil where nothing is said of purchases.
        public var purchases: (scores: [Float], labels: [Bool])?
        /// What they amount to.
        public let metrics: ClickMetrics
        /// Whether they tell anything apart.
        public let health: ScoreHealth
    }

    /// Judges.
    ///
    /// - Throws: ``DatasetError`` when the part is empty; ``DivergenceError`` when a score is not a number.
    public func evaluate(_ model: any CTRRanker, _ part: Part, limit: Int = 0) throws -> Outcome {
        var (scores, labels, requests, numbers): ([Float], [Bool], [Int], [Int32]) = ([], [], [], [])
        var count = 0
        for host in try self.requests(model, part, limit: limit) {
            try withoutGradients {
                let batch = try CTRBatch(host, on: device)
                scores += try model.logits(batch).reshaped(-1).floats()
            }
            for row in 0..<host.history.rows {
                for column in 0..<host.width {
                    labels.append(host.labels[row * host.width + column] > 0)
                    requests.append(count + row)
                }
            }
            numbers += host.candidates
            count += host.history.rows
        }
        try ScoreHealth.requireFinite(scores)
        let metrics = try ClickMetrics(
            logits: scores,
            labels: labels,
            requests: requests,
            categories: categories.isEmpty ? [] : numbers.map { Int(categories[Int($0) - 1]) }
        )
        let health = ScoreHealth(scores: scores, requests: requests, items: numbers, labels: labels, metrics: metrics)
        return Outcome(
            scores: scores,
            labels: labels,
            requests: requests,
            requestCount: count,
            metrics: metrics,
            health: health
        )
    }

    /// `[N]`: the category of each item; empty without.
    public var itemCategories: [Int32] { categories }

    /// One epoch of training requests in batches, as a run with this seed has them first.
    public func trainingRequests(_ model: any CTRRanker, seed: UInt64) throws -> some Sequence<CTRHostBatch> {
        let sampler = try CandidateSampler(data, candidates, seed: seed)
        let plan = BatchPlan(
            data,
            kind: .prefixes,
            length: model.length,
            padding: type(of: model).padding,
            batchSize: block,
            seed: seed
        )
        let epoch = plan.epoch(0)
        return epoch.indices.lazy.map { epoch.requests($0, sampler) }
    }

    /// The requests of a part in batches, each made when it is asked for.
    ///
    /// - Parameters:
    ///   - model: Says how much history it reads.
    ///   - part: Validation or test.
    ///   - limit: At most so many requests, spread evenly; 0 means all.
    public func requests(_ model: any CTRRanker, _ part: Part, limit: Int = 0) throws -> some Sequence<CTRHostBatch> {
        let cases = data.cases(part).spread(limit)
        guard !cases.isEmpty else {
            throw DatasetError(
                .noEvaluationCases,
                "\(data.dataset.manifest.name): the split has no \(part.rawValue) requests to score; choose the other part"
            )
        }
        let sampler = try CandidateSampler(data, candidates, seed: Self.seed)
        let batches = EvaluationBatches(
            cases,
            of: data.dataset,
            length: model.length,
            padding: type(of: model).padding,
            batchSize: block
        )
        return batches.indices.lazy.map { batches.requests($0, sampler) }
    }
}

extension EvaluationResult {
    /// What the scores of requests' candidates amount to.
    init(_ evaluate: () throws -> CTREvaluator.Outcome) rethrows {
        let start = ContinuousClock.now
        let outcome = try evaluate()
        let seconds = (ContinuousClock.now - start).inSeconds
        let requests = outcome.metrics.perRequest
        let names = requests.keys.sorted()
        let intervals = Bootstrap.intervals(of: names.compactMap { requests[$0] }, seed: 1)
        self.init(
            cases: outcome.requestCount,
            metrics: outcome.metrics.values,
            intervals: Dictionary(uniqueKeysWithValues: zip(names, intervals))
        )
        perRequest = requests
        self.seconds = seconds
    }
}

extension CTREvaluator.Outcome {
    /// Writes scores, labels and requests as `.npy` files.
    func export(to folder: URL) throws {
        func file(_ name: String) -> URL { folder.appending(path: name) }
        func write(_ scores: [Float], _ labels: [Bool], _ prefix: String) throws {
            try Npy.write(scores, shape: [scores.count], to: file("\(prefix)scores.npy"))
            try Npy.write(labels.map { UInt8($0 ? 1 : 0) }, shape: [labels.count], to: file("\(prefix)labels.npy"))
        }
        try write(scores, labels, "")
        if let purchases { try write(purchases.scores, purchases.labels, "purchase_") }
        try Npy.write(requests.map(Int64.init), shape: [requests.count], to: file("groups.npy"))
    }
}
