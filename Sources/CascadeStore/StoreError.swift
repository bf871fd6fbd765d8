// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeTensorFiles
internal import GRDB

/// Why the store cannot do what was asked.
///
/// The text names the file, what was found and what to do; it never holds an id of a person, a query or a statement.
public struct StoreError: Error, CustomStringConvertible, Equatable {
    /// The kind of failure, for code that must tell cases apart.
    public struct Reason: Sendable, Hashable, CustomStringConvertible {
        /// The name of the case, such as `busy`.
        public let description: String

        /// There is no such file.
        public static let notFound = Reason(description: "notFound")
        /// Something exists at the path to be written.
        public static let alreadyExists = Reason(description: "alreadyExists")
        /// The file is no database, or the database of something else.
        public static let notAStore = Reason(description: "notAStore")
        /// A later version of Cascade has changed the tables.
        public static let newerVersion = Reason(description: "newerVersion")
        /// The file is damaged.
        public static let corrupt = Reason(description: "corrupt")
        /// Another process holds the file; trying again later may help.
        public static let busy = Reason(description: "busy")
        /// There is no room; nothing was written.
        public static let full = Reason(description: "full")
        /// The file is no longer where it was opened.
        public static let missing = Reason(description: "missing")
        /// The file cannot be written.
        public static let readOnly = Reason(description: "readOnly")
        /// What was handed over cannot be stored; nothing of the call was.
        public static let invalid = Reason(description: "invalid")
        /// The store has been closed.
        public static let closed = Reason(description: "closed")
        /// The system refused for another reason.
        public static let failed = Reason(description: "failed")
    }

    /// The kind of failure, for code.
    public let reason: Reason
    /// Where, what was found and what to do, for people.
    public let description: String

    /// Describes a failure.
    public init(_ reason: Reason, _ description: String) {
        self.reason = reason
        self.description = description
    }
}

extension StoreError {
    /// Runs what speaks to SQLite and puts its errors into words that name the file.
    static func naming<R: Sendable>(_ place: String, _ body: @Sendable () async throws -> R) async throws -> R {
        do {
            return try await body()
        } catch let error as DatabaseError {
            throw StoreError(error, place)
        }
    }

    /// Runs what speaks to SQLite and puts its errors into words that name the file.
    static func naming<R>(_ place: String, _ body: () throws -> R) throws -> R {
        do {
            return try body()
        } catch let error as DatabaseError {
            throw StoreError(error, place)
        }
    }

    /// A file that is not sound.
    static func damaged(_ place: String, _ finding: String) -> StoreError {
        let finding = finding.split(separator: "\n").joined(separator: "; ")
        return StoreError(.corrupt, "\(place): the database is damaged: \(finding). Stop, and restore a backup.")
    }

    /// SQLite's own message is left out: it can quote what was stored.
    private init(_ error: DatabaseError, _ place: String) {
        let code = "SQLite error \(error.extendedResultCode)"
        switch error.resultCode {
        case .SQLITE_BUSY, .SQLITE_LOCKED:
            self.init(.busy, "\(place): another process holds the database (\(code)). End it, or try again.")
        case .SQLITE_FULL:
            self.init(.full, "\(place): no room is left on the disk (\(code)). Nothing was written; free some space.")
        case .SQLITE_NOTADB:
            self.init(.notAStore, "\(place): this is not a database (\(code)). Check the path.")
        case .SQLITE_CORRUPT:
            self.init(.corrupt, "\(place): the database is damaged (\(code)). Stop, and restore a backup.")
        case .SQLITE_MISUSE:
            self.init(.closed, "\(place): the store has been closed. Open it again.")
        case .SQLITE_CANTOPEN, .SQLITE_PERM, .SQLITE_READONLY:
            self.init(
                error.resultCode == .SQLITE_READONLY ? .readOnly : .failed,
                "\(place): the file cannot be opened for writing (\(code)). Check that its folder exists, and the "
                    + "permissions of both."
            )
        default:
            self.init(.failed, "\(place): the database refuses (\(code)). Check the disk, then try again.")
        }
    }
}

extension Row {
    /// The value of a column; a file that holds another type there is damaged.
    func value<V: DatabaseValueConvertible>(_ column: Int) throws -> V {
        guard let value = V.fromDatabaseValue(self[column]) else {
            throw DatabaseError(resultCode: .SQLITE_CORRUPT)
        }
        return value
    }

    /// The value of a column that may be empty.
    func optional<V: DatabaseValueConvertible>(_ column: Int) throws -> V? {
        hasNull(atIndex: column) ? nil : try value(column)
    }
}

extension StoreError: CascadeError {
    /// What is at fault.
    public var category: ErrorCategory {
        [.notFound, .notAStore, .newerVersion, .corrupt, .invalid].contains(reason) ? .badData : .failed
    }
}
