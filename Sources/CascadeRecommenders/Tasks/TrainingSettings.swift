// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
import CascadeEvaluation
public import CascadeNN
import CascadeTensorFiles

/// Whether items of a user's own history stay among the candidates when that user's target is ranked.
public enum SeenPolicy: String, Codable, Sendable, CaseIterable {
    case exclude, include
}

/// How a model is trained; the same for every model, with defaults.
public struct TrainingSettings: Settings, Equatable {
    /// Passes over the training examples, at most.
    public var epochs = 100
    /// Rows per step: users (`sasrec`) or examples (`t2diff`).
    public var batchSize = 128
    /// Random prefixes per user and epoch for models trained on prefixes; 0: every position of every user.
    public var prefixesPerUser = 0
    /// Which part of a history that is too long is read.
    public var crop = Crop.last
    /// The loss.
    public var loss = Objective()
    /// The optimizer.
    public var optimizer = OptimizerSettings()
    /// The learning rate over the steps.
    public var schedule = LearningRateSchedule()
    /// Largest allowed norm of the gradient; 0: any.
    public var maxGradNorm = 0.0
    /// Decay of the exponential moving average of the weights, which is what is evaluated and kept; 0: none.
    public var emaDecay = 0.0
    /// Epochs from one evaluation on validation to the next.
    public var evalEveryEpochs = 1
    /// Steps from one evaluation to the next within an epoch; 0: none but those after epochs.
    public var evalEverySteps = 0
    /// The metric that selects the weights and stops the training.
    public var metric = "ndcg@10"
    /// Evaluations without improvement before the training stops.
    public var patience = 10
    /// Validation users that are ranked while training; 0: all.
    public var validationUsers = 0
    /// Seconds between checkpoints that are made besides those after each evaluation.
    public var checkpointSeconds = 300.0
    /// Steps between two lines of the progress log.
    public var logEverySteps = 20
    /// Processor threads, part of what makes a result repeatable to the bit; 0: all.
    public var threads = 0
    /// The defaults.
    public init() {}

    /// The learning rate after the warm-up, as ``schedule`` has it.
    public var learningRate: Double {
        get { schedule.learningRate }
        set { schedule.learningRate = newValue }
    }

    /// What each setting may be.
    public static var bounds: [Bound<Self>] {
        [
            .atLeast(1, \.epochs, \.batchSize, \.evalEveryEpochs, \.patience, \.logEverySteps),
            .atLeast(0, \.prefixesPerUser, \.evalEverySteps, \.validationUsers, \.threads),
            .atLeast(0, \.maxGradNorm, \.checkpointSeconds), .unit(\.emaDecay),
        ]
    }

    /// Names that settings had before.
    public static var formerNames: [String: String] {
        [
            "batch": "batchSize", "cuts": "prefixesPerUser", "clip": "maxGradNorm", "averageDecay": "emaDecay",
            "evaluateEvery": "evalEveryEpochs", "evaluateSteps": "evalEverySteps", "logEvery": "logEverySteps",
        ]
    }

    /// Refuses unknown metrics.
    public func validate() throws {
        let known = RankingMetrics.allNames + ClickMetrics.selecting
        guard known.contains(metric) else {
            let hint = nearestName(to: metric, among: known).map { ". Did you mean '\($0)'?" } ?? ""
            throw ConfigurationError("training.metric: unknown metric '\(metric)'\(hint)")
        }
    }
}

extension CandidateSettings: Settings {
    /// What each setting may be.
    public static var bounds: [Bound<Self>] { [.atLeast(0, \.negatives), .atLeast(0, \.exponent)] }
}
