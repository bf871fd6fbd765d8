// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// The files of a store as they were opened: what is written goes into these, whatever lies at their paths later.
struct StoreFiles: Sendable {
    /// One file, whatever its name is.
    struct Identity: Equatable {
        private let device: UInt64
        private let number: UInt64

        /// The file at a path; nil when there is none.
        init?(_ path: String) {
            var found = stat()
            guard stat(path, &found) == 0 else { return nil }
            (device, number) = (UInt64(found.st_dev), UInt64(found.st_ino))
        }
    }

    /// The least room for writing, in bytes.
    private static let leastRoom: UInt64 = 1 << 20

    private let path: String
    private let opened: [(path: String, identity: Identity)]

    /// Remembers the files of a store that has just been opened.
    init(_ url: URL) throws {
        path = url.path
        opened = [url.path, url.path + "-wal"].compactMap { path in Identity(path).map { (path, $0) } }
        guard opened.first?.path == path else { throw Self.missing(path) }
    }

    /// Makes sure that the files are still where they were.
    ///
    /// - Throws: ``StoreError`` `.missing`.
    func check() throws {
        for file in opened where Identity(file.path) != file.identity { throw Self.missing(path) }
    }

    /// Why nothing can be written where the files are; nil when nothing is known to prevent it.
    var obstacle: StoreError.Reason? {
        var found = statvfs()
        guard statvfs(path, &found) == 0 else { return .missing }
        if found.f_flag & UInt(ST_RDONLY) != 0 { return .readOnly }
        return UInt64(found.f_bavail) * UInt64(found.f_frsize) < Self.leastRoom ? .full : nil
    }

    private static func missing(_ path: String) -> StoreError {
        StoreError(
            .missing,
            "\(path): the store was moved, removed or replaced while it was open. Nothing was stored. Put the file back, or "
                + "restore a backup, then start the server again."
        )
    }
}
