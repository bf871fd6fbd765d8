// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Foundation

/// A new name beside `url`, on the same disk, under which it is built before it is renamed.
///
/// - Parameter make: Creates the path and returns a non-negative number, or sets `errno` and returns a negative one.
/// - Returns: The temporary path and what `make` returned.
/// - Throws: ``FileError`` when nothing can be created in that folder.
func createTemporary(
    beside url: URL,
    _ make: (_ path: String) -> Int32
) throws(FileError) -> (url: URL, result: Int32) {
    let folder = url.deletingLastPathComponent()
    for attempt in 0..<10_000 {
        let candidate = folder.appendingPathComponent(".cascade-\(getpid())-\(attempt).tmp")
        let result = make(candidate.path)
        if result >= 0 { return (candidate, result) }
        guard errno == EEXIST else { throw .system("write here", url, errno, .writeFailed) }
    }
    throw FileError(.writeFailed, url, "its folder is full of files named '.cascade-*.tmp'; remove them.")
}

/// Renames a finished temporary file or folder to `url` and makes the new name durable.
func publish(_ temporary: URL, as url: URL) throws(FileError) {
    guard rename(temporary.path, url.path) == 0 else {
        throw .system("rename a finished temporary to this name", url, errno, .writeFailed)
    }
    try synchronize(url.deletingLastPathComponent())
}

/// Waits until a file or folder is on the disk.
func synchronize(_ url: URL) throws(FileError) {
    let descriptor = open(url.path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .system("open for synchronizing", url, errno, .writeFailed) }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw .system("write to the disk", url, errno, .writeFailed) }
}

/// Writes all bytes, however many system calls that takes.
func writeAll(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32, _ url: URL) throws(FileError) {
    var rest = bytes[...]
    while !rest.isEmpty {
        let piece = UnsafeRawBufferPointer(rebasing: rest)
        let written = write(descriptor, piece.baseAddress, piece.count)
        if written < 0, errno == EINTR { continue }
        guard written >= 0 else { throw .system("write \(bytes.count) bytes", url, errno, .writeFailed) }
        rest = rest.dropFirst(written)
    }
}
