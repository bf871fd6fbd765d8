// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// Tells whether other processes have a database open, and keeps them from opening it.
///
/// In WAL mode every connection holds a shared lock on a range of the file for as long as it is open, and the system releases it
/// when the process dies. A lock of the open file, not of the process, sees those of this process too.
struct StoreLock: ~Copyable {
    private static let setLock: Int32 = 37, getLock: Int32 = 36  // F_OFD_SETLK and F_OFD_GETLK of Linux
    /// What every connection locks: SQLite's pending byte and the 511 after it.
    private static let start: off_t = 0x4000_0000, length: off_t = 512

    private let descriptor: Int32
    private let path: String

    /// Opens a file for locking; nil when there is none.
    ///
    /// - Throws: ``StoreError`` `.failed` when it cannot be opened.
    init?(_ url: URL) throws {
        path = url.path
        descriptor = open(url.path, O_RDWR | O_CLOEXEC)
        if descriptor >= 0 { return }
        guard errno == ENOENT else {
            throw StoreError(
                .failed,
                "\(url.path): the file cannot be opened: \(String(cString: strerror(errno))). Check its permissions."
            )
        }
        return nil
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Makes sure that nobody has the database open.
    ///
    /// - Throws: ``StoreError`` `.busy`.
    func check() throws {
        var range = Self.range
        guard fcntl(descriptor, Self.getLock, &range) == 0, range.l_type == Int16(F_UNLCK) else { throw busy }
    }

    /// Keeps others from opening the database until this value ends.
    ///
    /// - Throws: ``StoreError`` `.busy` when somebody has it open.
    func take() throws {
        var range = Self.range
        guard fcntl(descriptor, Self.setLock, &range) == 0 else { throw busy }
    }

    /// The first bytes of the file, at most so many.
    func header(_ count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let found = pread(descriptor, &bytes, count, 0)
        return Array(bytes.prefix(max(0, found)))
    }

    private static var range: flock {
        var range = flock()
        range.l_type = Int16(F_WRLCK)
        range.l_whence = Int16(SEEK_SET)
        (range.l_start, range.l_len) = (start, length)
        return range
    }

    private var busy: StoreError {
        StoreError(.busy, "\(path): a server, or another command, has the store open. Stop it, then try again.")
    }
}
