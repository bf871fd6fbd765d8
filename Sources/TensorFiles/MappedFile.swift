// Part of Cascade. SPDX-License-Identifier: Apache-2.0
public import Foundation

/// A whole file, read-only, mapped into memory; pages are read when they are first touched.
///
/// The file must not be shortened while it is mapped: touching a page that no longer exists ends the process.
/// Files written by this module are safe, because they are replaced by renaming and never changed in place.
public final class MappedFile: Sendable {
    /// The file that is mapped.
    public let url: URL
    /// Size of the file, in bytes.
    public let count: Int
    // Safe to share: the mapping is read-only, private to this object and removed only by `deinit`.
    private nonisolated(unsafe) let base: UnsafeRawPointer?

    /// Maps the file at `url`.
    ///
    /// - Throws: ``FileError`` when it does not exist, is not a regular file or cannot be mapped.
    public init(_ url: URL) throws(FileError) {
        let descriptor = open(url.path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            let code = errno
            throw .system("open the file", url, code, code == ENOENT ? .notFound : .unreadable)
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .system("inspect the file", url, errno, .unreadable) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw FileError(.unreadable, url, "this is a folder or a device; expected a regular file. Check the path.")
        }
        self.url = url
        count = Int(status.st_size)
        guard count > 0 else {
            base = nil
            return
        }
        let mapping = mmap(nil, count, PROT_READ, MAP_PRIVATE, descriptor, 0)
        guard let mapping, mapping != MAP_FAILED else { throw .system("map the file", url, errno, .unreadable) }
        base = UnsafeRawPointer(mapping)
    }

    deinit {
        if let base { munmap(UnsafeMutableRawPointer(mutating: base), count) }
    }

    /// Calls `body` with all bytes of the file; the pointer is valid only during the call.
    public func withUnsafeBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        defer { withExtendedLifetime(self) {} }
        return try body(UnsafeRawBufferPointer(start: base, count: count))
    }
}
