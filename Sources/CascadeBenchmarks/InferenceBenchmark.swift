// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
import CascadeDiffusion
import CascadeRecommenders
public import CascadeRuns
public import CascadeTorch
public import Foundation

/// Measures how long a model takes to answer, by the number of denoising steps and of users asked for at once.
///
/// Making the users' vectors, which is where a diffusion runs, and ranking the catalog with them are timed apart.
public struct InferenceBenchmark {
    /// One measurement.
    public struct Row: Codable, Sendable {
        /// The model's name.
        public var model: String
        /// The sampler's kind, for a diffusion.
        public var sampler: String?
        /// Denoising steps, all of the schedule; nil for a model without.
        public var steps: Int?
        /// Users at once.
        public var batch: Int
        /// Median seconds per user: making the vectors, nil for a model that scores without; scoring and ranking.
        public var vectors: Double?, ranking: Double
        /// How often each was measured.
        public var repeats: Int
        /// N.
        public var items: Int
        /// Processor threads of one operation.
        public var threads: Int
    }

    private let experiment: Experiment
    private let weights: URL?
    private let data: SplitDataset

    /// Prepares a measurement.
    ///
    /// - Parameters:
    ///   - experiment: The model.
    ///   - dataset: Whose users ask.
    ///   - weights: Trained ones; nil takes fresh ones, which cost the same.
    public init(_ experiment: Experiment, on dataset: Dataset, weights: URL? = nil) throws {
        (self.experiment, self.weights) = (experiment, weights)
        data = try SplitDataset(dataset, experiment.split)
    }

    /// Measures every combination, or each batch alone for a model without denoising steps.
    ///
    /// - Parameters:
    ///   - steps: Denoising steps.
    ///   - batches: Users at once.
    ///   - repeats: Measurements of each, at least; quick ones are made more often.
    ///   - device: Where the model goes.
    ///   - observe: Told each row as soon as it is there.
    /// - Throws: ``ConfigurationError`` when the model refuses a number of steps.
    public func run(
        steps: [Int],
        batches: [Int],
        repeats: Int = 5,
        on device: Device = .cpu,
        _ observe: (Row) -> Void = { _ in }
    ) throws -> [Row] {
        try Runtime.withThreads(experiment.training.threads) {
            try rows(steps: steps, batches: batches, repeats: repeats, on: device, observe)
        }
    }

    private func rows(steps: [Int], batches: [Int], repeats: Int, on device: Device, _ observe: (Row) -> Void) throws
        -> [Row]
    {
        var rows: [Row] = []
        for count in experiment.model.diffusion != nil ? steps.map(Optional.some) : [nil] {
            let specification = try count.map(sampling) ?? experiment.model
            let model = try model(specification, on: device)
            for size in batches {
                let batch = try Batch(host(size, model), on: device, noiseSeed: 0)
                let (vectors, ranking, times) = try withoutGradients {
                    try measure(model, batch, repeats: repeats, on: device)
                }
                rows.append(
                    Row(
                        model: experiment.model.name,
                        sampler: specification.diffusion?.sampler.kind.rawValue,
                        steps: count,
                        batch: size,
                        vectors: vectors.map { $0 / Double(size) },
                        ranking: ranking / Double(size),
                        repeats: times,
                        items: data.dataset.itemCount,
                        threads: Runtime.threads
                    )
                )
                observe(rows[rows.count - 1])
            }
        }
        return rows
    }

    /// The model with a schedule of so many steps, all of which are visited.
    private func sampling(_ steps: Int) throws -> ModelSpec {
        var sampler = experiment.model.diffusion?.sampler ?? Sampler()
        sampler.steps = 0
        if sampler.kind == .oneStep { sampler.kind = .ddim }
        return try experiment.model.sampling(sampler, steps: steps)
    }

    private func model(_ specification: ModelSpec, on device: Device) throws -> any CatalogScorer {
        var changed = experiment
        changed.model = specification
        let made = try changed.makeModel(for: data.dataset, using: Generator(seed: 1, on: device))
        guard let model = made.catalogScorer else {
            throw ConfigurationError("\(specification.name): does not score the catalog; there is nothing to rank")
        }
        if let weights { try Checkpoint.load(weights, into: model) }
        return model
    }

    /// Histories of the test users, over again when there are too few.
    private func host(_ size: Int, _ model: any CatalogScorer) throws -> HostBatch {
        let cases = data.cases(.test)
        guard !cases.isEmpty else { throw ConfigurationError("the split has no test users to answer") }
        let batches = EvaluationBatches(
            (0..<size).map { cases[$0 % cases.count] },
            of: data.dataset,
            length: max(model.length, 1),
            padding: type(of: model).padding,
            batchSize: size
        )
        for batch in batches { return batch }
        throw ConfigurationError("--batch: found \(size), expected at least 1")
    }

    /// Median seconds of both parts, and how often they were measured, after once to warm up.
    private func measure(_ model: any CatalogScorer, _ batch: Batch, repeats: Int, on device: Device) throws -> (
        vectors: Double?, ranking: Double, times: Int
    ) {
        let clock = ContinuousClock()
        let retriever = model.vectorRetriever
        let items = try retriever?.itemVectors().to(.float64)
        var (vectors, ranking): ([Double], [Double]) = ([], [])
        let begun = clock.now
        var isWarm = false
        while !isWarm || ranking.count < repeats || (ranking.count < 100 && clock.now - begun < .milliseconds(300)) {
            let start = clock.now
            let users = try retriever?.userVectors(batch)
            try Runtime.synchronize(device)
            let middle = clock.now
            let scores =
                if let users, let items { try dotProductScores(users, items) } else { try model.scores(batch) }
            _ = try scores.top(min(TopKEvaluator.listLength, scores.size(1)))
            try Runtime.synchronize(device)
            if isWarm {
                vectors.append((middle - start).inSeconds)
                ranking.append((clock.now - middle).inSeconds)
            }
            isWarm = true
        }
        func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }
        return (retriever == nil ? nil : median(vectors), median(ranking), ranking.count)
    }
}
