// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
import CascadeDiffusion
import CascadeNN
import CascadeRecommenders
public import CascadeRuns
import CascadeTorch
public import Foundation

/// Measures what a query-aware ranker's answer to one request costs, by candidates, events of history and denoising steps.
public struct RequestBenchmark {
    /// One measurement.
    public struct Row: Codable, Sendable {
        /// The model's name.
        public var model: String
        /// Candidates that are scored, and events of history.
        public var candidates, history: Int
        /// Denoising steps of an answer; nil for a model that has none.
        public var steps: Int?
        /// Median and 99th percentile, in seconds, of a request by itself.
        public var median, percentile99: Double
        /// Measurements.
        public var repeats: Int
        /// Processor threads.
        public var threads: Int
    }

    private let experiment: Experiment
    private let dataset: Dataset
    private let weights: URL?

    /// Takes a model, with trained weights or fresh ones, which cost the same.
    public init(_ experiment: Experiment, on dataset: Dataset, weights: URL? = nil) {
        (self.experiment, self.dataset, self.weights) = (experiment, dataset, weights)
    }

    /// Measures every combination; events and candidates are drawn at random.
    ///
    /// - Parameters:
    ///   - candidates: Numbers of candidates of a request.
    ///   - histories: Lengths of histories, in events.
    ///   - steps: Denoising steps, for a model that has a sampler; the steps visited of the model's own schedule.
    ///   - repeats: Measurements of each combination.
    /// - Throws: ``ConfigurationError`` when the model reads no requests, or a history is longer than it reads.
    public func run(candidates: [Int], histories: [Int], steps: [Int], repeats: Int) throws -> [Row] {
        try Runtime.withThreads(experiment.training.threads) {
            try rows(candidates: candidates, histories: histories, steps: steps, repeats: repeats)
        }
    }

    private func rows(candidates: [Int], histories: [Int], steps: [Int], repeats: Int) throws -> [Row] {
        var rows: [Row] = []
        for count in experiment.model.diffusion != nil ? steps.map(Optional.some) : [nil] {
            let model = try model(count)
            for history in histories {
                guard history <= model.length else {
                    throw ConfigurationError(
                        "--history: found \(history), but the model reads \(model.length) events; set model.length"
                    )
                }
                for width in candidates {
                    let seconds = try measure(model, QueryBatch(host(history, width, model)), repeats)
                    rows.append(
                        Row(
                            model: experiment.model.name,
                            candidates: width,
                            history: history,
                            steps: count,
                            median: seconds[seconds.count / 2],
                            percentile99: seconds[min(seconds.count * 99 / 100, seconds.count - 1)],
                            repeats: repeats,
                            threads: Runtime.threads
                        )
                    )
                }
            }
        }
        return rows
    }

    private func model(_ steps: Int?) throws -> any QueryRanker {
        var changed = experiment
        if let steps {
            var sampler = experiment.model.diffusion?.sampler ?? Sampler()
            sampler.kind = steps == 1 ? .oneStep : .ddim
            sampler.steps = steps
            changed.model = try experiment.model.sampling(sampler)
        }
        let made = try changed.makeModel(for: dataset, using: Generator(seed: 1))
        guard let model = made.queryRanker else {
            throw ConfigurationError(
                "\(experiment.model.name): reads no search requests; models that do: "
                    + experiment.models.names(with: .queries)
            )
        }
        if let weights { try Checkpoint.load(weights, into: made) }
        return model
    }

    private func host(_ history: Int, _ width: Int, _ model: any QueryRanker) -> QueryHostBatch {
        var generator = SplitMix64(seed: 1)
        func items(_ count: Int) -> [Int32] {
            (0..<count).map { _ in Int32.random(in: 1...Int32(dataset.itemCount), using: &generator) }
        }
        var host = QueryHostBatch()
        (host.rows, host.length, host.width, host.queryCount, host.queryLength) = (1, max(history, 1), width, 2, 8)
        host.items = history > 0 ? items(history) : [0]
        host.times = host.items.indices.map { Int64($0) * 600 }
        host.actions = host.items.map { $0 > 0 ? 2 : 0 }
        host.historyQueries = host.items.map { $0 > 0 ? 1 : 0 }
        (host.lengths, host.users, host.queries) = ([Int32(history)], [0], [1])
        host.requestTimes = [Int64(history) * 600 + 60]
        host.tokens = [Int32](repeating: 0, count: 8) + (1...8).map { Int32($0) }
        host.candidates = items(width)
        host.clicks = [Float](repeating: 0, count: width)
        host.purchases = host.clicks
        host.shown = [Float](repeating: 0, count: width * model.inputs.shown)
        host.context = [Int32](repeating: 0, count: model.inputs.contexts)
        return host
    }

    private func measure(_ model: any QueryRanker, _ batch: QueryBatch, _ repeats: Int) throws -> [Double] {
        let clock = ContinuousClock()
        return try (0..<repeats + 3).map { _ in
            let start = clock.now
            _ = try withoutGradients { try model.predict(batch, .inference).clicks.floats() }
            return (clock.now - start).inSeconds
        }.dropFirst(3).sorted()
    }
}
