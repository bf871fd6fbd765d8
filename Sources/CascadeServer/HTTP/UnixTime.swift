// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// Times as callers send them: seconds since 1970-01-01 UTC; a fraction is cut.
enum UnixTime {
    /// How far ahead a sender's clock may be, in seconds: a day, for one set to another time zone.
    private static let ahead: Int64 = 86_400

    /// Refuses what cannot be the time of something that has happened.
    ///
    /// - Throws: `Problem` that names the place, and milliseconds as what they are.
    static func check(_ time: Int64, _ place: String, now: Int64) throws {
        guard !(0...now + ahead).contains(time) else { return }
        let units = [("milliseconds", Int64(1_000)), ("microseconds", 1_000_000), ("nanoseconds", 1_000_000_000)]
        let unit = units.first { time > 0 && (now / 10...now + ahead).contains(time / $0.1) }
        let found = unit.map { "a time that looks like \($0.0)" } ?? "a time before 1970 or in the future"
        let advice = unit.map { ". Divide it by \($0.1)" } ?? ""
        throw Problem.invalid("\(place): found \(found), expected seconds since 1970-01-01 UTC\(advice).")
    }
}

extension KeyedDecodingContainer {
    /// A time, or nil when there is none.
    ///
    /// - Throws: `DecodingError` that names the key, for what is no number or beyond any time.
    func unixTime(_ key: Key) throws -> Int64? {
        guard contains(key), try !decodeNil(forKey: key) else { return nil }
        if let whole = try? decode(Int64.self, forKey: key) { return whole }
        guard let seconds = try? decode(Double.self, forKey: key), abs(seconds) < 0x1p62 else {
            let expected = "found no time, expected a number of seconds since 1970-01-01 UTC"
            throw DecodingError.dataCorrupted(.init(codingPath: codingPath + [key], debugDescription: expected))
        }
        return Int64(seconds.rounded(.down))
    }
}
