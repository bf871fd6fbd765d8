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
