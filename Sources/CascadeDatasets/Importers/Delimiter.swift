// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeTensorFiles
internal import Foundation

/// What stands between two fields of a table.
struct Delimiter {
    /// The letters.
    let text: String

    /// Delimiters by the names that an option gives them.
    private static let names = ["tab": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "space": " ", "\\t": "\t"]
    /// Those that are looked for in a header, the likeliest first.
    private static let usual = ["tab", "semicolon", "comma", "pipe"]

    /// The delimiter of a name, or the letters themselves.
    ///
    /// - Throws: ``DatasetError`` `.badOption` for what can stand between no fields.
    init(named name: String) throws {
        let text = Self.names[name.lowercased()] ?? name
        let isWord = text.count > 1 && text.allSatisfy(\.isLetter)
        guard !text.isEmpty, !isWord, !text.contains(where: { $0 == "\"" || $0 == "\\" || $0.isNewline }) else {
            throw DatasetError(
                .badOption,
                """
                --delimiter: '\(name.prefix(40))' is \(text.isEmpty ? "empty" : "no delimiter").\
                \(didYouMean(name, Self.usual)) Expected \(Self.usual.joined(separator: ", ")), or another mark itself.
                """
            )
        }
        self.text = text
    }

    /// Refuses a header that the delimiter leaves whole and another one parts.
    static func checkHeader(_ line: [UInt8], _ delimiter: String, _ url: URL) throws {
        let header = String(decoding: line, as: UTF8.self)
        guard !header.contains(delimiter) else { return }
        for name in usual {
            guard let other = names[name], header.contains(other) else { continue }
            let count = header.components(separatedBy: other).count
            throw DatasetError(
                .badOption,
                """
                \(url.path): found one column in the header, \(line.withUnsafeBufferPointer { RowError.quoted($0) }), \
                expected several with \(self.name(of: delimiter)) between. Pass --delimiter \(name), which makes \(count) columns.
                """
            )
        }
    }

    private static func name(of delimiter: String) -> String {
        usual.first { names[$0] == delimiter }.map { "a \($0)" } ?? "'\(delimiter)'"
    }
}

/// A first line that names the delimiter, such as `sep=;`, which Excel writes and reads.
enum SeparatorLine {
    /// The delimiter that a line names, or nil when it is another line.
    static func delimiter(_ line: FieldBytes) -> String? {
        guard line.count > 4, String(decoding: line[..<4], as: UTF8.self).lowercased() == "sep=" else { return nil }
        // A program that takes the line for a row may have filled it up with delimiters.
        guard let letter = String(validating: line[4...], as: UTF8.self).map(Set.init), letter.count == 1 else {
            return nil
        }
        return letter.first.map { String($0) }
    }
}
