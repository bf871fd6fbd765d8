// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeFunnel
public import CascadeTensorFiles
public import CascadeTorch

/// Why an engine did not answer.
public struct EngineError: LoggableError, Equatable {
    /// The kind of failure, for code that must tell cases apart.
    public struct Reason: Sendable, Hashable, CustomStringConvertible {
        /// The name of the case, such as `stopped`.
        public let description: String

        /// The engine was stopped.
        public static let stopped = Reason(description: "stopped")
        /// The model made something of the request that is not a number.
        public static let notANumber = Reason(description: "notANumber")
        /// What was to be served cannot be: it is of another kind, or its parts do not belong together.
        public static let unservable = Reason(description: "unservable")
    }

    /// The kind of failure, for code.
    public let reason: Reason
    /// Where, what was found, what was expected and what to do, for people.
    public let description: String

    init(_ reason: Reason, _ description: String) {
        self.reason = reason
        self.description = description
    }

    static func stopped(_ name: String) -> EngineError {
        EngineError(.stopped, "\(name): this engine was stopped and answers nothing. Ask the one that took its place.")
    }

    static func notANumber(_ name: String) -> EngineError {
        EngineError(
            .notANumber,
            "\(name): a score of this request is not a number. The training diverged or the weights are damaged; "
                + "serve another run."
        )
    }
}

extension TorchError: LoggableError {}

extension EngineError: CascadeError {
    /// What is at fault.
    public var category: ErrorCategory { .failed }
}
