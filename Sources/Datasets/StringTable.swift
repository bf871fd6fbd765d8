// Part of Cascade. SPDX-License-Identifier: Apache-2.0
internal import Foundation

/// Numbers distinct texts in the order of their first appearance and finds the number of a text.
///
/// Compact: the bytes of the texts, 8 bytes for each text's end and at most 16 for the hash table (open addressing,
/// at most half full).
struct StringTable: Sendable {
    private(set) var lines = TextLines()
    private var slots = [Int32](repeating: -1, count: 16)

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
        return text.withUTF8 { bytes in
            let place = slot(of: bytes)
            guard slots[place] < 0 else { return slots[place] }
            precondition(count < Int32.max, "a data set holds at most 2^31 - 1 distinct ids of one kind")
            let index = Int32(count)
            slots[place] = index
            lines.append(bytes)
            if 2 * count > slots.count { _ = rebuild(capacity: 2 * slots.count) }
            return index
        }
    }

    /// The number of `text`, or nil when it was never inserted.
    func find(_ text: String) -> Int? {
        var text = text
        let index = text.withUTF8 { slots[slot(of: $0)] }
        return index < 0 ? nil : Int(index)
    }

    /// The slot that holds these bytes, or the empty one where they belong.
    private func slot(of text: UnsafeBufferPointer<UInt8>) -> Int {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: Fingerprint.hash(UnsafeRawBufferPointer(text))) & mask
        return lines.bytes.withUnsafeBufferPointer { bytes in
            while slots[slot] >= 0 {
                let range = lines.range(Int(slots[slot]))
                if range.count == text.count, bytes.equals(text, at: range.lowerBound) { return slot }
                slot = (slot + 1) & mask
            }
            return slot
        }
    }

    /// Makes the hash table anew; false when two lines are the same.
    private mutating func rebuild(capacity: Int) -> Bool {
        slots = [Int32](repeating: -1, count: capacity)
        for index in 0..<lines.count {
            let place = lines.bytes.withUnsafeBufferPointer { bytes in
                slot(of: UnsafeBufferPointer(rebasing: bytes[lines.range(index)]))
            }
            guard slots[place] < 0 else { return false }
            slots[place] = Int32(index)
        }
        return true
    }
}

extension UnsafeBufferPointer<UInt8> {
    /// Whether `text` lies here at `position`, all of it.
    fileprivate func equals(_ text: Self, at position: Int) -> Bool {
        guard let start = baseAddress, let other = text.baseAddress else { return text.isEmpty }
        return memcmp(start + position, other, text.count) == 0
    }
}
