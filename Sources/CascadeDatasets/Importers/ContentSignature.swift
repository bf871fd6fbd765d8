// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import CascadeTensorFiles
internal import Foundation

/// What a file is when it is not text with one row a line, told by its first bytes.
struct ContentSignature: Equatable {
    /// What the file is, as in "found a zip archive".
    let name: String
    /// How to make a table of it, as an order.
    let advice: String

    /// The error that a file is this and not a table.
    func error(_ url: URL) -> FileError {
        FileError(.malformed, url, "found \(name), expected text with one row a line. \(advice)")
    }

    /// What the first bytes of a file say, or nil when they may be text.
    ///
    /// - Parameters:
    ///   - head: The first bytes; some of the formats need the first 300.
    ///   - isUTF16Expected: Whether text in UTF-16 or UTF-32 is what the file should be.
    static func find(_ head: some RandomAccessCollection<UInt8>, isUTF16Expected: Bool = false) -> ContentSignature? {
        let head = Array(head)
        for known in binary where head.starts(with: known.bytes) && (!known.isReadable || hasControls(head)) {
            return known.name == zip.name ? archive(head) : ContentSignature(name: known.name, advice: known.advice)
        }
        if head.count > 262, head[257..<262].elementsEqual("ustar".utf8) {
            return ContentSignature(name: "a tar archive", advice: "Unpack it, with tar -xf for example.")
        }
        if !isUTF16Expected, let text = wideText(head) { return text }
        return text(head)
    }

    private struct Known {
        let bytes: [UInt8]
        let name: String
        let advice: String

        init(_ bytes: [UInt8], _ name: String, _ advice: String) {
            self.bytes = bytes
            self.name = name
            self.advice = advice
        }

        init(_ text: String, _ name: String, _ advice: String) { self.init(Array(text.utf8), name, advice) }

        /// Whether a header could start with these bytes.
        var isReadable: Bool { bytes.allSatisfy { (0x20..<0x7F).contains($0) } }
    }

    /// Whether there are bytes that occur in no text.
    private static func hasControls(_ head: [UInt8]) -> Bool {
        head.contains { $0 < 0x09 || (0x0E..<0x1B).contains($0) }
    }

    private static let zip = ContentSignature(
        name: "a zip archive",
        advice: "Unpack it, with unzip for example, and import the table in it."
    )
    private static let toCSV = "Write it as CSV, for example with pandas: to_csv(index=False)."
    private static let binary: [Known] = [
        Known([0x50, 0x4B, 0x03, 0x04], zip.name, zip.advice),
        Known([0x50, 0x4B, 0x05, 0x06], zip.name, zip.advice),
        Known([0x1F, 0x8B], "a file compressed twice with gzip", "Unpack it once, with gzip -d."),
        Known([0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00], "a file compressed with xz", "Unpack it, with xz -d for example."),
        Known([0x28, 0xB5, 0x2F, 0xFD], "a file compressed with zstd", "Unpack it, with zstd -d for example."),
        Known("BZh", "a file compressed with bzip2", "Unpack it, with bzip2 -d for example."),
        Known([0x04, 0x22, 0x4D, 0x18], "a file compressed with lz4", "Unpack it, with lz4 -d for example."),
        Known([0x1F, 0x9D], "a file compressed with compress", "Unpack it, with gzip -d for example."),
        Known([0x37, 0x7A, 0xBC, 0xAF, 0x27, 0x1C], "a 7z archive", "Unpack it, with 7z x for example."),
        Known([0x52, 0x61, 0x72, 0x21, 0x1A, 0x07], "a RAR archive", "Unpack it, with unrar x for example."),
        Known("PAR1", "a Parquet file", toCSV),
        Known("ARROW1", "an Arrow file", toCSV),
        Known([0xFF, 0xFF, 0xFF, 0xFF], "an Arrow stream or other binary data", toCSV),
        Known("FEA1", "a Feather file", toCSV),
        Known("ORC", "an ORC file", toCSV),
        Known("Obj\u{01}", "an Avro file", toCSV),
        Known([0x89, 0x48, 0x44, 0x46], "an HDF5 file", toCSV),
        Known([0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59], "a NumPy array", "Write it as CSV: numpy.savetxt."),
        Known("SQLite format 3\0", "an SQLite database", "Write a table of it as CSV: sqlite3 -header -csv."),
        Known([0xD0, 0xCF, 0x11, 0xE0], "an old Excel workbook (xls)", "Save the sheet as CSV (UTF-8)."),
        Known("%PDF", "a PDF file", "Import the table that it was made of."),
    ]

