// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Foundation
import TensorFiles

/// Lets one process at a time work in a folder; the operating system frees the lock when the process dies.
struct FolderLock {
    private let file: Int32

    /// Waits until the folder is free.
    init(_ folder: URL) throws {
        let path = folder.appending(path: ".lock")
        file = open(path.path, O_CREAT | O_RDWR | O_CLOEXEC, 0o666)
        guard file >= 0, flock(file, LOCK_EX) == 0 else {
            throw FileError(.writeFailed, path, "cannot be locked: \(String(cString: strerror(errno)))")
        }
    }

    func release() { close(file) }
}
