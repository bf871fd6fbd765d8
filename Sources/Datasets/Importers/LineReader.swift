// Part of Cascade. SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import TensorFiles

/// The lines of a plain or gzip file, one after another, in memory that does not grow with the file.
///
/// Lines end with a line feed, with a carriage return and a line feed, or with the file. A byte order mark of UTF-8 is
/// passed over. Bytes are not decoded here.
struct LineReader {
    /// The number of the current line, from 1; of the first one when several were joined.
    private(set) var lineNumber = 1

    private let file: CompressedFile
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
    ///   - url: The file.
    ///   - bufferSize: Bytes to read at once, at least 3.
    ///   - maximumSize: The longest line, in bytes, that is taken for one.
    init(_ url: URL, bufferSize: Int = 1 << 18, maximumSize: Int = 1 << 24) throws {
        file = try CompressedFile(url)
        buffer = [UInt8](repeating: 0, count: bufferSize)
        self.maximumSize = maximumSize
        try refill()
        if buffer.starts(with: [0xEF, 0xBB, 0xBF]) { start = 3 }
        if buffer.starts(with: [0xFF, 0xFE]) || buffer.starts(with: [0xFE, 0xFF]) {
            throw FileError(.malformed, url, "the text is UTF-16; expected UTF-8. Convert it, with iconv for example.")
        }
    }

    /// The same lines as far as they fit into memory, whole ones only: reading them takes nothing from the file.
    mutating func preview() throws -> LineReader {
        while !isExhausted, filled < buffer.count { try refill() }
        var preview = self
        preview.isExhausted = true
        if !isExhausted {
            let end = buffer[start..<filled].lastIndex(of: .lineFeed).map { $0 + 1 } ?? start
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
        let end = try lineEnd(from: size)
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
        guard length > 0, buffer[start + length - 1] == .lineFeed else { return }
        length -= 1
        if length > 0, buffer[start + length - 1] == .carriageReturn { length -= 1 }
    }

    /// The end of the line that begins at `offset` from `start`, also from `start`; `offset` itself at the file's end.
    private mutating func lineEnd(from offset: Int) throws -> Int {
        var searched = offset
        while true {
            let (from, count) = (start + searched, filled - start - searched)
            let found = buffer.withUnsafeBytes { bytes -> Int? in
                guard count > 0, let base = bytes.baseAddress else { return nil }
                return memchr(base + from, Int32(UInt8.lineFeed), count).map { UnsafeRawPointer($0) - (base + from) }
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