    /// What kind of zip archive it is: workbooks are zip archives.
    private static func archive(_ head: [UInt8]) -> ContentSignature {
        let text = String(decoding: head.prefix(4_096), as: UTF8.self)
        if text.contains("[Content_Types].xml") || text.contains("xl/") {
            return ContentSignature(name: "an Excel workbook (xlsx)", advice: "Save the sheet as CSV (UTF-8).")
        }
        if text.contains("opendocument.spreadsheet") {
            return ContentSignature(name: "a spreadsheet (ods)", advice: "Save the sheet as CSV (UTF-8).")
        }
        return zip
    }

    /// Whether the text is UTF-16 or UTF-32: with a mark, or with a zero byte beside nearly every letter.
    private static func wideText(_ head: [UInt8]) -> ContentSignature? {
        func signature(_ name: String) -> ContentSignature {
            ContentSignature(
                name: "text in \(name.uppercased())",
                advice: "Pass --encoding \(name), or convert it to UTF-8 with iconv."
            )
        }
        if head.starts(with: [0xFF, 0xFE, 0, 0]) || head.starts(with: [0, 0, 0xFE, 0xFF]) {
            return signature("utf-32")
        }
        if head.starts(with: [0xFF, 0xFE]) || head.starts(with: [0xFE, 0xFF]) { return signature("utf-16") }
        guard let isBigEndian = unmarkedUTF16(head) else { return nil }
        return signature(isBigEndian ? "utf-16be" : "utf-16le")
    }

    /// Whether text in UTF-16 without a mark is big-endian; nil when it is not such text.
    static func unmarkedUTF16(_ head: [UInt8]) -> Bool? {
        let sample = head.prefix(512)
        guard sample.count >= 4 else { return nil }
        let even = stride(from: 0, to: sample.count, by: 2).count { sample[$0] == 0 }
        let odd = stride(from: 1, to: sample.count, by: 2).count { sample[$0] == 0 }
        guard max(even, odd) * 4 > sample.count, min(even, odd) * 16 < sample.count else { return nil }
        return even > odd
    }

    /// Text that is no table.
    private static func text(_ head: [UInt8]) -> ContentSignature? {
        let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
        let content = head.dropFirst(head.starts(with: mark) ? 3 : 0).drop { $0 == UInt8(ascii: " ") || $0.isLineBreak }
        let start = String(decoding: content.prefix(64), as: UTF8.self).lowercased()
        if start.hasPrefix("<!doctype") || start.hasPrefix("<html") || start.hasPrefix("<?xml") {
            return ContentSignature(
                name: start.hasPrefix("<?xml") ? "an XML document" : "an HTML page",
                advice: "Did the download answer with a page instead of the file? Fetch the table itself."
            )
        }
        if start.hasPrefix("version https://git-lfs") {
            return ContentSignature(name: "a pointer of Git LFS", advice: "Fetch the file itself, with git lfs pull.")
        }
        let marks = String(start.filter { !$0.isWhitespace }.prefix(2))
        guard ["{\"", "{}", "[{", "[["].contains(marks) else { return nil }
        return ContentSignature(
            name: marks.hasPrefix("{") ? "JSON lines" : "JSON",
            advice:
                "Write it as CSV, for example: jq -r '[.user_id, .item_id, .timestamp] | @csv', and import that with --no-header."
        )
    }
}
