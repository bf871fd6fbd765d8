// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// The bytes of one field, lent for the length of a call.
typealias FieldBytes = UnsafeBufferPointer<UInt8>

extension UnsafeBufferPointer<UInt8> {
    /// The bytes without spaces around them.
    var trimmed: FieldBytes {
        var range = 0..<count
        while let first = range.first, self[first] == UInt8(ascii: " ") { range.removeFirst() }
        while let last = range.last, self[last] == UInt8(ascii: " ") { range.removeLast() }
        return FieldBytes(rebasing: self[range])
    }

    /// The whole number that all of the bytes spell, or nil when they do not or it exceeds 64 bits.
    func integer() -> Int64? {
        let isNegative = first == UInt8(ascii: "-")
        let digits = isNegative ? dropFirst() : self[...]
        guard !digits.isEmpty else { return nil }
        var value: Int64 = 0
        for byte in digits {
            let digit = Int64(byte &- UInt8(ascii: "0"))
            guard digit < 10 else { return nil }
            let (tens, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflows) =
                isNegative ? tens.subtractingReportingOverflow(digit) : tens.addingReportingOverflow(digit)
            guard !overflow, !overflows else { return nil }
            value = sum
        }
        return value
    }

    /// The finite decimal number that all of the bytes spell, such as `-1.5` or `8.81e+08`, or nil.
    func decimal() -> Double? {
        if count <= 15, let integer = integer() { return Double(integer) }
        let isDecimal = allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "+"),
                UInt8(ascii: "e"), UInt8(ascii: "E"):
                true
            default: false
            }
        }
        guard isDecimal, let value = Double(String(decoding: self, as: UTF8.self)), value.isFinite else { return nil }
        return value
    }
}
