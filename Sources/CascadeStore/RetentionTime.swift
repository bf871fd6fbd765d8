// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// The time before which everything is removed, as people write it.
public struct RetentionTime: Sendable, Equatable {
    /// Why a text is no such time.
    public struct Mistake: Error, CustomStringConvertible {
        /// What was found and what to write.
        public let description: String
    }

    /// Seconds since 1970-01-01 UTC.
    public let seconds: Int64

    /// Reads a date (`2026-01-31`, midnight UTC) or seconds since 1970-01-01 UTC.
    ///
    /// - Throws: ``Mistake`` for anything else, for a time in the future, and for a number that looks like milliseconds or like
    ///   a date without dashes.
    public init(_ text: String, now: Int64) throws {
        guard let time = try Int64(text).map({ try Self.checked($0, now) }) ?? Self.midnight(of: text) else {
            throw Mistake(description: "found '\(text)', expected a date such as 2026-01-31, or seconds since 1970")
        }
        guard time <= now else {
            throw Mistake(
                description:
                    "found '\(text)', which is in the future, expected a past date such as \(Self.day(of: now))"
            )
        }
        seconds = time
    }

    private static func checked(_ number: Int64, _ now: Int64) throws -> Int64 {
        if let dashed = dashed(number) {
            throw Mistake(description: "found '\(number)', which looks like a date; write \(dashed)")
        }
        var scaled = number
        for unit in ["milliseconds", "microseconds", "nanoseconds"] {
            scaled /= 1_000
            // From a tenth of the present on: 1976 and later.
            guard number > now, (now / 10...2 * now).contains(scaled) else { continue }
            throw Mistake(
                description:
                    "found '\(number)', which looks like \(unit); write \(scaled) (seconds) or \(day(of: scaled))"
            )
        }
        return number
    }

    /// A number such as 20260131 with dashes; nil when it is no day of a calendar.
    private static func dashed(_ number: Int64) -> String? {
        guard (19_000_101...21_991_231).contains(number) else { return nil }
        let digits = String(number)
        let parts = [digits.prefix(4), digits.dropFirst(4).prefix(2), digits.suffix(2)]
        let text = parts.joined(separator: "-")
        return midnight(of: text) == nil ? nil : text
    }

    private static let style = Date.ISO8601FormatStyle(timeZone: .gmt).year().month().day()

    private static func midnight(of text: String) -> Int64? {
        // Back again, since a day that no month has would become one of the next month.
        guard let date = try? style.parse(text), date.formatted(style) == text else { return nil }
        return Int64(date.timeIntervalSince1970)
    }

    private static func day(of seconds: Int64) -> String {
        Date(timeIntervalSince1970: Double(seconds)).formatted(style)
    }
}
