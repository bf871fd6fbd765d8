// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

@testable import CascadeDatasets

/// One way of writing a table.
private struct Writing: CustomStringConvertible {
    enum Style: CaseIterable {
        case plain
        case quoted
        case escaped
    }

    let delimiter: String
    let style: Style
    let lineEnd: String
    let encoding: String
    let isCompressed: Bool

    static let delimiters = ["comma": ",", "tab": "\t", "semicolon": ";", "|": "|", "::": "::"]
    static let encodings = ["utf-8", "utf-8 with mark", "latin1", "cp1252", "gbk", "utf-16", "utf-16be"]

    static var all: [Writing] {
        delimiters.keys.sorted().flatMap { delimiter in
            Style.allCases.flatMap { style in
                ["\n", "\r\n", "\r"].flatMap { lineEnd in
                    encodings.flatMap { encoding in
                        [false, true].map { Writing(delimiter, style, lineEnd, encoding, $0) }
                    }
                }
            }
        }
    }

    init(_ delimiter: String, _ style: Style, _ lineEnd: String, _ encoding: String, _ isCompressed: Bool) {
        (self.delimiter, self.style, self.lineEnd) = (delimiter, style, lineEnd)
        (self.encoding, self.isCompressed) = (encoding, isCompressed)
    }

    var mark: String { Self.delimiters[delimiter] ?? delimiter }
    var isUTF8: Bool { encoding.hasPrefix("utf-8") }
    var description: String { "\(delimiter) \(style) \(lineEnd.debugDescription) \(encoding) gzip: \(isCompressed)" }

    var options: ImportOptions {
        var options = ImportOptions()
        options.delimiter = delimiter
        options.quote = style == .plain ? .literal : .double
        options.escape = style == .escaped ? .backslash : nil
        options.encoding = isUTF8 ? nil : encoding
        return options
    }

    /// Pieces that texts are made of; what the table cannot hold is left out.
    var pieces: [String] {
        var pieces = ["a", "b1", " ", "é", "ü", "#", "x=y", "'"]
        if encoding == "cp1252" || isUTF8 { pieces.append("€") }
        if encoding == "gbk" || encoding.hasPrefix("utf") { pieces += ["你", "漢字"] }
        if encoding.hasPrefix("utf") { pieces.append("🙂") }
        pieces += ["\"", ";", ",", "|", "\t", ":"].filter { style != .plain || !mark.contains($0) }
        if style != .plain { pieces += [mark, lineEnd, "\"\""] }
        if style != .quoted { pieces.append("\\") }
        return pieces
    }

    func field(_ text: String, isQuoted: Bool) -> String {
        switch style {
        case .plain: return text
        case .quoted:
            let isNeeded = text.hasPrefix("\"") || text.contains { mark.contains($0) || $0.isNewline }
            return isQuoted || isNeeded ? "\"\(text.replacingOccurrences(of: "\"", with: "\"\""))\"" : text
        case .escaped:
            let specials = mark + "\"\\\r\n"
            let escaped = text.unicodeScalars.reduce(into: "") { result, letter in
                // A line end of two bytes needs one backslash, but takes two as well.
                if specials.unicodeScalars.contains(letter) { result += "\\" }
                result.unicodeScalars.append(letter)
            }
            let fixed = escaped.replacingOccurrences(of: "\\\r\\\n", with: "\\\r\n")
            return isQuoted ? "\"\(fixed)\"" : fixed
        }
    }

    func bytes(_ text: String) -> [UInt8] {
        var bytes: [UInt8] = []
        switch encoding {
        case "utf-8": bytes = Array(text.utf8)
        case "utf-8 with mark": bytes = [0xEF, 0xBB, 0xBF] + text.utf8
        case "utf-16": bytes = [0xFF, 0xFE] + text.utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }
        case "utf-16be": bytes = [0xFE, 0xFF] + text.utf16.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xFF)] }
        default: bytes = converted(text, to: encoding == "latin1" ? "ISO-8859-1" : encoding)
        }
        return isCompressed ? gzip(bytes) : bytes
    }

    private func converted(_ text: String, to name: String) -> [UInt8] {
        guard let handle = iconv_open(name, "UTF-8"), handle != iconv_t(bitPattern: -1) else { return [] }
        defer { iconv_close(handle) }
        var input = Array(text.utf8CString.dropLast())
        var output = [CChar](repeating: 0, count: input.count * 4)
        let left = input.withUnsafeMutableBufferPointer { input in
            output.withUnsafeMutableBufferPointer { output in
                var (source, target) = (input.baseAddress, output.baseAddress)
                var (sourceLeft, targetLeft) = (input.count, output.count)
                iconv(handle, &source, &sourceLeft, &target, &targetLeft)
                #expect(sourceLeft == 0, "\(name) has every letter")
                return targetLeft
            }
        }
        return output.dropLast(left).map { UInt8(bitPattern: $0) }
    }
}

@Suite("Tables written in every way")
struct ImporterRoundTripTests {
    @Test(
        "are read back equal, whatever delimiter, quoting, line end, encoding and compression",
        arguments: [1, 2] as [UInt64]
    )
    func readsBack(_ seed: UInt64) throws {
        let sources = try TemporarySources()
        var generator = SplitMix64(seed: seed)
        for writing in Writing.all {
            let pieces = writing.pieces
            let rows = (0..<4).map { row in
                ["row \(row)"]
                    + (0..<3).map { _ in
                        (0..<Int.random(in: 0...5, using: &generator))
                            .map { _ in pieces[Int.random(in: pieces.indices, using: &generator)] }.joined()
                    }
            }
            let table = [["first", "second", "third", "fourth"]] + rows
            let lines = table.map { fields in
                fields.map { writing.field($0, isQuoted: Bool.random(using: &generator)) }.joined(
                    separator: writing.mark
                )
            }
            // A backslash before the last line end of the file would wait for more.
            let hasLastEnd = writing.style == .escaped || Bool.random(using: &generator)
            let text = lines.joined(separator: writing.lineEnd) + (hasLastEnd ? writing.lineEnd : "")
            let file = try sources.file("table.csv", writing.bytes(text))
            #expect(try read(file, writing.options) == table, "\(writing): \(text.debugDescription)")
        }
    }

    private func read(_ file: URL, _ options: ImportOptions) throws -> [[String]] {
        try options.check(for: .csv)
        var session = try ImportSession(.csv, name: "table", options: options, remark: nil, progress: nil)
        let table = try session.delimitedTable(file, hasHeader: true)
        var rows = [table.columns]
        while try table.next() { rows.append(try table.columns.indices.map { try table.text($0) }) }
        return rows
    }
}
