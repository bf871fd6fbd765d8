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
    public var batch = 128
    /// Random cuts per user and epoch for models trained on cuts; 0 means every position of every user.
    public var cuts = 0
    /// Which part of a history that is too long is read.
    public var crop = Crop.last
    /// The loss.
    public var loss = Objective()
    /// The optimiser.
    public var optimizer = Adam.Configuration()
    /// The learning rate over the steps.
    public var learningRate = LearningRate()
    /// Largest allowed norm of the gradient; 0 means any.
    public var clip = 0.0
    /// Decay of the moving average of the weights; 0 means none.
    ///
    /// The average is what is evaluated and kept.
    public var averageDecay = 0.0
    /// Epochs from one evaluation on validation to the next.
    public var evaluateEvery = 1
    /// Steps from one evaluation to the next within an epoch; 0 means none but those after epochs.
    public var evaluateSteps = 0
    /// The metric that selects the weights and stops the training.
    public var metric = "ndcg@10"
    /// Evaluations without improvement before the training stops.
    public var patience = 10
    /// How many validation users are ranked while training; 0 means all.
    public var validationUsers = 0
    /// Seconds between checkpoints that are made besides those after each evaluation.
    public var checkpointSeconds = 300.0
    /// Steps between two lines of the progress log.
    public var logEvery = 20
    /// Processor threads; 0 means all.
    ///
    /// Part of what makes a result repeatable to the bit.
    public var threads = 0
    /// The defaults.
    public init() {}

    /// Refuses impossible numbers.
    public func validate() throws {
        let least = [
            ("epochs", epochs, 1), ("batch", batch, 1), ("cuts", cuts, 0), ("evaluateEvery", evaluateEvery, 1),
            ("evaluateSteps", evaluateSteps, 0),
            ("patience", patience, 1), ("validationUsers", validationUsers, 0), ("logEvery", logEvery, 1),
            ("threads", threads, 0),
        ]
        for (name, value, bound) in least where value < bound {
            throw ConfigurationError("training.\(name): found \(value), expected at least \(bound)")
        }
        guard learningRate.peak > 0, clip >= 0, checkpointSeconds >= 0, (0..<1).contains(averageDecay) else {
            throw ConfigurationError(
                "training: learningRate.peak must be above 0, clip and checkpointSeconds at least 0, averageDecay in 0..<1"
            )
        }
        let known = RankingMetrics.names + ClickMetrics.selecting
        guard known.contains(metric) else {
            let hint = nearestName(to: metric, among: known).map { ". Did you mean '\($0)'?" } ?? ""
            throw ConfigurationError("training.metric: unknown metric '\(metric)'\(hint)")
        }
        try loss.validate()
    }
}

extension CandidateSettings: Settings {
    /// Refuses impossible numbers.
    public func validate() throws {
        guard negatives >= 0, exponent >= 0, exponent.isFinite else {
            throw ConfigurationError(
                "candidates: found negatives \(negatives) and exponent \(exponent), expected at least 0 of each"
            )
        }
    }
}
