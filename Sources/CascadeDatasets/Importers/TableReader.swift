// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// The rows of a text file with one row a line, and the fields of the current row by their column number, from 0.
///
/// Reading a field costs no more than it must: numbers are read from the bytes, and texts of up to 15 bytes need no
/// memory of their own.
final class TableReader {
    let url: URL
    /// The names of the columns, for finding them and for messages.
    var columns: [String] = []
    /// Whether the spaces around fields are no part of them.
    var isTrimming = false
    /// Whether somebody has said what the columns are taken for.
    var isExamined = false
    /// Which columns a field was read of.
    var reads = ColumnReads()
    /// Whether all rows were handed out.
    private(set) var isFinished = false
    /// Fields that were no UTF-8 and were read as Latin-1, where that is allowed.
    private(set) var latin1Count = 0
    /// Lines that were passed over as comments.
    private(set) var commentCount = 0
    private let encoding: TextEncoding
    private let syntax: TableSyntax
    private var lines: LineReader
    private var splitter: FieldSplitter
    private var isRowPending = false  // whether the row that was read first is yet to be handed out

    private static let maximumJoinedSize = 1 << 20

    /// Opens a file whose columns have the given names, and which has no header.
    init(_ source: SourceText, _ syntax: TableSyntax, columns: [String]) throws {
        (url, encoding, self.syntax, self.columns) = (source.url, source.encoding, syntax, columns)
        lines = try LineReader(source)
        splitter = FieldSplitter(syntax)
    }

    /// Opens a file whose first row names the columns; without a header they are called `1`, `2` and so on, as many as
    /// the first row has.
    init(_ source: SourceText, _ syntax: TableSyntax, hasHeader: Bool = true) throws {
        (url, encoding, self.syntax) = (source.url, source.encoding, syntax)
        lines = try LineReader(source)
        splitter = FieldSplitter(syntax)
        guard try readRow() else {
            let expected = hasHeader ? "a header and one row a line" : "one row a line"
            throw DatasetError(.empty, "\(url.path): the file is empty; expected \(expected). Is it the right file?")
        }
        isRowPending = !hasHeader
        let fields = splitter.fields.indices
        columns = try hasHeader ? fields.map { try text($0) } : fields.map { String($0 + 1) }
    }

    /// The fields of the next rows, as far as they are in memory; rows with an error are passed over.
    ///
    /// The next call of ``next()`` reads the first of them.
    ///
    /// - Throws: `FileError` when the file cannot be read so far.
    func preview(_ count: Int) throws -> [[String]] {
        let preview = try lines.preview()
        let state = (lines, splitter, isRowPending, commentCount, latin1Count)
        defer {
            (lines, splitter, isRowPending, commentCount, latin1Count) = state
            isFinished = false
        }
        lines = preview
        var rows: [[String]] = []
        while rows.count < count {
            do {
                guard try next() else { break }
                rows.append(try columns.indices.map { try text($0) })
            } catch is RowError {
                continue
            }
        }
        return rows
    }

    /// Moves to the next row that is not blank; false at the end of the file.
    ///
    /// - Throws: ``RowError`` when it has another number of columns; the next call goes on with the row after it.
    func next() throws -> Bool {
        if isRowPending {
            isRowPending = false
            return true
        }
        guard try readRow() else {
            isFinished = true
            return false
        }
        guard splitter.fields.count == columns.count else {
            let found = splitter.fields.count
            let advice = found < columns.count && lines.isUnterminated ? " (the file ends here: was it cut off?)" : ""
            throw error("found \(found) columns, expected \(columns.count)\(advice)")
        }
        return true
    }

    /// The text of a field.
    func text(_ column: Int) throws -> String {
        let text = withField(column) { bytes, field in
            guard field.hasDoubledQuotes || field.hasEscapes else { return bytes.utf8Text ?? latin1(bytes) }
            return field.plain(bytes).withUnsafeBufferPointer { $0.utf8Text ?? latin1($0) }
        }
        guard let text else {
            let (place, name) = (name(column), encoding.name)
            throw RowError(
                url: url,
                line: lines.lineNumber,
                finding: "found bytes that are not \(name) in column \(place), expected \(name) text",
                advice: "say how the file is encoded with --encoding, such as latin1, cp1252 or gbk, or fix the line"
            )
        }
        return isTrimming ? text.trimmingCharacters(in: .whitespaces) : text
    }

    /// Whether a field has no text.
    func isEmpty(_ column: Int) -> Bool {
        withField(column) { bytes, _ in isTrimming ? bytes.trimmed.isEmpty : bytes.isEmpty }
    }

    /// The text of a field that names a user or an item: not empty, on one line.
    func identifier(_ column: Int) throws -> String {
        let text = try text(column)
        guard !text.allSatisfy(\.isWhitespace), !text.utf8.contains(where: \.isLineBreak) else {
            throw error(column, expected: "an id on one line")
        }
        return text
    }

