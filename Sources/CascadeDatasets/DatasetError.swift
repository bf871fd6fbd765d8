// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeTensorFiles

/// Why a data set could not be read, written, split or searched.
public struct DatasetError: Error, CustomStringConvertible, Equatable {
    /// The kind of failure, for code that must tell them apart.
    public struct Reason: RawRepresentable, Hashable, Sendable {
        /// The reason's name.
        public let rawValue: String

        /// Names a reason.
        public init(rawValue: String) { self.rawValue = rawValue }

        /// A row of the source is not what its format says.
        public static let badRow = Reason(rawValue: "badRow")
        /// There is nothing at the path.
        public static let notFound = Reason(rawValue: "notFound")
        /// What is at the path is not a data set directory.
        public static let notADataset = Reason(rawValue: "notADataset")
        /// The data set directory contradicts itself or was damaged.
        public static let corrupt = Reason(rawValue: "corrupt")
        /// Nothing is left after filtering or splitting.
        public static let empty = Reason(rawValue: "empty")
        /// No user of the data set has this id.
        public static let unknownUser = Reason(rawValue: "unknownUser")
        /// No item of the data set has this id.
        public static let unknownItem = Reason(rawValue: "unknownItem")
        /// Items or users of the data set have no feature of this name.
        public static let unknownFeature = Reason(rawValue: "unknownFeature")
        /// The format name or the format version is not known.
        public static let unknownFormat = Reason(rawValue: "unknownFormat")
        /// Something already exists at the path to be written.
        public static let alreadyExists = Reason(rawValue: "alreadyExists")
        /// A split leaves a part without anything to evaluate.
        public static let noEvaluationCases = Reason(rawValue: "noEvaluationCases")
        /// An option has a value outside its range.
        public static let badOption = Reason(rawValue: "badOption")
    }

    /// The kind of failure.
    public let reason: Reason
    /// Where, what was found, what was expected and what to do.
    public let description: String

    /// Describes a failure.
    ///
    /// - Parameters:
    ///   - reason: The kind of failure.
    ///   - description: Where, what was found, what was expected and what to do.
    public init(_ reason: Reason, _ description: String) {
        self.reason = reason
        self.description = description
    }
}

extension DatasetError: CascadeError {
    /// What is at fault.
    public var category: ErrorCategory { reason == .alreadyExists ? .failed : .badData }
}
