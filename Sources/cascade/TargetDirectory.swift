// Part of Cascade. SPDX-License-Identifier: Apache-2.0
import Foundation
import TensorFiles

/// A directory that a command makes.
enum TargetDirectory {
    /// Makes the missing folders above a path, then runs the body, which makes the directory itself.
    ///
    /// - Throws: ``FileError`` when a folder cannot be made, and what `body` throws; the new folders are gone then.
    static func make<R>(_ path: String, _ body: (URL) throws -> R) throws -> R {
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
