// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeTensorFiles
internal import Foundation

/// How the bytes of a source spell its text.
enum TextEncoding: Equatable {
    case utf8
    /// UTF-8 where a field is valid UTF-8, else Latin-1: old files do not say which they are.
    case utf8OrLatin1
    /// Converted while it is read, by the system's iconv, which knows the encoding by that name.
    case converted(String)

    /// Names that people use, and those that iconv has for them.
    private static let aliases = [
        "latin1": "ISO-8859-1", "latin-1": "ISO-8859-1", "cp1252": "CP1252", "windows-1252": "CP1252", "ansi": "CP1252",
        "gbk": "GBK", "gb18030": "GB18030", "big5": "BIG5", "shift-jis": "SHIFT_JIS", "sjis": "SHIFT_JIS",
        "euc-jp": "EUC-JP", "euc-kr": "EUC-KR", "cp1251": "CP1251", "koi8-r": "KOI8-R", "utf-16": "UTF-16",
        "utf16": "UTF-16", "utf-16le": "UTF-16LE", "utf-16be": "UTF-16BE", "utf-32": "UTF-32",
    ]

    /// The encoding of that name, UTF-8 without one.
    ///
    /// - Throws: ``DatasetError`` `.badOption` when the system does not know it.
    init(named name: String?) throws {
        let wanted = (name ?? "utf-8").lowercased()
        guard wanted != "utf-8", wanted != "utf8" else {
            self = .utf8
            return
        }
        let known = Self.aliases[wanted] ?? wanted.uppercased()
        let isName =
            !known.isEmpty && known.utf8.allSatisfy { ($0 | 0x20).isLetter || $0.isDigit || "-_.:".utf8.contains($0) }
        guard isName, TextConverter(from: known) != nil else {
            let common = ["utf-8", "latin1", "cp1252", "gbk", "utf-16"]
            throw DatasetError(
                .badOption,
                """
                --encoding: the system's iconv knows no '\(wanted.prefix(40))'.\(didYouMean(wanted, Self.aliases.keys.sorted())) \
                Expected a name that iconv --list shows, such as \(common.joined(separator: ", ")).
                """
            )
        }
        self = .converted(known)
    }

    /// The name for messages.
    var name: String {
        switch self {
        case .utf8, .utf8OrLatin1: "UTF-8"
        case .converted(let name): name
        }
    }

    /// Whether a letter of it has two bytes or four at least, so that most texts have zero bytes.
    var isWide: Bool { name.hasPrefix("UTF-16") || name.hasPrefix("UTF-32") || name.hasPrefix("UCS") }
}

extension UInt8 {
    fileprivate var isLetter: Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self) }
    fileprivate var isDigit: Bool { self &- UInt8(ascii: "0") < 10 }
}

/// Turns text of another encoding into UTF-8, piece by piece.
///
/// A byte that means nothing in the encoding becomes FF, which occurs in no UTF-8: whoever reads the field finds it.
final class TextConverter {
    private let handle: iconv_t
    private let unitSize: Int  // bytes to pass over where one means nothing
    private var rest: [UInt8] = []  // of the last piece: a letter that is not complete

    private static let badByte: UInt8 = 0xFF

    /// A converter, or nil when the system does not know the encoding.
    init?(from name: String) {
        guard let handle = iconv_open("UTF-8", name), handle != iconv_t(bitPattern: -1) else { return nil }
        self.handle = handle
        unitSize = name.hasPrefix("UTF-16") || name.hasPrefix("UCS-2") ? 2 : name.hasPrefix("UTF-32") ? 4 : 1
    }

    deinit { iconv_close(handle) }

    /// The text of the next bytes of the source in UTF-8; all of it when they are the last.
    func convert(_ bytes: some Collection<UInt8>, isLast: Bool) -> [UInt8] {
        var input = rest + bytes
        var output = [UInt8](repeating: 0, count: input.count * 4 + 16)  // no letter grows by more
        var (consumed, produced) = (0, 0)
        input.withUnsafeMutableBytes { input in
            output.withUnsafeMutableBytes { output in
                while consumed < input.count {
                    let code = step(input, &consumed, output, &produced)
                    guard code != 0, code != EINVAL || isLast else { break }  // a letter goes on in the next piece
                    output[produced] = Self.badByte
                    produced += 1
                    consumed = min(consumed + unitSize, input.count)
                }
                if isLast { flush(output, &produced) }
            }
        }
        rest = Array(input[consumed...])
        return Array(output[..<produced])
    }

    /// Converts up to the first byte that means nothing; the code of the system, 0 when there was none.
    private func step(
        _ input: UnsafeMutableRawBufferPointer,
        _ consumed: inout Int,
        _ output: UnsafeMutableRawBufferPointer,
        _ produced: inout Int
    ) -> Int32 {
        var source = input.baseAddress.map { ($0 + consumed).assumingMemoryBound(to: CChar.self) }
        var target = output.baseAddress.map { ($0 + produced).assumingMemoryBound(to: CChar.self) }
        var (sourceLeft, targetLeft) = (input.count - consumed, output.count - produced - 1)
        let result = iconv(handle, &source, &sourceLeft, &target, &targetLeft)
        let code = result == -1 ? errno : 0
        consumed = input.count - sourceLeft
        produced = output.count - 1 - targetLeft
        return code
    }

    /// Writes what the system has kept back, as it does for encodings whose letters combine.
    private func flush(_ output: UnsafeMutableRawBufferPointer, _ produced: inout Int) {
        var target = output.baseAddress.map { ($0 + produced).assumingMemoryBound(to: CChar.self) }
        var targetLeft = output.count - produced
        _ = iconv(handle, nil, nil, &target, &targetLeft)
        produced = output.count - targetLeft
    }
}
