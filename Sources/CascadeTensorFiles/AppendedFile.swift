// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import Foundation

/// A file that grows at its end, such as a log; what was appended survives the process, but not a loss of power.
///
/// Not for use by several threads at once.
public final class AppendedFile {
    /// The file that grows.
    public let url: URL
    private let descriptor: Int32

    /// Opens the file at `url`, or creates it empty.
    ///
    /// - Throws: ``FileError`` when the folder is missing or the file cannot be written.
    public init(_ url: URL) throws(FileError) {
        self.url = url
        descriptor = open(url.path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw .system("open the file for appending", url, errno, .writeFailed) }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Appends bytes in one system call where the system allows it.
    ///
    /// - Throws: ``FileError`` when the disk is full or refuses; then a part of the bytes may have been written.
    public func append(_ bytes: [UInt8]) throws(FileError) {
        defer { withExtendedLifetime(self) {} }
        // The closure's error is passed out as a value, because Array's method does not keep its type.
        let failure = bytes.withUnsafeBytes { buffer -> FileError? in
            do throws(FileError) {
                try writeAll(buffer, to: descriptor, url)
                return nil
            } catch {
                return error
            }
        }
        if let failure { throw failure }
    }
}
