// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CIndex

/// An object of one of the libraries, freed when nobody holds it any more.
final class LibraryHandle: Sendable {
    // Safe to share: the object is not changed after it was built or loaded, the libraries' searches may run at once,
    // and only `deinit` frees it.
    nonisolated(unsafe) let pointer: OpaquePointer
    private let free: @Sendable (OpaquePointer) -> Void

    /// Takes what the library made; nil becomes an error with the library's words.
    init(_ pointer: OpaquePointer?, free: @escaping @Sendable (OpaquePointer) -> Void, doing: String) throws(IndexError)
    {
        guard let pointer else { throw libraryError(doing) }
        self.pointer = pointer
        self.free = free
    }

    deinit { free(pointer) }
}

/// What the library said last on this thread, as an error.
func libraryError(_ doing: String) -> IndexError {
    let words = String(cString: ci_last_error())
    return IndexError(.libraryFailed, "\(doing): \(words). If memory or disk was short, make room and try again.")
}
