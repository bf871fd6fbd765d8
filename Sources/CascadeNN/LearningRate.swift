// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Foundation

/// The learning rate as a function of the step.
public struct LearningRate: Codable, Sendable, Equatable {
    /// The shape after the warm-up.
    public enum Decay: String, Codable, Sendable, CaseIterable {
        case constant, cosine, step
    }

    /// The rate after the warm-up.
    public var peak = 1e-3
    /// Steps over which the rate rises linearly from 0.
    public var warmup = 0
    /// What happens then.
    public var decay = Decay.constant
    /// `cosine`: the step at which the rate has fallen to `floor * peak`; `step`: the number of steps between falls.
    public var decaySteps = 0
    /// `step`: the factor of each fall.
    public var factor = 0.1
    /// `cosine`: the share of the peak that remains in the end.
    public var floor = 0.0

    /// A constant 1e-3.
    public init() {}

    /// The rate of a step, counted from 1.
    public func callAsFunction(_ step: Int) -> Double {
        if step <= warmup { return peak * Double(step) / Double(max(warmup, 1)) }
        switch decay {
        case .constant: return peak
        case .cosine:
            let progress = min(Double(step - warmup) / Double(max(decaySteps - warmup, 1)), 1)
            return peak * (floor + (1 - floor) * 0.5 * (1 + cos(.pi * progress)))
        case .step: return peak * pow(factor, Double((step - 1) / max(decaySteps, 1)))
        }
    }
}
