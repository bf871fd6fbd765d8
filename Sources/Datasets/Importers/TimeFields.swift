// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// How a file writes times.
public enum TimeUnit: String, Sendable, Codable, CaseIterable {
    /// Seconds since 1970-01-01 UTC; a fraction is cut off.
    case seconds
    /// Milliseconds since 1970-01-01 UTC; a fraction of a second is cut off.
    case milliseconds
    /// A date such as `2014-04-07`, or a date and time such as `2014-04-07T10:51:09.277Z`; UTC unless an offset such
    /// as `+02:00` says otherwise; a fraction of a second is cut off.
    case iso8601
    /// Whole days since 1970-01-01 UTC; the time is the day's first second.
    case days

    /// What a field of this unit should hold, for messages.
    var expectation: String {
        switch self {
        case .seconds: "a whole number of seconds"
        case .milliseconds: "a whole number of milliseconds"
        case .iso8601: "a date such as 2014-04-07 or 2014-04-07T10:51:09Z"
        case .days: "a whole number of days"
        }
    }

    /// The seconds since 1970-01-01 UTC that a field spells, or nil; the years 0001 to 9999 only.
    func seconds(_ field: FieldBytes) -> Int64? {
        let seconds: Int64?
        switch self {
        case .seconds: seconds = number(field, per: 1)
        case .milliseconds: seconds = number(field, per: 1000)
        case .iso8601: seconds = calendarTime(field)
        case .days: seconds = field.integer().flatMap { abs($0) < 4_000_000 ? $0 * 86_400 : nil }
        }
        guard let seconds, (-62_135_596_800...253_402_300_799).contains(seconds) else { return nil }
        return seconds
    }

    private func number(_ field: FieldBytes, per divisor: Int64) -> Int64? {
        if let whole = field.integer() { return floorDivision(whole, divisor) }
        return field.decimal().flatMap { Int64(exactly: ($0 / Double(divisor)).rounded(.down)) }
    }

    private func calendarTime(_ field: FieldBytes) -> Int64? {
        var scanner = DigitScanner(field)
        guard let year = scanner.number(4), scanner.skip("-"), let month = scanner.number(2), scanner.skip("-"),
            let day = scanner.number(2), (1...12).contains(month), (1...daysIn(month, of: year)).contains(day)
        else { return nil }
        let days = daysSince1970(year: year, month: month, day: day)
        guard !scanner.isAtEnd else { return days * 86_400 }
        guard scanner.skip("T") || scanner.skip("t") || scanner.skip(" "), let hour = scanner.number(2), hour < 24,
            scanner.skip(":"), let minute = scanner.number(2), minute < 60
        else { return nil }
        var second: Int64 = 0
        if scanner.skip(":") {
            guard let given = scanner.number(2), given <= 60 else { return nil }  // 60: a leap second
            second = given
            if scanner.skip(".") || scanner.skip(",") {
                guard scanner.number(1) != nil else { return nil }
                while scanner.number(1) != nil {}
            }
        }
        guard let offset = zoneOffset(&scanner), scanner.isAtEnd else { return nil }
        return days * 86_400 + hour * 3_600 + minute * 60 + second - offset
    }

    /// The seconds by which the zone's clock is ahead of UTC.
    private func zoneOffset(_ scanner: inout DigitScanner) -> Int64? {
        if scanner.isAtEnd || scanner.skip("Z") || scanner.skip("z") { return 0 }
        let sign: Int64 = scanner.skip("+") ? 1 : -1
        guard sign == 1 || scanner.skip("-"), let hours = scanner.number(2), hours < 24 else { return nil }
        guard !scanner.isAtEnd else { return sign * hours * 3_600 }
        _ = scanner.skip(":")
        guard let minutes = scanner.number(2), minutes < 60 else { return nil }
        return sign * (hours * 3_600 + minutes * 60)
    }
}

/// Reads digits and marks from the front of a field.
private struct DigitScanner {
    private let bytes: FieldBytes
    private var position = 0

    init(_ bytes: FieldBytes) { self.bytes = bytes }

    var isAtEnd: Bool { position == bytes.count }

    /// Passes over a number of exactly `count` digits, or stays where it is.
    mutating func number(_ count: Int) -> Int64? {
        guard bytes.count - position >= count else { return nil }
        var value: Int64 = 0
        for byte in bytes[position..<position + count] {
            let digit = byte &- UInt8(ascii: "0")
            guard digit < 10 else { return nil }
            value = value * 10 + Int64(digit)
        }
        position += count
        return value
    }

    /// Passes over the mark if it comes next.
    mutating func skip(_ mark: Unicode.Scalar) -> Bool {
        guard position < bytes.count, bytes[position] == UInt8(ascii: mark) else { return false }
        position += 1
        return true
    }
}

/// Days from 1970-01-01 to a date of the Gregorian calendar.
///
/// - Source: E. G. Richards 2013, Explanatory Supplement to the Astronomical Almanac (3rd edition), chapter 15: years
///   are counted from March, so that the leap day is the last of its year.
func daysSince1970(year: Int64, month: Int64, day: Int64) -> Int64 {
    let marchYear = month > 2 ? year : year - 1
    let marchMonth = (month + 9) % 12
    let leapDays = floorDivision(marchYear, 4) - floorDivision(marchYear, 100) + floorDivision(marchYear, 400)
    return 365 * marchYear + leapDays + (153 * marchMonth + 2) / 5 + day - 1 - 719_468
}

func daysIn(_ month: Int64, of year: Int64) -> Int64 {
    switch month {
    case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
}

/// The quotient, rounded down; the divisor is positive.
func floorDivision(_ value: Int64, _ divisor: Int64) -> Int64 {
    value >= 0 ? value / divisor : -((divisor - 1 - value) / divisor)
}
