// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeTensorFiles

/// Why an index could not be built, opened or searched.
public struct RetrievalError: Error, CustomStringConvertible, Equatable {
    /// The kind of failure, for code that must tell cases apart.
    public struct Reason: Sendable, Hashable, CustomStringConvertible {
        /// The name of the case, such as `notAnIndex`.
        public let description: String

        /// There is nothing at the path.
        public static let notFound = Reason(description: "notFound")
        /// What is at the path is something else than an index.
        public static let notAnIndex = Reason(description: "notAnIndex")
        /// The index was made by another version of Cascade.
        public static let otherVersion = Reason(description: "otherVersion")
        /// The index was made with another way of splitting text into words.
        public static let otherWords = Reason(description: "otherWords")
        /// The index was damaged.
        public static let corrupt = Reason(description: "corrupt")
        /// A document cannot be taken into the index.
        public static let badDocument = Reason(description: "badDocument")
        /// The SQLite library of this system has no full-text search.
        public static let noFullText = Reason(description: "noFullText")
        /// The system does not let the index be read.
        public static let readFailed = Reason(description: "readFailed")
        /// The index could not be written; what was at its path before is untouched.
        public static let writeFailed = Reason(description: "writeFailed")
    }

    /// The kind of failure, for code.
    public let reason: Reason
    /// Where, what was found, what was expected and what to do, for people.
    public let description: String

    static func notFound(_ place: String) -> RetrievalError {
        RetrievalError(
            reason: .notFound,
            description:
                "\(place): there is no such file; expected a lexical index. Check the path, or build the index."
        )
    }

    static func notAnIndex(_ place: String) -> RetrievalError {
        RetrievalError(
            reason: .notAnIndex,
            description:
                "\(place): this is not a lexical index of Cascade. Check the path, or build the index elsewhere."
        )
    }

    static func otherVersion(_ place: String, found: Int, expected: Int) -> RetrievalError {
        RetrievalError(
            reason: .otherVersion,
            description: """
                \(place): the lexical index has format \(found); this version of Cascade reads format \(expected). \
                Build the index again.
                """
        )
    }

    static func otherWords(_ place: String) -> RetrievalError {
        RetrievalError(
            reason: .otherWords,
            description: """
                \(place): the lexical index was made with another way of splitting text into words than it is opened \
                with, so queries would miss documents. Build the index again, or open it with the same way.
                """
        )
    }

    static func corrupt(_ place: String, _ detail: String) -> RetrievalError {
        RetrievalError(
            reason: .corrupt,
            description: "\(place): the lexical index is damaged: \(detail). Check the disk, and build the index again."
        )
    }

    static func negativeIndex(_ place: String, _ index: Int) -> RetrievalError {
        RetrievalError(
            reason: .badDocument,
            description: "\(place): a document has the index \(index); expected 0 or more. Number the documents from 0."
        )
    }

    static func repeatedIndex(_ place: String, _ index: Int) -> RetrievalError {
        RetrievalError(
            reason: .badDocument,
            description: """
                \(place): two documents have the index \(index); expected one for each. \
                Join their texts, or number them apart.
                """
        )
    }

    static func noFullText(_ place: String, module: String, version: String) -> RetrievalError {
        RetrievalError(
            reason: .noFullText,
            description: """
                \(place): SQLite \(version) of this system was built without its full-text module '\(module)'. \
                Install a SQLite that has it (Debian's libsqlite3-0 does) and put it before the other one.
                """
        )
    }

    static func readFailed(_ place: String, _ detail: String) -> RetrievalError {
        RetrievalError(
            reason: .readFailed,
            description: "\(place): the lexical index cannot be read: \(detail). Check its permissions and the disk."
        )
    }

    static func writeFailed(_ place: String, _ detail: String) -> RetrievalError {
        RetrievalError(
            reason: .writeFailed,
            description: """
                \(place): the lexical index cannot be written: \(detail). \
                Check that its folder exists, may be written and has space left.
                """
        )
    }
}

extension RetrievalError: CascadeError {
    /// What is at fault.
    public var category: ErrorCategory {
        [.noFullText, .readFailed, .writeFailed].contains(reason) ? .failed : .badData
    }
}
