// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import Foundation

extension TableReader {
    /// Where the columns with these names are.
    ///
    /// - Throws: ``DatasetError`` `.badRow`, which names those that are missing.
    func places(of names: [String], in source: String) throws -> [Int] {
        let missing = names.filter { !columns.contains($0) }
        guard missing.isEmpty else {
            throw DatasetError(
                .badRow,
                """
                \(url.path):1: found the columns \(columns.joined(separator: ", ").prefix(300)), expected also \
                \(missing.joined(separator: ", ")). Is this \(source)?
                """
            )
        }
        return names.compactMap { columns.firstIndex(of: $0) }
    }
}
