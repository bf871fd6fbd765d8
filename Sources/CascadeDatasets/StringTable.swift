// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// Numbers distinct texts in the order of their first appearance and finds the number of a text.
///
/// Compact: the bytes of the texts, 8 bytes for each text's end and 32 to 64 for the hash table (open addressing, at
/// most half full). The table itself holds texts of up to 7 bytes, which spares a look at the text: many ids are numbers.
struct StringTable: Sendable {
    private(set) var lines = TextLines()
    private var slots = [Slot](repeating: Slot(), count: 16)
    private var latest = Slot()  // what was found last: rows of one user often lie together

    private struct Slot {
        var key: UInt64 = 0
        var index: Int32 = -1  // of the text; -1 in an empty slot
    }

    var count: Int { lines.count }

    init() {}

    /// Numbers the lines of a file; nil when two lines are the same.
    init?(_ lines: TextLines) {
        self.lines = lines
        var capacity = slots.count
        while capacity < 2 * lines.count { capacity *= 2 }
        guard rebuild(capacity: capacity) else { return nil }
    }

    subscript(index: Int) -> String { lines[index] }

    /// The number of `text`, which is a new one when the text is new.
    mutating func insert(_ text: String) -> Int32 {
        var text = text
        return text.withUTF8 { insert($0) }
    }

    /// The number of a text in UTF-8, which is a new one when the text is new.
    mutating func insert(_ text: UnsafeBufferPointer<UInt8>) -> Int32 {
        let key = Self.key(text)
        if isSame(text, key, as: latest) { return latest.index }
        let place = slot(of: text, key)
        latest = slots[place]
        guard latest.index < 0 else { return latest.index }
        precondition(count < Int32.max, "a data set holds at most 2^31 - 1 distinct ids of one kind")
        latest = Slot(key: key, index: Int32(count))
        slots[place] = latest
        lines.append(text)
        if 2 * count > slots.count { _ = rebuild(capacity: 2 * slots.count) }
        return latest.index
    }

    /// The number of `text`, or nil when it was never inserted.
    func find(_ text: String) -> Int? {
        var text = text
        let index = text.withUTF8 { slots[slot(of: $0, Self.key($0))].index }
        return index < 0 ? nil : Int(index)
    }

    /// The text and its length where it has at most 7 bytes; otherwise a hash of it.
    private static func key(_ text: UnsafeBufferPointer<UInt8>) -> UInt64 {
        guard text.count <= 7 else {
            return Fingerprint.hash(UnsafeRawBufferPointer(text)) | longMark
        }
        return text.reduce(0) { $0 << 8 | UInt64($1) } | UInt64(text.count) << 56
    }

    private static let longMark: UInt64 = 0xFF << 56

    /// The slot that holds this text, or the empty one where it belongs.
    private func slot(of text: UnsafeBufferPointer<UInt8>, _ key: UInt64) -> Int {
        let mask = slots.count - 1
        var place = Int(truncatingIfNeeded: SplitMix64.finalize(key)) & mask
        while slots[place].index >= 0, !isSame(text, key, as: slots[place]) { place = (place + 1) & mask }
        return place
    }

    /// Whether a slot holds this text.
    @inline(__always)
    private func isSame(_ text: UnsafeBufferPointer<UInt8>, _ key: UInt64, as slot: Slot) -> Bool {
        guard slot.key == key, slot.index >= 0 else { return false }
        guard key >= Self.longMark else { return true }
        let range = lines.range(Int(slot.index))
        guard range.count == text.count else { return false }
        return lines.bytes.withUnsafeBufferPointer { $0.equals(text, at: range.lowerBound) }
    }

    /// Makes the hash table anew; false when two lines are the same.
    private mutating func rebuild(capacity: Int) -> Bool {
        slots = [Slot](repeating: Slot(), count: capacity)
        return lines.bytes.withUnsafeBufferPointer { bytes in
            for index in 0..<lines.count {
                let text = UnsafeBufferPointer(rebasing: bytes[lines.range(index)])
                let key = Self.key(text)
                let place = slot(of: text, key)
                guard slots[place].index < 0 else { return false }
                slots[place] = Slot(key: key, index: Int32(index))
            }
            return true
        }
    }
}

extension UnsafeBufferPointer<UInt8> {
    /// Whether `text` lies here at `position`, all of it.
    fileprivate func equals(_ text: Self, at position: Int) -> Bool {
        guard let start = baseAddress, let other = text.baseAddress else { return text.isEmpty }
        return memcmp(start + position, other, text.count) == 0
    }
}
