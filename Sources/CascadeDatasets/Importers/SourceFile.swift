// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import Foundation

extension URL {
    /// This file, or the first of those names that this folder holds; each name also with `.gz`.
    ///
    /// - Throws: ``DatasetError`` `.notFound`.
    func sourceFile(named names: [String]) throws -> URL {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw DatasetError(.notFound, "\(path): there is no such file or folder. Check the path.")
        }
        guard isFolder.boolValue else { return self }
        let files = names.flatMap { [$0, "\($0).gz"] }.map { appendingPathComponent($0) }
        guard let file = files.first(where: { FileManager.default.fileExists(atPath: $0.path) }) else {
            throw DatasetError(
                .notFound,
                """
                \(path): found none of \(names.joined(separator: ", ")) in the folder, nor with .gz. Give the path of \
                the file itself.
                """
            )
        }
        return file
    }
}
