// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// How a file writes times.
///
/// Fractions of a second order the events and are not stored.
public enum TimeUnit: String, Sendable, Codable, CaseIterable {
    /// Seconds since 1970-01-01 UTC.
    case seconds
    /// Milliseconds since 1970-01-01 UTC.
    case milliseconds
    /// Microseconds since 1970-01-01 UTC.
    case microseconds
    /// Nanoseconds since 1970-01-01 UTC.
    case nanoseconds
    /// A date such as `2014-04-07`, or a date and time such as `2014-04-07T10:51:09.277Z`, in one of the ways in which
    /// databases write them.
    case iso8601
    /// Whole days since 1970-01-01 UTC; the time is the day's first second.
    case days

    /// What a field of this unit should hold, for messages.
    var expectation: String {
        switch self {
        case .iso8601: "a date such as 2014-04-07, 2014-04-07T10:51:09Z or 2014/04/07 10:51:09 UTC"
        case .days: "a whole number of days"
        default: "a number of \(rawValue) since 1970"
        }
    }

    /// The time that a field spells, or nil; the years 0001 to 9999 only.
    func timestamp(_ field: FieldBytes) -> Timestamp? {
        let time: Timestamp? =
            switch self {
            case .seconds: number(field, decimals: 0)
            case .milliseconds: number(field, decimals: 3)
            case .microseconds: number(field, decimals: 6)
            case .nanoseconds: number(field, decimals: 9)
            case .iso8601: CalendarTime.timestamp(field)
            case .days:
                field.integer().flatMap { abs($0) < 4_000_000 ? Timestamp(seconds: $0 * 86_400) : nil }
            }
        guard let time, (-62_135_596_800...253_402_300_799).contains(time.seconds) else { return nil }
        return time
    }

    /// The unit in which a field is a time from 1990 to 2099, or nil when there is none; never days.
    static func likely(_ field: FieldBytes) -> TimeUnit? {
        allCases.first { unit in
            guard unit != .days, let time = unit.timestamp(field) else { return false }
            return unit == .iso8601 || (631_152_000..<4_102_444_800).contains(time.seconds)
        }
    }

    /// The time of a number of units, each the tenth part of a second to the power of `decimals`.
    private func number(_ field: FieldBytes, decimals: Int) -> Timestamp? {
        if let whole = field.integer() {
            let units = Int64(powerOfTen(decimals))
            let seconds = floorDivision(whole, units)
            let rest = whole - seconds * units
            return Timestamp(seconds: seconds, nanoseconds: UInt32(rest) * UInt32(powerOfTen(9 - decimals)))
        }
        return field.exactDecimal()?.timestamp(decimals: decimals)
    }
}

extension ExactDecimal {
    /// The number of units as a time, rounded down to the nanosecond; nil when it exceeds 64 bits of seconds.
    fileprivate func timestamp(decimals: Int) -> Timestamp? {
        let shift = exponent - decimals
        var (seconds, nanoseconds, hasRest) = (UInt64(0), UInt64(0), isCut)
        if shift >= 0 {
            guard mantissa > 0 else { return Timestamp.missing }
            guard shift < 19 else { return nil }
            let (product, overflow) = mantissa.multipliedReportingOverflow(by: powerOfTen(shift))
            guard !overflow else { return nil }
            seconds = product
        } else {
            let places = -shift  // of the mantissa's digits that lie below the second
            let fraction = places < 20 ? mantissa % powerOfTen(places) : mantissa
            seconds = places < 20 ? mantissa / powerOfTen(places) : 0
            if places <= 9 {
                nanoseconds = fraction * powerOfTen(9 - places)
            } else {
                let unit = places - 9 < 20 ? powerOfTen(places - 9) : .max
                nanoseconds = fraction / unit
                hasRest = hasRest || fraction % unit > 0
            }
        }
        guard let whole = Int64(exactly: seconds) else { return nil }
        guard isNegative else { return Timestamp(seconds: whole, nanoseconds: UInt32(nanoseconds)) }
        if hasRest { nanoseconds += 1 }
        guard nanoseconds > 0 else { return Timestamp(seconds: -whole) }
        return Timestamp(seconds: -whole - 1, nanoseconds: UInt32(1_000_000_000 - nanoseconds) % 1_000_000_000)
    }
}

/// Ten to the power of a number from 0 to 19.
private func powerOfTen(_ exponent: Int) -> UInt64 { (0..<exponent).reduce(1) { power, _ in power * 10 } }