    /// The number in a field, or nil when the field is empty.
    func number(_ column: Int) throws -> Float? {
        let (isEmpty, number) = withField(column) { bytes, _ in
            (isTrimming ? bytes.trimmed.isEmpty : bytes.isEmpty, bytes.trimmed.decimal())
        }
        guard number != nil || isEmpty else { throw error(column, expected: "a number") }
        guard let number else { return nil }
        let value = Float(number)
        guard value.isFinite else { throw error(column, expected: "a number from -3.4e38 to 3.4e38, as float32 holds") }
        return value
    }

    /// The time in a field.
    func time(_ column: Int, _ unit: TimeUnit) throws -> Timestamp {
        let (time, likely) = withField(column) { bytes, _ in
            let time = unit.timestamp(bytes.trimmed)
            return (time, time == nil ? TimeUnit.likely(bytes.trimmed) : nil)
        }
        guard let time else {
            let hint = likely.map { " (it reads as \($0.rawValue): see --time-unit)" } ?? ""
            throw error(column, expected: unit.expectation + hint)
        }
        return time
    }

    /// The error that a field of the current row does not hold what it should.
    func error(_ column: Int, expected: String) -> RowError {
        let value = withField(column) { bytes, _ in RowError.quoted(bytes) }
        return error("found \(value) in column \(name(column)), expected \(expected)")
    }

    /// The error that the current row is not what it should be, for reasons given in full.
    func error(_ finding: String) -> RowError { RowError(url: url, line: lines.lineNumber, finding: finding) }

    private func name(_ column: Int) -> String { "'\(column < columns.count ? columns[column] : String(column + 1))'" }

    /// The fields of the current row as bytes, lent for the length of a call; with the quotes that are doubled in them.
    struct Row {
        fileprivate let line: UnsafeBufferPointer<UInt8>
        fileprivate let fields: [FieldSplitter.Field]
        fileprivate let isTrimming: Bool

        subscript(column: Int) -> FieldBytes {
            let field = FieldBytes(rebasing: line[fields[column].range])
            return isTrimming ? field.trimmed : field
        }
    }

    /// Lends all fields at once, which costs the least for each.
    func withRow<R>(_ body: (Row) throws -> R) rethrows -> R {
        let fields = splitter.fields
        reads.addAll()
        return try lines.withBytes { try body(Row(line: $0, fields: fields, isTrimming: isTrimming)) }
    }

    private func withField<R>(_ column: Int, _ body: (FieldBytes, FieldSplitter.Field) throws -> R) rethrows -> R {
        let field = splitter.fields[column]
        reads.add(column)
        return try lines.withBytes { try body(FieldBytes(rebasing: $0[field.range]), field) }
    }

    private func latin1(_ bytes: FieldBytes) -> String? {
        guard encoding == .utf8OrLatin1 else { return nil }
        latin1Count += 1
        var text = String.UnicodeScalarView()
        text.append(contentsOf: bytes.lazy.map { Unicode.Scalar($0) })
        return String(text)
    }

    private func readRow() throws -> Bool {
        repeat {
            guard try lines.next() else { return false }
        } while lines.withBytes(isPassedOver)
        var outcome = lines.withBytes { splitter.split($0) }
        while outcome == .unclosed {
            guard lines.withBytes(\.count) < Self.maximumJoinedSize, try lines.extend() else {
                lines.retract()
                let open = syntax.escape == nil ? "a quote" : "a quote or a backslash"
                throw quoteError("found \(open) that is not closed, expected a quote at the end of the field")
            }
            outcome = lines.withBytes { splitter.resume($0) }
        }
        guard outcome == .complete else {
            throw quoteError("found text after a closing quote, expected the delimiter or the end of the line")
        }
        return true
    }

    /// Whether a line is no row: blank, a comment, or a first line that names the delimiter.
    private func isPassedOver(_ line: FieldBytes) -> Bool {
        if line.isEmpty { return true }
        if let comment = syntax.comment, line.starts(with: comment.utf8) {
            commentCount += 1
            return true
        }
        return syntax.skipsSeparatorLine && lines.lineNumber == 1 && SeparatorLine.delimiter(line) != nil
    }

    private func quoteError(_ finding: String) -> RowError {
        RowError(
            url: url,
            line: lines.lineNumber,
            finding: finding,
            advice: """
                if quotes are letters in this file pass --quote none, if backslashes stand before quotes --escape \
                backslash; else fix the line or pass --on-error skip
                """
        )
    }
}

extension FieldBytes {
    /// The text that the bytes spell in UTF-8, or nil when they are not valid UTF-8.
    fileprivate var utf8Text: String? {
        let isASCII = allSatisfy { $0 < 0x80 }  // the usual case, for which decoding cannot fail
        return isASCII ? String(decoding: self, as: UTF8.self) : String(validating: self, as: UTF8.self)
    }
}
