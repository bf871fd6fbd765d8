// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
public import CascadeRecommenders
import Foundation

/// What a run directory says about itself.
public struct RunManifest: Codable, Sendable {
    /// Where the run stands.
    public enum Status: String, Codable, Sendable {
        case running, interrupted, finished
        /// The training diverged; the weights, if there are any, are the best of before.
        case diverged
    }

    /// The data that it was trained on.
    public struct Data: Codable, Sendable, Equatable {
        /// The data set's name.
        public var name: String
        /// Where it was.
        public var path: String
        /// Fingerprint of its contents.
        public var hash: String
        /// U, N and the number of events.
        public var users, items, events: Int

        /// Describes a data set.
        public init(_ dataset: Dataset) {
            (name, path, hash) = (dataset.manifest.name, dataset.url.path, dataset.manifest.contentHash)
            (users, items, events) = (dataset.userCount, dataset.itemCount, dataset.eventCount)
        }
    }

    /// Where a distilled model comes from.
    public struct Origin: Codable, Sendable {
        /// The teacher's run directory.
        public var run: String
        /// Its commit and seed.
        public var commit: String, seed: UInt64
        /// The step whose weights were its best.
        public var bestStep: Int
        /// The student's denoising steps.
        public var steps: Int
        /// How it was distilled.
        public var settings: JSONValue
        /// Validation metrics of the teacher with its own sampler, and with the student's before any distillation.
        public var teacher: [String: Double], undistilled: [String: Double]

        /// Describes where a distilled model comes from.
        public init(
            run: String,
            commit: String,
            seed: UInt64,
            bestStep: Int,
            steps: Int,
            settings: JSONValue,
            teacher: [String: Double],
            undistilled: [String: Double]
        ) {
            (self.run, self.commit, self.seed, self.bestStep) = (run, commit, seed, bestStep)
            (self.steps, self.settings, self.teacher, self.undistilled) = (steps, settings, teacher, undistilled)
        }
    }

    /// Where the first weights of a run come from.
    public struct Parent: Codable, Sendable, Equatable {
        /// How many rows of a vocabulary were copied, and how many were new.
        public struct Rows: Codable, Sendable, Equatable {
            /// Rows of ids that both data sets have, and of ids that the parent's had not.
            public var known, new: Int

            /// Counts rows.
            public init(known: Int, new: Int) { (self.known, self.new) = (known, new) }
        }

        /// The parent's directory.
        public var run: String
        /// Its commit and seed.
        public var commit: String, seed: UInt64
        /// The step whose weights were its best.
        public var bestStep: Int
        /// What it was trained on.
        public var data: Data
        /// Rows by vocabulary: `items`, `users`, `categories` and features.
        public var rows: [String: Rows] = [:]

        /// Describes a parent.
        public init(run: String, commit: String, seed: UInt64, bestStep: Int, data: Data) {
            (self.run, self.commit, self.seed, self.bestStep, self.data) = (run, commit, seed, bestStep, data)
        }
    }

    /// What a training takes.
    public struct Usage: Codable, Sendable, Equatable {
        /// Examples trained on.
        public var examples = 0
        /// Seconds of processor time, of all threads together.
        public var cpuSeconds = 0.0

        /// Nothing.
        public init() {}
    }

    /// A setting that was sized by the data.
    public struct Sizing: Codable, Sendable, Equatable, CustomStringConvertible {
        /// The dotted key, for example `model.max_sequence_length`.
        public var key: String
        /// What was chosen.
        public var value: JSONValue
        /// Why.
        public var reason: String

        /// The setting and the reason, on one line.
        public var description: String { "\(key) = \(value.shown): \(reason)" }

        /// Describes a choice.
        public init(_ key: String, _ value: JSONValue, because reason: String) {
            (self.key, self.value, self.reason) = (key, value, reason)
        }
    }

    /// Version of this layout.
    public var formatVersion = 1
    /// Everything that decides the result.
    public var experiment: Experiment
    /// The data.
    public var data: Data
    /// The seed.
    public var seed: UInt64
    /// Cascade's commit, when known.
    public var commit: String
    /// libtorch, device, threads, operating system.
    public var machine: [String: String]
    /// Where the run stands.
    public var status: Status
    /// Why it ended.
    public var reason = ""
    /// Steps and whole epochs done.
    public var step = 0, epoch = 0
    /// The step whose weights are kept.
    public var bestStep = 0
    /// Validation metrics of the kept weights.
    public var validation: [String: Double] = [:]
    /// Trained parameters.
    public var parameters = 0
    /// The teacher, for a run that `cascade distill` made.
    public var distilledFrom: Origin?
    /// The run whose weights this one began with; nil when it began with fresh ones.
    public var startedFrom: Parent?
    /// Fingerprints of the run's tensor files by name, the last one that of the newest; nil in runs of before.
    public var checksums: [String: [String]]?
    /// What is doubtful about the kept weights; nil when nothing is.
    public var warnings: [String]?
    /// What the training took besides seconds, all resumptions together; nil in runs of before.
    public var usage: Usage?
    /// What `cascade train` sized by the data, as nobody had said it; nil when it sized nothing.
    public var sized: [Sizing]?
    /// Seconds spent training, all resumptions together, evaluations included.
    public var seconds = 0.0

    /// Describes a run that has not done anything yet.
    public init(
        experiment: Experiment,
        data: Data,
        seed: UInt64,
        commit: String,
        machine: [String: String],
        status: Status
    ) {
        (self.experiment, self.data, self.seed) = (experiment, data, seed)
        (self.commit, self.machine, self.status) = (commit, machine, status)
    }
}
