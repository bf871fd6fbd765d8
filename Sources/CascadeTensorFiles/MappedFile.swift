// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import Foundation

/// How the bytes of a file come into memory.
public enum FileLoading: Sendable {
    /// Pages are read when they are first touched, so that a file may be larger than memory.
    ///
    /// The file must not be shortened meanwhile: touching a page that no longer exists ends the process.
    case mapped
    /// The whole file is read at once; what happens to it afterwards changes nothing.
    case copied
}

/// The bytes of a whole file, read-only: mapped into memory, or copied.
///
/// Files written by this module are safe to map, because they are replaced by renaming and never changed in place.
/// Others may be changed by anybody who may write to the folder: what serves for long is loaded with ``FileLoading/copied``.
public final class MappedFile: Sendable {
    /// The file that is mapped.
    public let url: URL
    /// Size of the file, in bytes.
    public let count: Int
    // Safe to share: the mapping is read-only, private to this object and removed only by `deinit`.
    private nonisolated(unsafe) let base: UnsafeRawPointer?

    /// Maps or copies the file at `url`.
    ///
    /// - Throws: ``FileError`` when it does not exist, is not a regular file, cannot be mapped, or becomes shorter while
    ///   it is copied.
    public init(_ url: URL, loading: FileLoading = .mapped) throws(FileError) {
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
        let mapping =
            switch loading {
            case .mapped: mmap(nil, count, PROT_READ, MAP_PRIVATE, descriptor, 0)
            case .copied: mmap(nil, count, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
            }
        guard let mapping, mapping != MAP_FAILED else { throw .system("map the file", url, errno, .unreadable) }
        base = UnsafeRawPointer(mapping)
        guard loading == .copied else { return }
        try Self.fill(UnsafeMutableRawBufferPointer(start: mapping, count: count), from: descriptor, url)
        mprotect(mapping, count, PROT_READ)
    }

    private static func fill(
        _ memory: UnsafeMutableRawBufferPointer,
        from descriptor: Int32,
        _ url: URL
    ) throws(FileError) {
        var filled = 0
        while filled < memory.count {
            let rest = UnsafeMutableRawBufferPointer(rebasing: memory[filled...])
            let bytes = read(descriptor, rest.baseAddress, rest.count)
            if bytes < 0, errno == EINTR { continue }
            guard bytes >= 0 else { throw .system("read the file", url, errno, .unreadable) }
            guard bytes > 0 else {
                throw FileError(
                    .unreadable,
                    url,
                    "it became shorter while it was read; expected a file that nobody writes to. Replace files by renaming."
                )
            }
            filled += bytes
        }
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
