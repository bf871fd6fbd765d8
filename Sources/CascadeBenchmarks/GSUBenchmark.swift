// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
public import CascadeRecommenders
public import CascadeRuns
import CascadeTorch
public import Foundation

/// Measures what the search stage of a CTR model costs, beside what this machine's memory allows.
public struct GSUBenchmark {
    /// One length of history at one precision.
    public struct Row: Codable, Sendable {
        /// Behaviors that are searched, and candidates that are searched for.
        public var history, candidates: Int
        /// How exactly the tables are kept.
        public var precision: TablePrecision
        /// Features of a row: item and category together.
        public var width: Int
        /// Median seconds of a request: scores of all pairs, and the best of each candidate.
        public var seconds: Double
        /// Of that, the scores alone.
        public var scoring: Double
        /// Multiplications and additions of the scores.
        public var operations: Double
        /// Seconds to read the behaviors' rows once at the rate at which this machine copies memory.
        public var memoryBound: Double
    }

    private let scorers: [(TablePrecision, AttentionScorer)]
    private let items: Int
    /// How many threads an operation may use.
    public let threads: Int

    /// Takes a model's attention out, once for each precision.
    ///
    /// - Parameters:
    ///   - experiment: Names the model.
    ///   - dataset: Gives the catalog.
    ///   - weights: Trained ones; nil takes fresh ones, which cost the same.
    /// - Throws: ``ConfigurationError`` when the model does not search by dot products.
    public init(_ experiment: Experiment, on dataset: Dataset, weights: URL? = nil) throws {
        threads = experiment.training.threads > 0 ? experiment.training.threads : Runtime.threads
        let model = try experiment.makeModel(for: dataset, using: Generator(seed: 1))
        if let weights { try Checkpoint.load(weights, into: model) }
        guard let ranker = model.ctrRanker else {
            throw ConfigurationError("\(experiment.model.name): is no CTR model; take dare or twin")
        }
        scorers = try TablePrecision.allCases.map { ($0, try ranker.attentionScorer($0)) }
        items = dataset.itemCount
    }

    /// Measures every combination; behaviors and candidates are drawn at random.
    public func run(histories: [Int], candidates: Int, repeats: Int, _ observe: (Row) -> Void = { _ in }) throws
        -> [Row]
    {
        try Runtime.withThreads(threads) { try rows(histories, candidates, repeats, observe) }
    }

    private func rows(_ histories: [Int], _ candidates: Int, _ repeats: Int, _ observe: (Row) -> Void) throws -> [Row] {
        let rate = try bytesPerSecond()
        let generator = try Generator(seed: 1)
        var rows: [Row] = []
        for length in histories {
            for (precision, scorer) in scorers {
                let history = try Tensor.integers([length], in: 1..<items + 1, using: generator)
                let wanted = try Tensor.integers([candidates], in: 1..<items + 1, using: generator)
                let scoring = try median(repeats) { _ = try scorer(history, wanted) }
                let whole = try median(repeats) { _ = try scorer.search(history, wanted, keeping: 20) }
                rows.append(
                    Row(
                        history: length,
                        candidates: candidates,
                        precision: precision,
                        width: scorer.width,
                        seconds: whole,
                        scoring: scoring,
                        operations: 2 * Double(length) * Double(candidates) * Double(scorer.width),
                        memoryBound: Double((length + candidates) * scorer.bytesPerRow) / rate
                    )
                )
                observe(rows[rows.count - 1])
            }
        }
        return rows
    }

    private func median(_ repeats: Int, _ body: () throws -> Void) throws -> Double {
        try body()
        let clock = ContinuousClock()
        var seconds: [Double] = []
        for _ in 0..<repeats {
            let start = clock.now
            try body()
            seconds.append((clock.now - start).inSeconds)
        }
        return seconds.sorted()[seconds.count / 2]
    }

    /// How fast this machine moves memory: a copy of 256 MiB reads and writes each byte once.
    private func bytesPerSecond() throws -> Double {
        let bytes = 1 << 28
        let source = try Tensor.zeros([bytes / 4])
        let seconds = try median(5) { _ = try source.copy() }
        return 2 * Double(bytes) / seconds
    }
}
