// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeConfigurations
import Foundation

/// The learning rate as a function of the step.
public struct LearningRateSchedule: InlinedSettings, Equatable {
    /// The shape after the warm-up.
    public enum Decay: String, Codable, Sendable, CaseIterable {
        case constant, cosine, step
    }

    /// The learning rate after the warm-up.
    public var learningRate = 1e-3
    /// Steps over which the learning rate rises linearly from 0.
    public var warmupSteps = 0
    /// What happens to the learning rate then.
    public var lrSchedule = Decay.constant
    /// `cosine`: the step at which the rate has fallen to its floor; `step`: the number of steps between falls.
    public var lrDecaySteps = 0
    /// `step`: the factor of each fall.
    public var lrDecayFactor = 0.1
    /// `cosine`: the share of the learning rate that remains in the end.
    public var lrFloor = 0.0

    /// A constant 1e-3.
    public init() {}

    /// What each setting may be.
    public static var bounds: [Bound<Self>] {
        [.above(0, \.learningRate), .atLeast(0, \.warmupSteps, \.lrDecaySteps)]
    }

    /// Names that settings had before.
    public static var formerNames: [String: String] {
        [
            "learningRate.peak": "learningRate", "learningRate.warmup": "warmupSteps",
            "learningRate.decay": "lrSchedule", "learningRate.decaySteps": "lrDecaySteps",
            "learningRate.factor": "lrDecayFactor", "learningRate.floor": "lrFloor",
        ]
    }

    /// The rate of a step, counted from 1.
    public func callAsFunction(_ step: Int) -> Double {
        if step <= warmupSteps { return learningRate * Double(step) / Double(max(warmupSteps, 1)) }
        switch lrSchedule {
        case .constant: return learningRate
        case .cosine:
            let progress = min(Double(step - warmupSteps) / Double(max(lrDecaySteps - warmupSteps, 1)), 1)
            return learningRate * (lrFloor + (1 - lrFloor) * 0.5 * (1 + cos(.pi * progress)))
        case .step: return learningRate * pow(lrDecayFactor, Double((step - 1) / max(lrDecaySteps, 1)))
        }
    }
}
