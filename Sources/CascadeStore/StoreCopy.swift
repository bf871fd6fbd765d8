// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import GRDB

/// A copy of a database that is made under another name beside its target, checked, and then renamed in one step.
struct StoreCopy: Sendable {
    private let target: URL
    private let temporary: URL

    init(beside target: URL) {
        self.target = target
        temporary = target.deletingLastPathComponent().appendingPathComponent(".cascade-\(UUID().uuidString).tmp")
    }

    /// Copies the pages of a database by SQLite's own interface, changes the copy when asked to, and checks it.
    ///
    /// - Throws: ``StoreError``, in the name of the target.
    func fill(from source: Database, changing: (DatabaseQueue) throws -> Void = { _ in }) throws {
        try StoreError.naming(target.path) {
            let copy = try DatabaseQueue(path: temporary.path)
            try copy.writeWithoutTransaction { database in
                try source.backup(to: database)
                // Without a log beside it, the one file is everything.
                for setting in ["journal_mode = DELETE", "secure_delete = ON"] {
                    _ = try Row.fetchAll(database, sql: "PRAGMA \(setting)")
                }
            }
            try changing(copy)
            try copy.read { try SQLiteStore.check($0, target.path) }
            try copy.close()
        }
    }

    /// Gives the copy its name, in the place of what has that name.
    func rename(to target: URL) throws {
        guard Foundation.rename(temporary.path, target.path) == 0 else {
            throw StoreError(
                .failed,
                "\(target.path): the file cannot be given this name: \(String(cString: strerror(errno))). Check the folder."
            )
        }
        // Makes the new name last; a disk that cannot still has the file.
        let folder = open(target.deletingLastPathComponent().path, O_RDONLY | O_CLOEXEC)
        guard folder >= 0 else { return }
        fsync(folder)
        close(folder)
    }

    /// Removes what has not taken its name.
    func discard() { for suffix in ["", "-journal", "-wal", "-shm"] { unlink(temporary.path + suffix) } }
}
