// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import CascadeTensorFiles
internal import Foundation

/// The text of a source file in UTF-8, from front to back: decompressed and converted on the way.
///
/// A byte order mark is passed over. What the first bytes show to be no text is refused by name.
final class SourceText {
    let url: URL
    let encoding: TextEncoding
    /// The first bytes of the text, all of it when it is short; reading gives them again.
    let head: [UInt8]
    /// Whether lines end with a carriage return alone, as the first bytes show.
    let endsLinesWithReturns: Bool

    private let file: CompressedFile
    private let converter: TextConverter?
    private var pending: ArraySlice<UInt8>  // text that is yet to be handed out
    private var isExhausted: Bool  // whether the file has nothing more

    private static let pieceSize = 1 << 16

    /// Opens a file and looks at its first bytes.
    ///
    /// - Throws: `FileError` when it is missing, unreadable, damaged, or no text.
    init(_ url: URL, encoding: TextEncoding = .utf8) throws {
        self.url = url
        self.encoding = encoding
        file = try CompressedFile(url)
        let first = try file.piece(Self.pieceSize)
        if let found = ContentSignature.find(first.prefix(4_096), isUTF16Expected: encoding.isWide) {
            throw found.error(url)
        }
        try file.checkName()
        isExhausted = first.count < Self.pieceSize
        converter = Self.converter(encoding, first)
        let text = converter?.convert(first, isLast: isExhausted) ?? first
        let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
        pending = text[(text.starts(with: mark) ? 3 : 0)...]
        head = Array(pending)
        endsLinesWithReturns = !head.contains(.lineFeed) && head.contains(.carriageReturn)
    }

    private static func converter(_ encoding: TextEncoding, _ first: [UInt8]) -> TextConverter? {
        guard case .converted(let name) = encoding else { return nil }
        // Without a mark the system takes its own order of bytes; the text tells which one it is.
        guard name == "UTF-16", let isBigEndian = ContentSignature.unmarkedUTF16(first),
            !first.starts(with: [0xFF, 0xFE]), !first.starts(with: [0xFE, 0xFF])
        else { return TextConverter(from: name) }
        return TextConverter(from: isBigEndian ? "UTF-16BE" : "UTF-16LE")
    }

    /// Fills `buffer` with text, or as much of it as there is left; 0 at the end.
    ///
    /// - Throws: `FileError` `.truncated` or `.malformed` with the position in the file, or `.unreadable`.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        if pending.isEmpty, converter == nil { return isExhausted ? 0 : try file.read(into: buffer) }
        while pending.isEmpty, !isExhausted {
            let bytes = try file.piece(Self.pieceSize)
            isExhausted = bytes.count < Self.pieceSize
            pending = (converter?.convert(bytes, isLast: isExhausted) ?? bytes)[...]
        }
        let count = min(pending.count, buffer.count)
        buffer.copyBytes(from: pending.prefix(count))
        pending.removeFirst(count)
        return count
    }
}
