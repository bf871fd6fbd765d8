// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import GRDB

/// Puts failures of SQLite into words that name the place and what to do.
///
/// SQLite's own message is left out: it can quote the query.
enum DatabaseFailure {
    /// Runs what reads an index.
    static func reading<Result>(_ place: String, _ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch let error as DatabaseError {
            switch error.resultCode {
            case .SQLITE_NOTADB: throw RetrievalError.notAnIndex(place)
            case .SQLITE_CORRUPT: throw RetrievalError.corrupt(place, code(error))
            default: throw RetrievalError.readFailed(place, code(error))
            }
        }
    }

    /// Runs what builds an index.
    static func writing<Result>(_ place: String, _ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch let error as DatabaseError {
            throw RetrievalError.writeFailed(place, code(error))
        }
    }

    /// Such as `SQLite error 11 (database disk image is malformed)`.
    private static func code(_ error: DatabaseError) -> String { "SQLite error \(error.resultCode)" }
}
