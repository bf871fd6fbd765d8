// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeTensorFiles

/// Why a vector index could not be built, stored, opened or searched.
public struct IndexError: Error, CustomStringConvertible, Equatable {
    /// The kind of failure, for code that must tell cases apart.
    public struct Reason: Sendable, Hashable, CustomStringConvertible {
        /// The name of the case, such as `corrupt`.
        public let description: String

        /// Vectors of items that no index can hold: none, of the wrong size, or not numbers.
        public static let badVectors = Reason(description: "badVectors")
        /// A question that the index cannot answer: of the wrong size, or not numbers.
        public static let badQuery = Reason(description: "badQuery")
        /// A parameter outside its range.
        public static let badParameter = Reason(description: "badParameter")
        /// What is at the path is not an index directory.
        public static let notAnIndex = Reason(description: "notAnIndex")
        /// The directory was made by another version of Cascade.
        public static let otherVersion = Reason(description: "otherVersion")
        /// The directory was damaged, or its files do not belong together.
        public static let corrupt = Reason(description: "corrupt")
        /// The library that holds the index failed; the description has its words.
        public static let libraryFailed = Reason(description: "libraryFailed")
    }

    /// The kind of failure, for code.
    public let reason: Reason
    /// Where, what was found, what was expected and what to do, for people.
    public let description: String

    init(_ reason: Reason, _ description: String) {
        self.reason = reason
        self.description = description
    }
}

/// The largest absolute value that a vector may hold, so that no inner product overflows float32.
let largestComponent: Float = 1e15

extension UnsafeBufferPointer<Float> {
    /// The position of the first value that is no number or too large.
    var firstUnusable: Int? {
        // Comparisons with NaN are false. Without a branch for every value the compiler uses vectors.
        let isUsable = reduce(into: true) { $0 = $0 && $1.magnitude <= largestComponent }
        return isUsable ? nil : firstIndex { !($0.magnitude <= largestComponent) }
    }
}

extension IndexError: CascadeError {
    /// What is at fault.
    public var category: ErrorCategory {
        reason == .badParameter ? .badConfiguration : reason == .libraryFailed ? .failed : .badData
    }
}
