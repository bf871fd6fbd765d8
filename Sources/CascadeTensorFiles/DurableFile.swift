// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import Foundation

/// Whole-file writes that a crash at any moment leaves either undone or complete.
///
/// The bytes go to a temporary name in the same folder, are synced to the disk, and then take the final name. When
/// anything fails the temporary file is removed and what was there before is untouched. A killed process may leave
/// a file `.cascade-*.tmp`, which nothing reads.
public enum DurableFile {
    /// Takes the next piece of a file; throws ``FileError`` when the disk refuses it.
    public typealias ByteSink = (UnsafeRawBufferPointer) throws -> Void

    /// Replaces the file at `url` with `data`.
    ///
    /// - Throws: ``FileError`` when the disk is full, the folder is missing or cannot be written.
    public static func write(_ data: Data, to url: URL) throws(FileError) {
        try write(to: url) { write in try data.withUnsafeBytes { try write($0) } }
    }

    /// Replaces the file at `url` with `text` in UTF-8.
    ///
    /// - Throws: ``FileError`` when the disk is full, the folder is missing or cannot be written.
    public static func write(_ text: String, to url: URL) throws(FileError) {
        try write(Data(text.utf8), to: url)
    }

    /// Whether a file name is one of those that a killed process may leave behind.
    public static func isTemporary(_ name: String) -> Bool { name.hasPrefix(".cascade-") && name.hasSuffix(".tmp") }

    /// Removes what killed processes left in a folder; nobody else may be writing there.
    ///
    /// - Throws: ``FileError`` when the folder or one of the files refuses.
    public static func removeTemporaries(in folder: URL) throws(FileError) {
        do {
            for name in try FileManager.default.contentsOfDirectory(atPath: folder.path) where isTemporary(name) {
                try FileManager.default.removeItem(at: folder.appendingPathComponent(name))
            }
        } catch {
            throw FileError(.writeFailed, folder, "what a killed process left here cannot be removed: \(error)")
        }
    }

    /// Replaces the file at `url` with the bytes that `body` passes to `write`, piece by piece.
    ///
    /// Every piece is one system call, so pieces should be kilobytes at least.
    ///
    /// - Parameters:
    ///   - url: Where the file goes.
    ///   - approve: Is given the finished file under its temporary name, before it takes the final one.
    ///   - body: Passes the bytes on.
    /// - Throws: ``FileError``; an error of another type thrown by `body` or `approve` is wrapped in one.
    public static func write(
        to url: URL,
        approving approve: (URL) throws -> Void = { _ in },
        _ body: (_ write: @escaping ByteSink) throws -> Void
    ) throws(FileError) {
        let (temporary, descriptor) = try createTemporary(beside: url) { path in
            open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
        }
        do {
            do {
                defer { close(descriptor) }
                try body { bytes in try writeAll(bytes, to: descriptor, url) }
                guard fsync(descriptor) == 0 else { throw FileError.system("finish writing", url, errno, .writeFailed) }
            }
            try approve(temporary)
            try publish(temporary, as: url)
        } catch {
            unlink(temporary.path)
            throw error as? FileError ?? FileError(.writeFailed, url, "the data could not be made: \(error)")
        }
    }
}
