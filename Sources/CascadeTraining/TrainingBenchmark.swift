// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
import CascadeRecommenders
public import CascadeTorch
import Foundation

/// Measures how fast a model trains: whole steps as in a training run, batches prepared on another thread.
public struct TrainingBenchmark {
    /// What was measured.
    public struct Report: Codable, Sendable {
        /// The model's name.
        public var model: String
        /// Measured steps.
        public var steps: Int
        /// Targets trained on in these steps.
        public var examples: Int
        /// Seconds for all of them.
        public var seconds: Double
        /// Median seconds of a step.
        public var medianStep: Double
        /// Share of the time in each part of a step, largest first; the rest is waiting for batches and bookkeeping.
        public var shares: [Share]
        /// Processor threads of one operation.
        public var threads: Int

        /// A part of the step.
        public struct Share: Codable, Sendable {
            /// Its name.
            public var part: String
            /// Its share of all seconds.
            public var share: Double
        }

        /// Targets trained on per second.
        public var examplesPerSecond: Double { Double(examples) / seconds }
    }

    private let experiment: Experiment
    private let data: SplitDataset

    /// Prepares a measurement.
    public init(_ experiment: Experiment, on dataset: Dataset) throws {
        self.experiment = experiment
        data = try experiment.divided(dataset)
    }

    /// Trains fresh weights for some steps, after others that are not counted.
    ///
    /// - Throws: ``ConfigurationError`` when the model does not learn by gradients.
    public func run(steps: Int, warmup: Int = 3, on device: Device = .cpu) throws -> Report {
        let settings = try experiment.trainingSettings()
        if settings.threads > 0 { Runtime.setThreads(settings.threads) }
        Runtime.keepFreedMemory(for: .training)
        let generator = try Generator(seed: 1, on: device)
        switch try experiment.makeModel(for: data.dataset, using: generator) {
        case let model as any VectorRetriever:
            let evaluator = TopKEvaluator(data, seen: experiment.seen, on: device)
            let lesson = try RetrievalLesson(model, settings, evaluator, seed: 1)
            return try measure(lesson, settings, steps: steps, warmup: warmup, on: device)
        case let model as any CTRRanker:
            let evaluator = CTREvaluator(data, experiment.candidates ?? CandidateSettings(), on: device)
            let lesson = try CTRLesson(model, settings, evaluator, seed: 1)
            return try measure(lesson, settings, steps: steps, warmup: warmup, on: device)
        case let model as any QueryRanker:
            let evaluator = QueryEvaluator(data, experiment.candidates ?? CandidateSettings(), on: device)
            let lesson = try QueryLesson(model, settings, evaluator, seed: 1)
            return try measure(lesson, settings, steps: steps, warmup: warmup, on: device)
        default:
            throw ConfigurationError(
                "\(experiment.model): is fitted in one pass; there are no training steps to measure"
            )
        }
    }

    private func measure(
        _ lesson: some Lesson,
        _ settings: TrainingSettings,
        steps: Int,
        warmup: Int,
        on device: Device
    ) throws -> Report {
        let step = try TrainingStep(lesson, settings, seed: 1, on: device, isProfiling: true)
        let clock = ContinuousClock()
        var (epoch, done, examples) = (0, 0, 0)
        var durations: [Double] = []
        while done < steps + warmup {
            let batches = lesson.batches(epoch: epoch)
            guard batches.count > 0 else { throw ConfigurationError("no user has two training events") }
            let ahead = Prefetcher(ahead: 4, count: batches.count, batches.make)
            var last = clock.now
            while done < steps + warmup, let host = try ahead.next() {
                done += 1
                if done == warmup + 1 {
                    step.context.clearProfile()
                    last = clock.now
                }
                let result = try step(host, step: done)
                try Runtime.synchronize(device)
                let now = clock.now
                if done > warmup {
                    durations.append((now - last).inSeconds)
                    examples += result.examples
                }
                last = now
            }
            epoch += 1
        }
        let total = durations.reduce(0, +)
        let parts = step.context.profile.sorted { $0.seconds > $1.seconds }
        return Report(
            model: experiment.model,
            steps: steps,
            examples: examples,
            seconds: total,
            medianStep: durations.sorted()[durations.count / 2],
            shares: parts.map { .init(part: $0.name, share: $0.seconds / total) },
            threads: Runtime.threads
        )
    }
}

extension Duration {
    /// The whole duration in seconds.
    public var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
