// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import CascadeTensorFiles
internal import Foundation

/// The lines of a source's text, one after another, in memory that does not grow with the file.
///
/// Lines end with a line feed, with a carriage return and a line feed, or with the file; with a carriage return alone in
/// a file whose first bytes have no line feed. Bytes are not decoded here.
struct LineReader {
    /// The number of the current line, from 1; of the first one when several were joined.
    private(set) var lineNumber = 1

    private let file: SourceText
    private let lineEnd: UInt8
    private var buffer: [UInt8]
    private var filled = 0  // bytes of the buffer that hold text
    private var isExhausted = false
    private var start = 0  // where the current line starts
    private var size = 0  // its bytes, line end included
    private var length = 0  // its bytes, line end left out
    private var lineCount = 0  // how many lines of the file it spans
    private var firstSize = 0  // bytes of the first of them, line end included

    private let maximumSize: Int

    /// - Parameters:
    ///   - text: The text of the file, from its beginning.
    ///   - bufferSize: Bytes to read at once, at least 3.
    ///   - maximumSize: The longest line, in bytes, that is taken for one.
    init(_ text: SourceText, bufferSize: Int = 1 << 18, maximumSize: Int = 1 << 24) throws {
        file = text
        lineEnd = text.endsLinesWithReturns ? .carriageReturn : .lineFeed
        buffer = [UInt8](repeating: 0, count: bufferSize)
        self.maximumSize = maximumSize
        try refill()
    }

    /// The same lines as far as they fit into memory, whole ones only: reading them takes nothing from the file.
    mutating func preview() throws -> LineReader {
        while !isExhausted, filled < buffer.count { try refill() }
        var preview = self
        preview.isExhausted = true
        if !isExhausted {
            let end = buffer[start..<filled].lastIndex(of: lineEnd).map { $0 + 1 } ?? start
            preview.filled = max(end, start + size)
        }
        return preview
    }

    /// Whether the file ends within the current line, without a line end.
    var isUnterminated: Bool { length == size }

    /// Moves to the next line; false at the end of the file.
    mutating func next() throws -> Bool {
        lineNumber += lineCount
        start += size
        (size, length, lineCount) = (0, 0, 0)
        guard try extend() else { return false }
        firstSize = size
        return true
    }

    /// Joins the following line to the current one, line end between them included; false at the end of the file.
    mutating func extend() throws -> Bool {
        let end = try findLineEnd(from: size)
        guard end > size else { return false }
        size = end
        lineCount += 1
        trim()
        return true
    }

    /// Undoes every ``extend()`` since ``next()``.
    mutating func retract() {
        size = firstSize
        lineCount = 1
        trim()
    }

    /// Lends the bytes of the current line, without its line end.
    func withBytes<R>(_ body: (UnsafeBufferPointer<UInt8>) throws -> R) rethrows -> R {
        try buffer.withUnsafeBufferPointer { try body(UnsafeBufferPointer(rebasing: $0[start..<start + length])) }
    }

    private mutating func trim() {
        length = size
        guard length > 0, buffer[start + length - 1] == lineEnd else { return }
        length -= 1
        if lineEnd == .lineFeed, length > 0, buffer[start + length - 1] == .carriageReturn { length -= 1 }
    }

    /// The end of the line that begins at `offset` from `start`, also from `start`; `offset` itself at the file's end.
    private mutating func findLineEnd(from offset: Int) throws -> Int {
        var searched = offset
        while true {
            let (from, count) = (start + searched, filled - start - searched)
            let found = buffer.withUnsafeBytes { bytes -> Int? in
                guard count > 0, let base = bytes.baseAddress else { return nil }
                return memchr(base + from, Int32(lineEnd), count).map { UnsafeRawPointer($0) - (base + from) }
            }
            if let found { return searched + found + 1 }
            searched += count
            guard !isExhausted else { return searched }
            guard searched < maximumSize else {
                throw FileError(
                    .malformed,
                    file.url,
                    "line \(lineNumber) is longer than \(maximumSize) bytes; is this a text file with one row a line?"
                )
            }
            try refill()
        }
    }

    /// Moves the current line to the front of the buffer and fills the rest from the file.
    private mutating func refill() throws {
        let (file, kept) = (file, start..<filled)
        if kept.count == buffer.count { buffer.append(contentsOf: repeatElement(0, count: buffer.count)) }
        let count = try buffer.withUnsafeMutableBytes { bytes in
            bytes.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[kept]))
            return try file.read(into: UnsafeMutableRawBufferPointer(rebasing: bytes[kept.count...]))
        }
        start = 0
        filled = kept.count + count
        isExhausted = count == 0
    }
}
