// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// What is at fault when something fails: programs choose what to do by it, the command its exit code.
public enum ErrorCategory: Sendable, Equatable {
    /// Files, stores or values that cannot be used as they are.
    case badData
    /// Settings that cannot be used, or do not fit together.
    case badConfiguration
    /// Everything was right, and it failed nevertheless.
    case failed
}

/// An error of Cascade: the facts in words, and what is at fault.
public protocol CascadeError: Error, CustomStringConvertible {
    /// What is at fault.
    var category: ErrorCategory { get }
}
