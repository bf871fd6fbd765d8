// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// Looks through a file for quotes that are letters and not marks around fields.
enum QuoteScan {
    private static let mark = UInt8(ascii: "\"")
    private static let maximumJoinedSize = 1 << 20

    /// The first line whose quotes do not fit around fields, or nil when all do.
    ///
    /// They do not fit when text follows a closing quote, when a quote is within a field that does not start with one,
    /// when a quote is not closed, and when a field in quotes goes over a line end and a delimiter, which is rather a
    /// pair of letters that stand far apart.
    static func misfit(_ url: URL, _ encoding: TextEncoding, _ syntax: TableSyntax) throws -> Int? {
        var lines = try LineReader(SourceText(url, encoding: encoding))
        var splitter = FieldSplitter(syntax)
        let delimiter = Array(syntax.delimiter.utf8)
        while try lines.next() {
            let isPlain = lines.withBytes { line in
                !line.contains(mark) || syntax.comment.map { line.starts(with: $0.utf8) } ?? false
            }
            if isPlain { continue }
            var outcome = lines.withBytes { splitter.split($0) }
            while outcome == .unclosed {
                guard lines.withBytes(\.count) < maximumJoinedSize, try lines.extend() else { return lines.lineNumber }
                outcome = lines.withBytes { splitter.resume($0) }
            }
            let areAround = lines.withBytes { line in
                outcome == .complete && splitter.fields.allSatisfy { fits($0, line, delimiter) }
            }
            guard areAround else { return lines.lineNumber }
        }
        return nil
    }

    private static func fits(_ field: FieldSplitter.Field, _ line: FieldBytes, _ delimiter: [UInt8]) -> Bool {
        let bytes = line[field.range]
        let isQuoted = bytes.startIndex > 0 && line[bytes.startIndex - 1] == mark
        guard !isQuoted else { return !bytes.contains(where: \.isLineBreak) || !bytes.contains(delimiter) }
        guard field.hasEscapes else { return !bytes.contains(mark) }
        var isEscaped = false  // by the byte before
        for byte in bytes {
            if byte == mark, !isEscaped { return false }
            isEscaped = byte == UInt8(ascii: "\\") && !isEscaped
        }
        return true
    }
}
