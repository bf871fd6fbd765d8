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

    /// The decimal number that all of the bytes spell, to its last digit, such as `-1.5` or `8.81e+08`; or nil.
    func exactDecimal() -> ExactDecimal? {
        var (number, position, digits, isFraction) = (ExactDecimal(), 0, 0, false)
        if first == UInt8(ascii: "-") || first == UInt8(ascii: "+") {
            number.isNegative = first == UInt8(ascii: "-")
            position = 1
        }
        while position < count {
            let byte = self[position]
            if byte &- UInt8(ascii: "0") < 10 {
                number.append(UInt64(byte - UInt8(ascii: "0")), isFraction: isFraction)
                digits += 1
            } else if byte == UInt8(ascii: "."), !isFraction {
                isFraction = true
            } else {
                break
            }
            position += 1
        }
        guard digits > 0 else { return nil }
        guard position < count else { return number }
        guard self[position] | 0x20 == UInt8(ascii: "e") else { return nil }
        position += 1
        if position + 1 < count, self[position] == UInt8(ascii: "+") { position += 1 }
        let exponent = FieldBytes(rebasing: self[position...]).integer()
        guard let exponent, (-400...400).contains(exponent) else { return nil }
        number.exponent += Int(exponent)
        return number
    }
}

/// A decimal number: its first 19 digits, times ten to the power of the exponent.
struct ExactDecimal {
    var isNegative = false
    private(set) var mantissa: UInt64 = 0
    var exponent = 0
    /// Whether digits other than 0 follow that the mantissa has no room for.
    private(set) var isCut = false

    fileprivate mutating func append(_ digit: UInt64, isFraction: Bool) {
        if mantissa < 1_000_000_000_000_000_000 {
            mantissa = mantissa * 10 + digit
            if isFraction { exponent -= 1 }
        } else {
            isCut = isCut || digit > 0
            if !isFraction { exponent += 1 }
        }
    }
}
