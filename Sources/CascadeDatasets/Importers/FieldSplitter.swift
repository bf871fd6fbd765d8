// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// Finds the fields of a line, as ranges of its bytes, without copying them.
///
/// With quoting, a field that starts with `"` ends at the next `"`; within it the delimiter and line ends stand for
/// themselves, and `""` for one quote. A quote elsewhere in a field stands for itself. With escapes the letter after a
/// backslash, a line end too, belongs to the field, within quotes and without.
///
/// - Source: RFC 4180, section 2, for quotes.
struct FieldSplitter {
    struct Field {
        var range: Range<Int>  // bytes of the line; without the quotes around it
        var hasDoubledQuotes = false
        var hasEscapes = false
    }

    enum Outcome {
        case complete
        /// The line ends within quotes or after a backslash: the next line belongs to the same row.
        case unclosed
        /// Something follows a closing quote that is not a delimiter.
        case malformed
    }

    private(set) var fields: [Field] = []
    private let delimiter: [UInt8]
    private let isQuoting: Bool
    private let isEscaping: Bool
    // The field that the line ended in:
    private var start = 0  // after its quote
    private var position = 0  // where to go on within it
    private var isQuoted = false
    private var open = Field(range: 0..<0)

    private static let quote = UInt8(ascii: "\"")
    private static let backslash = UInt8(ascii: "\\")

    init(_ syntax: TableSyntax) {
        precondition(!syntax.delimiter.isEmpty, "a delimiter has at least one byte")
        delimiter = Array(syntax.delimiter.utf8)
        (isQuoting, isEscaping) = (syntax.quote == .double, syntax.escape == .backslash)
    }

    /// Finds the fields of a line.
    mutating func split(_ line: UnsafeBufferPointer<UInt8>) -> Outcome {
        fields.removeAll(keepingCapacity: true)
        return splitFields(line, from: 0)
    }

    /// Goes on after `unclosed`, with the same line made longer.
    mutating func resume(_ line: UnsafeBufferPointer<UInt8>) -> Outcome {
        guard !isQuoted else { return closeQuotes(line) }
        guard let next = endEscapedField(line) else { return .unclosed }
        return next <= line.count ? splitFields(line, from: next) : .complete
    }

    private mutating func splitFields(_ line: UnsafeBufferPointer<UInt8>, from first: Int) -> Outcome {
        var start = first
        let mark = delimiter[0]
        while true {
            if isQuoting, start < line.count, line[start] == Self.quote {
                begin(at: start + 1, isQuoted: true)
                return closeQuotes(line)
            }
            if isEscaping {
                begin(at: start, isQuoted: false)
                guard let next = endEscapedField(line) else { return .unclosed }
                guard next <= line.count else { return .complete }
                start = next
                continue
            }
            var end = start
            while end < line.count, line[end] != mark || !isDelimiter(line, end) { end += 1 }
            fields.append(Field(range: start..<end))
            guard end < line.count else { return .complete }
            start = end + delimiter.count
        }
    }

    private mutating func begin(at place: Int, isQuoted: Bool) {
        (start, position, self.isQuoted) = (place, place, isQuoted)
        open = Field(range: 0..<0)
    }

    /// Ends the open field without quotes at the next delimiter that no backslash stands before.
    ///
    /// - Returns: Where the next field starts, which is after the line's end when there is none; nil when the line ends
    ///   with a backslash.
    private mutating func endEscapedField(_ line: UnsafeBufferPointer<UInt8>) -> Int? {
        while position < line.count, !isDelimiter(line, position) {
            guard passEscape(line) else { return nil }
        }
        open.range = start..<position
        let isNull = open.range.count == 2 && line[start] == Self.backslash && line[start + 1] == UInt8(ascii: "N")
        if isNull { open = Field(range: start..<start) }
        fields.append(open)
        return position < line.count ? position + delimiter.count : line.count + 1
    }

    /// Moves over one byte, or over a backslash and what follows it; false when the line ends with the backslash.
    private mutating func passEscape(_ line: UnsafeBufferPointer<UInt8>) -> Bool {
        guard isEscaping, line[position] == Self.backslash else {
            position += 1
            return true
        }
        guard position + 1 < line.count else { return false }
        open.hasEscapes = true
        position += 2
        return true
    }

    private mutating func closeQuotes(_ line: UnsafeBufferPointer<UInt8>) -> Outcome {
        while position < line.count {
            guard line[position] == Self.quote else {
                guard passEscape(line) else { return .unclosed }
                continue
            }
            if position + 1 < line.count, line[position + 1] == Self.quote {
                open.hasDoubledQuotes = true
                position += 2
                continue
            }
            open.range = start..<position
            fields.append(open)
            let end = position + 1
            guard end < line.count else { return .complete }
            guard isDelimiter(line, end) else { return .malformed }
            return splitFields(line, from: end + delimiter.count)
        }
        return .unclosed
    }

    @inline(__always)
    private func isDelimiter(_ line: UnsafeBufferPointer<UInt8>, _ place: Int) -> Bool {
        guard line.count - place >= delimiter.count else { return false }
        for offset in delimiter.indices where line[place + offset] != delimiter[offset] { return false }
        return true
    }
}

extension FieldSplitter.Field {
    /// What the bytes of the field stand for, without the quotes and backslashes that are there for the table's sake.
    func plain(_ bytes: FieldBytes) -> [UInt8] {
        var plain: [UInt8] = []
        plain.reserveCapacity(bytes.count)
        var position = 0
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            guard position < bytes.count else {
                plain.append(byte)
                break
            }
            if hasEscapes, byte == UInt8(ascii: "\\") {
                plain.append(Self.escaped(bytes[position]))
                position += 1
            } else {
                plain.append(byte)
                if hasDoubledQuotes, byte == UInt8(ascii: "\""), bytes[position] == byte { position += 1 }
            }
        }
        return plain
    }

    private static func escaped(_ letter: UInt8) -> UInt8 {
        switch letter {
        case UInt8(ascii: "n"): .lineFeed
        case UInt8(ascii: "r"): .carriageReturn
        case UInt8(ascii: "t"): UInt8(ascii: "\t")
        default: letter
        }
    }
}
