// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// Ids of a source that are probably not what somebody meant: they are counted and kept as they are.
struct OddIdentifiers {
    /// The ids that have one oddity: how many, and the first.
    struct Finding {
        private(set) var count = 0
        private(set) var example = ""

        fileprivate mutating func add(_ example: @autoclosure () -> String) {
            if count == 0 { self.example = example() }
            count += 1
        }
    }

    /// Spaces before or after.
    private(set) var padded = Finding()
    /// `1.0` where there is also `1`.
    private(set) var decimal = Finding()
    /// Words that stand for nothing, such as `NULL` and `nan`.
    private(set) var missing = Finding()
    /// Control characters.
    private(set) var control = Finding()
    /// The same as another but for upper and lower case or the Unicode form.
    private(set) var twins = Finding()
    /// The numbers of the words that stand for nothing.
    private(set) var missingNumbers: [Int] = []
    /// The longest id, in bytes.
    private(set) var longest = 0

    private static let missingWords: Set<ByteString> = [
        "null", "nan", "na", "n/a", "none", "nil", "undefined", "\\n", "<na>", "#n/a",
    ]

    init(_ ids: StringTable) {
        var folded: [(hash: UInt64, index: Int)] = []
        ids.lines.bytes.withUnsafeBufferPointer { bytes in
            for index in 0..<ids.count {
                let id = FieldBytes(rebasing: bytes[ids.lines.range(index)])
                longest = max(longest, id.count)
                guard !id.isPlainNumber else { continue }
                examine(id, index, in: ids)
                folded.append((Self.foldedHash(id), index))
            }
        }
        folded.sort { ($0.hash, $0.index) < ($1.hash, $1.index) }
        for (one, next) in zip(folded, folded.dropFirst()) where one.hash == next.hash {
            twins.add("\(RowError.quoted(ids[one.index])) and \(RowError.quoted(ids[next.index]))")
        }
    }

    private mutating func examine(_ id: FieldBytes, _ index: Int, in ids: StringTable) {
        let text = String(decoding: id, as: UTF8.self)
        if let first = text.first, let last = text.last, first.isWhitespace || last.isWhitespace {
            padded.add(RowError.quoted(id))
        }
        if id.count > 2, id[id.count - 1] == UInt8(ascii: "0"), id[id.count - 2] == UInt8(ascii: ".") {
            let whole = FieldBytes(rebasing: id[..<(id.count - 2)])
            if whole.isPlainNumber, ids.find(String(decoding: whole, as: UTF8.self)) != nil {
                decimal.add("\(RowError.quoted(id)) and \(RowError.quoted(whole))")
            }
        }
        if id.count <= 12, Self.missingWords.contains(ByteString(ColumnName.trimmed(text).lowercased())) {
            missing.add(RowError.quoted(id))
            missingNumbers.append(index)
        }
        if id.contains(where: { $0 < 0x20 || $0 == 0x7F }) { control.add(RowError.quoted(id)) }
    }

    /// A hash of the id in lower case and in the composed Unicode form.
    private static func foldedHash(_ id: FieldBytes) -> UInt64 {
        var text = String(decoding: id, as: UTF8.self).lowercased()
        if !id.allSatisfy({ $0 < 0x80 }) { text = text.precomposedStringWithCanonicalMapping }
        return text.withUTF8 { Fingerprint.hash(UnsafeRawBufferPointer($0)) }
    }
}

extension FieldBytes {
    /// Whether there are bytes, and all are digits: most ids, which have nothing odd about them.
    fileprivate var isPlainNumber: Bool { !isEmpty && allSatisfy { $0 &- UInt8(ascii: "0") < 10 } }
}

/// What a service does with ids unless its configuration says otherwise.
public enum IdentifierLimits {
    /// The longest id that a service takes, in bytes: the default of `server.limits.id_bytes`.
    public static let usual = 200
    /// The highest value of `server.limits.id_bytes`.
    public static let highest = 1_024
}
