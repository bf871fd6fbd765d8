// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CTorch
public import CascadeTensorFiles

/// Why a tensor operation failed: libtorch's own message, after the operation and the shapes it was given.
public struct TorchError: Error, CustomStringConvertible, Equatable {
    /// The operation and its operands' shapes, for example `matmul([2, 3], [4, 5])`.
    public let operation: String
    /// What libtorch, or Cascade's own check, had to say.
    public let message: String

    /// The operation, then the message.
    public var description: String { "\(operation): \(message)" }

    /// Creates an error for a check that Cascade makes itself.
    public init(_ operation: String, _ message: String) {
        self.operation = operation
        self.message = message
    }

    /// The error that libtorch left behind on this thread.
    static func last(_ operation: String) -> TorchError {
        TorchError(operation, String(cString: ct_last_error()))
    }
}

/// Turns the status of a C call into an error.
func check(_ status: Int32, _ operation: @autoclosure () -> String) throws(TorchError) {
    if status != 0 { throw TorchError.last(operation()) }
}

extension TorchError: CascadeError {
    /// What is at fault.
    public var category: ErrorCategory { .failed }
}
