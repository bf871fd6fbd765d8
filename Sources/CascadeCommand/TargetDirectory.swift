// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeTensorFiles
import Foundation

/// A directory that a command makes.
enum TargetDirectory {
    /// Refuses a path where something is, before any work is done for it.
    ///
    /// - Throws: ``DatasetError`` `.alreadyExists`.
    static func requireFree(_ path: String) throws {
        guard !FileManager.default.fileExists(atPath: path) else {
            throw DatasetError(
                .alreadyExists,
                "\(path): something exists there and is not overwritten. Remove it or choose another path."
            )
        }
    }

    /// Makes the missing folders above a path, then runs the body, which makes the directory itself.
    ///
    /// - Throws: ``DatasetError`` `.alreadyExists`, ``FileError`` when a folder cannot be made, and what `body` throws; the new
    ///   folders are gone then.
    static func make<R>(_ path: String, _ body: (URL) throws -> R) throws -> R {
        try requireFree(path)
        let target = URL(filePath: path).absoluteURL.standardizedFileURL
        let files = FileManager.default
        var missing: [URL] = []  // the innermost first
        var folder = target.deletingLastPathComponent()
        while !files.fileExists(atPath: folder.path), folder.path != "/" {
            missing.append(folder)
            folder.deleteLastPathComponent()
        }
        do {
            for folder in missing.reversed() where mkdir(folder.path, 0o777) != 0 {
                let cause = String(cString: strerror(errno))
                throw FileError(.writeFailed, folder, "the folder cannot be made: \(cause). Choose another path.")
            }
            return try body(target)
        } catch {
            for folder in missing { rmdir(folder.path) }
            throw error
        }
    }
}
