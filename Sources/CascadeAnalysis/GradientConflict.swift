// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
import CascadeNN
import CascadeRecommenders
import CascadeTorch
public import CascadeTraining
import Foundation

/// Watches, step by step, what attention and representation send to the embeddings that they share.
///
/// - Source: DARE, section 2.2, figures 2 and 3, and appendix E.2.
public struct GradientConflict: Sendable {
    /// One step of the training.
    public struct Step: Sendable {
        /// Its number, from 1.
        public let step: Int
        /// Norms of the gradients on the categories' (or items') vectors.
        public let attention, representation: Double
        /// Means of the norms of the rows that were touched, as DARE's figure 2 has them.
        public let meanAttention, meanRepresentation: Double
        /// Mean cosine of the two over the rows that were touched.
        public let cosine: Double
    }

    /// One row of the watched table.
    public struct Row: Sendable {
        /// Steps in which both gradients reached it, and those in which their cosine was negative.
        public let steps, conflicts: Int
    }

    /// The watched feature: categories, or items where there are none.
    public let feature: String
    /// The steps, in order.
    public let steps: [Step]
    /// The rows of the table, by number from 1 (row 0 is padding).
    public let rows: [Row]
    /// The share of touched rows that were in conflict in more than half of their steps.
    public var conflictedShare: Double {
        let touched = rows.filter { $0.steps > 0 }
        return Double(touched.count { 2 * $0.conflicts > $0.steps }) / Double(max(touched.count, 1))
    }

    /// Trains a fresh model of an experiment for some steps and watches.
    ///
    /// - Parameters:
    ///   - experiment: A CTR model whose attention and representation share embeddings.
    ///   - dataset: What it learns from.
    ///   - seed: The seed of the training, so that it is the run's own.
    ///   - count: Steps.
    /// - Throws: ``ConfigurationError`` when nothing is shared.
    public static func watch(_ experiment: Experiment, on dataset: Dataset, seed: UInt64, steps count: Int) throws
        -> GradientConflict
    {
        try Runtime.withThreads(experiment.training.threads) {
            try watching(experiment, on: dataset, seed: seed, steps: count)
        }
    }

    private static func watching(_ experiment: Experiment, on dataset: Dataset, seed: UInt64, steps count: Int) throws
        -> GradientConflict
    {
        let settings = experiment.training
        let data = try experiment.divided(dataset)
        let model = try experiment.makeModel(for: dataset, using: Generator(seed: SplitMix64.mix(seed, 0)))
        guard let searcher = model.lifelongRanker else {
            throw ConfigurationError("\(experiment.model.name): has no retrieval stage to watch; take twin")
        }
        let candidates = experiment.candidates ?? CandidateSettings()
        let task = searcher.task(in: TaskContext(data: data, candidates: candidates))
        let training = try task.training(settings, seed: seed)
        let step = try TrainingStep(training, of: searcher, settings, seed: seed, on: .cpu)
        var (done, epoch) = (0, 0)
        var watched: [Step] = []
        var rows: [(steps: Int, conflicts: Int)] = []
        var feature = ""
        while done < count {
            let batches = training.batches(epoch)
            guard batches.count > 0 else { throw ConfigurationError("no user has a training target") }
            let ahead = Prefetcher(ahead: 2, count: batches.count, batches.make)
            while done < count, let host = try ahead.next() {
                done += 1
                let batch = try CTRBatch(host, noise: .drawn(Generator(seed: seed)))
                let gradients = try searcher.sharedGradients(batch)
                guard let shared = gradients.first(where: { $0.feature == "categories" }) ?? gradients.first else {
                    throw ConfigurationError("\(experiment.model.name): no gradient reached a shared table")
                }
                feature = shared.feature
                watched.append(try withoutGradients { try observe(shared, done, &rows) })
                _ = try step(host, number: done)
            }
            epoch += 1
        }
        return GradientConflict(
            feature: feature,
            steps: watched,
            rows: rows.map { Row(steps: $0.steps, conflicts: $0.conflicts) }
        )
    }

    private static func observe(_ shared: SharedGradient, _ step: Int, _ rows: inout [(steps: Int, conflicts: Int)])
        throws
        -> Step
    {
        let (a, r) = (shared.attention, shared.representation)
        let norms = (a: try a.square().sum(1).sqrt().doubles(), r: try r.square().sum(1).sqrt().doubles())
        let products = try (a * r).sum(1).doubles()
        if rows.isEmpty { rows = Array(repeating: (0, 0), count: products.count) }
        var (sum, touched) = (0.0, 0)
        var (attention, representation) = (0.0, 0.0)
        for row in products.indices.dropFirst() where norms.a[row] > 0 && norms.r[row] > 0 {
            sum += products[row] / (norms.a[row] * norms.r[row])
            touched += 1
            attention += norms.a[row]
            representation += norms.r[row]
            rows[row].steps += 1
            if products[row] < 0 { rows[row].conflicts += 1 }
        }
        func norm(_ values: [Double]) -> Double { values.reduce(0) { $0 + $1 * $1 }.squareRoot() }
        return Step(
            step: step,
            attention: norm(norms.a),
            representation: norm(norms.r),
            meanAttention: attention / Double(max(touched, 1)),
            meanRepresentation: representation / Double(max(touched, 1)),
            cosine: touched == 0 ? 0 : sum / Double(touched)
        )
    }
}
