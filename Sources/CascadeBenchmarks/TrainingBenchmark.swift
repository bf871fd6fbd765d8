// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
import CascadeRecommenders
public import CascadeRuns
public import CascadeTorch
import CascadeTraining
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
        let model = try experiment.makeModel(for: data.dataset, using: Generator(seed: 1, on: device))
        guard model.fittedRetriever == nil else {
            throw ConfigurationError(
                "\(experiment.model.name): is fitted in one pass; there are no training steps to measure"
            )
        }
        return try Runtime.withThreads(experiment.training.threads) {
            try measure(experiment.task(of: model, on: data, device: device), steps: steps, warmup: warmup)
        }
    }

    private func measure(_ task: some RecommendationTask, steps: Int, warmup: Int) throws -> Report {
        let (settings, device) = (experiment.training, task.context.device)
        let training = try task.training(settings, seed: 1)
        let step = try TrainingStep(training, of: task.model, settings, seed: 1, on: device, isProfiling: true)
        let clock = ContinuousClock()
        var (epoch, done, examples) = (0, 0, 0)
        var durations: [Double] = []
        while done < steps + warmup {
            let batches = training.batches(epoch)
            guard batches.count > 0 else { throw ConfigurationError("no user has two training events") }
            let ahead = Prefetcher(ahead: 4, count: batches.count, batches.make)
            var last = clock.now
            while done < steps + warmup, let host = try ahead.next() {
                done += 1
                if done == warmup + 1 {
                    step.context.clearProfile()
                    last = clock.now
                }
                let result = try step(host, number: done)
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
            model: experiment.model.name,
            steps: steps,
            examples: examples,
            seconds: total,
            medianStep: durations.sorted()[durations.count / 2],
            shares: parts.map { .init(part: $0.name, share: $0.seconds / total) },
            threads: Runtime.threads
        )
    }
}
