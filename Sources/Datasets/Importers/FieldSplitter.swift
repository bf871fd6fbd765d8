// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// Finds the fields of a line, as ranges of its bytes, without copying them.
///
/// With quoting, a field that starts with `"` ends at the next `"`; within it the delimiter and line ends stand for
/// themselves, and `""` for one quote. A quote elsewhere in a field stands for itself.
///
/// - Source: RFC 4180, section 2.
struct FieldSplitter {
    struct Field {
        var range: Range<Int>  // bytes of the line; without the quotes around it
        var hasDoubledQuotes = false
    }

    enum Outcome {
        case complete
        /// The line ends within quotes: the next line belongs to the same row.
        case unclosed
        /// Something follows a closing quote that is not a delimiter.
        case malformed
    }

    private(set) var fields: [Field] = []
    private let delimiter: [UInt8]
    private let isQuoting: Bool
    private var quotedField = 0  // where the open quoted field starts, after its quote
    private var position = 0  // where to go on within it
    private var hasDoubledQuotes = false

    private static let quote = UInt8(ascii: "\"")

    /// - Parameters:
    ///   - delimiter: One or more bytes that stand between two fields.
    ///   - isQuoting: Whether a field may stand between quotes.
    init(delimiter: [UInt8], isQuoting: Bool) {
        precondition(!delimiter.isEmpty, "a delimiter has at least one byte")
        self.delimiter = delimiter
        self.isQuoting = isQuoting
    }

    /// Finds the fields of a line.
    mutating func split(_ line: UnsafeBufferPointer<UInt8>) -> Outcome {
        fields.removeAll(keepingCapacity: true)
        return splitFields(line, from: 0)
    }

    /// Goes on after `unclosed`, with the same line made longer.
    mutating func resume(_ line: UnsafeBufferPointer<UInt8>) -> Outcome { closeQuotes(line) }

    private mutating func splitFields(_ line: UnsafeBufferPointer<UInt8>, from first: Int) -> Outcome {
        var start = first
        let mark = delimiter[0]
        while true {
            if isQuoting, start < line.count, line[start] == Self.quote {
                (quotedField, position, hasDoubledQuotes) = (start + 1, start + 1, false)
                return closeQuotes(line)
            }
            var end = start
            while end < line.count, line[end] != mark || !isDelimiter(line, end) { end += 1 }
            fields.append(Field(range: start..<end))
            guard end < line.count else { return .complete }
            start = end + delimiter.count
        }
    }

    private mutating func closeQuotes(_ line: UnsafeBufferPointer<UInt8>) -> Outcome {
        while position < line.count {
            guard line[position] == Self.quote else {
                position += 1
                continue
            }
            if position + 1 < line.count, line[position + 1] == Self.quote {
                hasDoubledQuotes = true
                position += 2
                continue
            }
            fields.append(Field(range: quotedField..<position, hasDoubledQuotes: hasDoubledQuotes))
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
