// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeRuns
public import CascadeTorch

/// What a training run tells whoever watches.
public enum TrainingEvent: Sendable {
    case started(parameters: Int, examples: Int, stepsPerEpoch: Int, resumedAt: Int)
    case step(epoch: Int, index: Int, of: Int, loss: Double, examples: Int)
    case evaluated(epoch: Int, step: Int, metrics: [String: Double], isBest: Bool)
    /// Something that a person should know.
    case notice(String)
    case finished(reason: String)
}

/// What is decided per run rather than per experiment.
public struct TrainingOptions {
    /// Decides every random number.
    public var seed: UInt64 = 1
    /// Where the model is trained.
    public var device = Device.cpu
    /// Seconds of this call, evaluations included, after which the run ends with what it has; nil means no limit.
    public var timeBudget: Double?
    /// What the run may take, all resumptions together; nil means no limit.
    public var budget: Budget?
    /// The run whose weights are the first; nil for fresh ones.
    ///
    /// A run that is resumed has its own.
    public var start: WarmStart?
    /// Whether an existing run may be taken up.
    public var resume = false
    /// Whether to wait for another process that trains in the directory instead of being refused.
    public var waits = false
    /// What was sized by the data, for the manifest.
    public var sized: [RunManifest.Sizing] = []
    /// Cascade's commit, for the manifest.
    public var commit = "unknown"
    /// Asked after every step; true ends the run with a checkpoint.
    public var isInterrupted: () -> Bool = { false }
    /// Told what happens.
    public var observe: (TrainingEvent) -> Void = { _ in }

    /// The defaults.
    public init() {}
}
