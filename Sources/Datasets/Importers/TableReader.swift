// Part of Cascade. SPDX-License-Identifier: Apache-2.0
internal import Foundation

/// The rows of a text file with one row a line, and the fields of the current row by their column number, from 0.
///
/// Reading a field costs no more than it must: numbers are read from the bytes, and texts of up to 15 bytes need no
/// memory of their own.
final class TableReader {
    enum Encoding {
        case utf8
        /// UTF-8 where a field is valid UTF-8, else Latin-1: old files do not say which they are.
        case utf8OrLatin1
    }

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
    private let encoding: Encoding
    private var lines: LineReader
    private var splitter: FieldSplitter
    private var isRowPending = false  // whether the row that was read first is yet to be handed out

    private static let maximumJoinedSize = 1 << 20

    /// Opens a file whose columns have the given names, and which has no header.
    init(_ url: URL, delimiter: String, columns: [String], encoding: Encoding = .utf8) throws {
        self.url = url
        self.columns = columns
        self.encoding = encoding
        lines = try LineReader(url)
        splitter = FieldSplitter(delimiter: Array(delimiter.utf8), isQuoting: false)
    }

    /// Opens a file whose first row names the columns; without a header they are called `1`, `2` and so on, as many as
    /// the first row has.
    init(_ url: URL, delimiter: String, isQuoting: Bool, hasHeader: Bool = true) throws {
        self.url = url
        encoding = .utf8
        lines = try LineReader(url)
        splitter = FieldSplitter(delimiter: Array(delimiter.utf8), isQuoting: isQuoting)
        guard try readRow() else {
            let expected = hasHeader ? "a header and one row a line" : "one row a line"
            throw DatasetError(.empty, "\(url.path): the file is empty; expected \(expected).")
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
        let state = (lines, splitter, isRowPending)
        defer {
            (lines, splitter, isRowPending) = state
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
        let (text, hasDoubledQuotes) = withField(column) { bytes, field in
            (bytes.utf8Text ?? latin1(bytes), field.hasDoubledQuotes)
        }
        guard let text else {
            throw error("found bytes that are not UTF-8 in column \(name(column)), expected UTF-8 text")
        }
        let whole = hasDoubledQuotes ? text.replacingOccurrences(of: "\"\"", with: "\"") : text
        return isTrimming ? whole.trimmingCharacters(in: .whitespaces) : whole
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
        var text = String.UnicodeScalarView()
        text.append(contentsOf: bytes.lazy.map { Unicode.Scalar($0) })
        return String(text)
    }

    private func readRow() throws -> Bool {
        repeat {
            guard try lines.next() else { return false }
        } while lines.withBytes(\.isEmpty)
        var outcome = lines.withBytes { splitter.split($0) }
        while outcome == .unclosed {
            guard lines.withBytes(\.count) < Self.maximumJoinedSize, try lines.extend() else {
                lines.retract()
                throw error("found a quote that is not closed, expected a quote at the end of the field")
            }
            outcome = lines.withBytes { splitter.resume($0) }
        }
        guard outcome == .complete else {
            throw error("found text after a closing quote, expected the delimiter or the end of the line")
        }
        return true
    }
}

extension FieldBytes {
    /// The text that the bytes spell in UTF-8, or nil when they are not valid UTF-8.
    fileprivate var utf8Text: String? {
        let isASCII = allSatisfy { $0 < 0x80 }  // the usual case, for which decoding cannot fail
        return isASCII ? String(decoding: self, as: UTF8.self) : String(validating: self, as: UTF8.self)
    }
}
