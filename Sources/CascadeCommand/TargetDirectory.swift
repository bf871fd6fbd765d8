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
        let place = try makeParents(of: path)
        do { return try body(place.target) } catch {
            place.discard()
            throw error
        }
    }

    /// As ``make(_:_:)``, for a body that waits.
    static func make<R: Sendable>(
        _ path: String,
        _ body: @Sendable (URL) async throws -> R
    ) async throws -> R {
        let place = try makeParents(of: path)
        do { return try await body(place.target) } catch {
            place.discard()
            throw error
        }
    }

    /// A path, and the folders above it that were made for it, the innermost first.
    private struct Place {
        var target: URL
        var made: [URL]

        func discard() { for folder in made { rmdir(folder.path) } }
    }

    private static func makeParents(of path: String) throws -> Place {
        try requireFree(path)
        let target = URL(filePath: path).absoluteURL.standardizedFileURL
        var place = Place(target: target, made: [])
        var folder = target.deletingLastPathComponent()
        var missing: [URL] = []
        while !FileManager.default.fileExists(atPath: folder.path), folder.path != "/" {
            missing.append(folder)
            folder.deleteLastPathComponent()
        }
        for folder in missing.reversed() {
            guard mkdir(folder.path, 0o777) == 0 else {
                let cause = String(cString: strerror(errno))
                place.discard()
                throw FileError(.writeFailed, folder, "the folder cannot be made: \(cause). Choose another path.")
            }
            place.made.insert(folder, at: 0)
        }
        return place
    }
}
