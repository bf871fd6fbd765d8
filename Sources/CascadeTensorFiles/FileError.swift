// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import Foundation

/// Why a file could not be read, understood or written.
public struct FileError: Error, CustomStringConvertible, Equatable {
    /// The kind of failure, for code that must tell cases apart.
    public struct Reason: Sendable, Hashable, CustomStringConvertible {
        /// The name of the case, such as `truncated`.
        public let description: String

        /// The file does not exist.
        public static let notFound = Reason(description: "notFound")
        /// The file exists but the system does not let it be read, or it is not a regular file.
        public static let unreadable = Reason(description: "unreadable")
        /// The file ends before what it announces.
        public static let truncated = Reason(description: "truncated")
        /// The bytes do not follow the format.
        public static let malformed = Reason(description: "malformed")
        /// The file holds no tensor of that name.
        public static let missingTensor = Reason(description: "missingTensor")
        /// The scalar type differs from what was asked for, or the format has no such type.
        public static let wrongType = Reason(description: "wrongType")
        /// The shape differs from what was asked for, or from the number of bytes.
        public static let wrongShape = Reason(description: "wrongShape")
        /// The file could not be written; what was there before is untouched.
        public static let writeFailed = Reason(description: "writeFailed")
        /// Another process works there.
        public static let locked = Reason(description: "locked")
    }

    /// The kind of failure, for code.
    public let reason: Reason
    /// The file concerned.
    public let path: String
    /// Where, what was found, what was expected and what to do, for people.
    public let description: String

    /// Creates an error whose description starts with the path.
    public init(_ reason: Reason, _ url: URL, _ message: String) {
        self.reason = reason
        path = url.path
        description = "\(url.path): \(message)"
    }

    /// Describes a failed system call, with the system's own text and what to do about it.
    static func system(_ action: String, _ url: URL, _ code: Int32, _ reason: Reason) -> FileError {
        FileError(reason, url, "cannot \(action): \(String(cString: strerror(code))). \(advice(code))")
    }

    private static func advice(_ code: Int32) -> String {
        switch code {
        case ENOSPC, EDQUOT: "Free some space on that disk, or choose a folder on another one."
        case EACCES, EPERM: "Check the permissions of the file and of its folder."
        case EROFS: "The disk is mounted read-only; choose another folder."
        case ENOENT: "Check the path; its folder must exist."
        case ENOTDIR: "A part of the path is a file, not a folder; check the path."
        case EISDIR: "A folder has that name; choose another name."
        case EEXIST, ENOTEMPTY: "Something has that name already; remove it or choose another name."
        case EMFILE, ENFILE: "Too many files are open; raise the limit (ulimit -n) or close some."
        case ENOMEM: "The system has too little memory or address space left."
        case ENAMETOOLONG: "Choose a shorter name."
        case EFBIG: "The disk or a limit (ulimit -f) does not allow a file of this size."
        default: "Check the disk and the path, then try again."
        }
    }
}

/// A name between quotation marks, shortened so that a hostile file cannot flood a message.
func quoted(_ name: String) -> String {
    name.utf8.count <= 120 ? "'\(name)'" : "'\(name.prefix(60))…'"
}

extension FileError: CascadeError {
    /// What is at fault.
    public var category: ErrorCategory { [.writeFailed, .locked].contains(reason) ? .failed : .badData }
}
