// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// Dates and times of the calendar, in the ways in which databases and programs write them.
///
/// The date is `2014-04-07`, `2014/04/07` (a month or day may have one digit) or `20140407`. A time of day may follow
/// after `T` or spaces: `10:51`, `10:51:09` or, after a date without marks, `105109`; seconds may have a fraction
/// of any length after `.` or `,`, of which nine digits count. Then a zone may follow, after spaces or none: `Z`, `UTC`
/// or `GMT`, or an offset such as `+02:00`, `+0200` or `+02`. Without a zone the time is UTC.
enum CalendarTime {
    /// The time that a field spells, or nil.
    static func timestamp(_ field: FieldBytes) -> Timestamp? {
        var scanner = DigitScanner(field)
        guard let year = scanner.number(4) else { return nil }
        let isCompact = !scanner.isNext("-") && !scanner.isNext("/")
        guard let days = date(year, isCompact, &scanner) else { return nil }
        guard !scanner.isAtEnd else { return Timestamp(seconds: days * 86_400) }
        let hasMark = scanner.skip("T") || scanner.skip("t") || scanner.skipSpaces()
        guard hasMark || isCompact, let time = timeOfDay(isJoined: !hasMark, &scanner),
            let offset = zoneOffset(&scanner), scanner.isAtEnd
        else { return nil }
        return Timestamp(seconds: days * 86_400 + time.seconds - offset, nanoseconds: time.nanoseconds)
    }

    /// Days since 1970-01-01, from a month and a day after the year.
    private static func date(_ year: Int64, _ isCompact: Bool, _ scanner: inout DigitScanner) -> Int64? {
        let mark: Unicode.Scalar = scanner.isNext("/") ? "/" : "-"
        func part() -> Int64? {
            guard !isCompact else { return scanner.number(2) }
            return scanner.skip(mark) ? scanner.number(2) ?? scanner.number(1) : nil
        }
        guard let month = part(), let day = part(), (1...12).contains(month),
            (1...daysIn(month, of: year)).contains(day)
        else { return nil }
        return daysSince1970(year: year, month: month, day: day)
    }

    /// The time since midnight.
    ///
    /// - Parameter isJoined: Whether it follows the date without a mark, and so has all of its six digits.
    private static func timeOfDay(isJoined: Bool, _ scanner: inout DigitScanner) -> Timestamp? {
        guard let hour = scanner.number(2) ?? scanner.number(1), hour < 24 else { return nil }
        let isCompact = !scanner.skip(":")
        guard !isCompact || isJoined || scanner.isDigitNext, let minute = scanner.number(2), minute < 60 else {
            return nil
        }
        let hasSeconds = isCompact ? scanner.isDigitNext : scanner.skip(":")
        guard hasSeconds || !isJoined else { return nil }
        var time = Timestamp(seconds: hour * 3_600 + minute * 60)
        guard hasSeconds else { return time }
        guard let second = scanner.number(2), second <= 60 else { return nil }  // 60: a leap second
        time.seconds += second
        guard scanner.skip(".") || scanner.skip(",") else { return time }
        guard let nanoseconds = scanner.fraction() else { return nil }
        time.nanoseconds = nanoseconds
        return time
    }

    /// The seconds by which the zone's clock is ahead of UTC.
    private static func zoneOffset(_ scanner: inout DigitScanner) -> Int64? {
        _ = scanner.skipSpaces()
        if scanner.isAtEnd || scanner.skip("Z") || scanner.skip("z") { return 0 }
        if scanner.skip(word: "UTC") || scanner.skip(word: "GMT"), scanner.isAtEnd { return 0 }
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

    var isDigitNext: Bool { position < bytes.count && bytes[position] &- UInt8(ascii: "0") < 10 }

    func isNext(_ mark: Unicode.Scalar) -> Bool { position < bytes.count && bytes[position] == UInt8(ascii: mark) }

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

    /// Passes over one or more digits of a fraction, and gives its first nine as nanoseconds.
    mutating func fraction() -> UInt32? {
        guard isDigitNext else { return nil }
        var (nanoseconds, unit) = (UInt32(0), UInt32(100_000_000))
        while isDigitNext {
            nanoseconds += UInt32(bytes[position] - UInt8(ascii: "0")) * unit
            unit /= 10
            position += 1
        }
        return nanoseconds
    }

    /// Passes over the mark if it comes next.
    mutating func skip(_ mark: Unicode.Scalar) -> Bool {
        guard isNext(mark) else { return false }
        position += 1
        return true
    }

    /// Passes over a word in capitals, however its case, if it comes next.
    mutating func skip(word: String) -> Bool {
        let letters = bytes[position...].prefix(word.utf8.count).map { $0 & 0xDF }
        guard letters.elementsEqual(word.utf8) else { return false }
        position += letters.count
        return true
    }

    /// Passes over spaces; false when there are none.
    mutating func skipSpaces() -> Bool {
        let first = position
        while skip(" ") {}
        return position > first
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
