// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import Foundation

/// Folders that appear complete or not at all.
public enum DurableDirectory {
    /// Builds a new folder at `url`: `body` fills a temporary sibling, which is synced and then takes the final name.
    ///
    /// - Throws: ``FileError`` when something exists at `url` already, or the disk refuses; and what `body` throws. In
    ///   every case the temporary folder is removed.
    public static func create(at url: URL, _ body: (URL) throws -> Void) throws {
        // The path without a closing slash, so that its parent is the folder above.
        let target = URL(fileURLWithPath: url.path)
        var status = stat()
        guard lstat(target.path, &status) != 0 else {
            throw FileError(
                .writeFailed,
                url,
                "this exists already and is not overwritten; remove it or choose another name."
            )
        }
        let temporary = try createTemporary(beside: target) { mkdir($0, 0o777) }.url
        do {
            try body(temporary)
            for path in try FileManager.default.subpathsOfDirectory(atPath: temporary.path) {
                let file = temporary.appendingPathComponent(path)
                guard lstat(file.path, &status) == 0 else {
                    throw FileError.system("inspect", file, errno, .writeFailed)
                }
                if [S_IFREG, S_IFDIR].contains(status.st_mode & S_IFMT) { try synchronize(file) }
            }
            try synchronize(temporary)
            try publish(temporary, as: target)
        } catch {
            try? FileManager.default.removeItem(at: temporary)
            throw error
        }
    }
}
