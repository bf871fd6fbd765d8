// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeTensorFiles

/// A model that does not recommend: its loss or its scores are no numbers, or its scores tell nothing apart.
///
/// Either its training diverged, or its weights are damaged.
public struct DivergenceError: Error, CustomStringConvertible, Equatable {
    /// Where, what was found, what was expected and what to do.
    public let description: String

    /// Creates an error.
    ///
    /// - Parameters:
    ///   - place: Where it was found, for example `training step 7`.
    ///   - finding: What was found, and what was expected.
    public init(_ place: String, _ finding: String) {
        description = """
            \(place): \(finding). The training diverged, or the weights are damaged: lower training.learning_rate, or \
            set training.max_grad_norm (to 1, for example), and train again into another directory
            """
    }
}

extension DivergenceError: CascadeError {
    /// What is at fault.
    public var category: ErrorCategory { .failed }
}
