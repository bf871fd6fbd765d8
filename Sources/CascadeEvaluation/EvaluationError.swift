// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// Why a model's output cannot be evaluated.
public struct EvaluationError: Error, CustomStringConvertible, Equatable {
    /// The kind of failure, for code that must tell cases apart.
    public struct Reason: Sendable, Hashable, CustomStringConvertible {
        /// The name of the case, such as `notANumber`.
        public let description: String

        /// A score is NaN, so it has no place in an order.
        public static let notANumber = Reason(description: "notANumber")
        /// A probability lies outside 0 to 1.
        public static let notAProbability = Reason(description: "notAProbability")
        /// A reward or an estimate of one is not finite.
        public static let notFinite = Reason(description: "notFinite")
    }

    /// The kind of failure, for code.
    public let reason: Reason
    /// Where, what was found, what was expected and what to do, for people.
    public let description: String

    static func notANumber(_ metric: String, at index: Int) -> EvaluationError {
        EvaluationError(
            reason: .notANumber,
            description: """
                \(metric): score \(index) is not a number; expected a number for every candidate. \
                Did the training diverge? Try a smaller learning rate.
                """
        )
    }

    static func notAPropensity(_ metric: String, at index: Int, _ value: Double) -> EvaluationError {
        EvaluationError(
            reason: .notAProbability,
            description: """
                \(metric): a probability of impression \(index) is \(value); expected 0 to 1. \
                Give the probability of the item in its position, or nil for a propensity that is not known.
                """
        )
    }

    static func notFinite(_ metric: String, at index: Int, _ value: Double) -> EvaluationError {
        EvaluationError(
            reason: .notFinite,
            description: """
                \(metric): the reward of impression \(index), or an estimate of it, is \(value); expected a finite number. \
                Leave the page out, or give its reward.
                """
        )
    }

    static func notAProbability(_ metric: String, at index: Int, _ value: Float) -> EvaluationError {
        EvaluationError(
            reason: .notAProbability,
            description: """
                \(metric): value \(index) is \(value); expected a probability from 0 to 1. \
                Apply the sigmoid to logits first.
                """
        )
    }
}
