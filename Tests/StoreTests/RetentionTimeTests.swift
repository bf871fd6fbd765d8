// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeStore
import Testing

@Suite("Store: the time of retention")
struct RetentionTimeTests {
    /// 2026-11-30 16:00 UTC.
    private let now: Int64 = 1_796_054_400

    @Test(
        "a date and seconds are understood",
        arguments: [
            ("2026-01-31", 1_769_817_600), ("1970-01-01", 0), ("1769817600", 1_769_817_600), ("0", 0), ("-5", -5),
            ("2026-11-30", 1_795_996_800), ("1796054400", 1_796_054_400),
        ] as [(String, Int64)]
    )
    func understood(text: String, seconds: Int64) throws {
        #expect(try RetentionTime(text, now: now).seconds == seconds)
    }

    @Test(
        "another unit, a date without dashes, a time in the future and anything else are refused with what to write",
        arguments: [
            ("20260131", "looks like a date; write 2026-01-31"), ("1796054400000", "milliseconds; write 1796054400 "),
            ("1769817600123", "write 1769817600 (seconds) or 2026-01-31"), ("1769817600123456", "microseconds"),
            ("1769817600123456789", "nanoseconds"), ("1900000000", "in the future"), ("2100-01-01", "in the future"),
            ("2026-12-01", "expected a past date such as 2026-11-30"), ("2026-02-31", "expected a date such as"),
            ("yesterday", "expected a date such as"), ("", "expected a date such as"),
            ("31.01.2026", "expected a date"),
            ("1769817600.5", "expected a date"), ("9223372036854775807", "in the future"),
        ]
    )
    func refused(text: String, advice: String) {
        let mistake = #expect(throws: RetentionTime.Mistake.self) { try RetentionTime(text, now: now) }
        #expect(mistake?.description.contains(advice) == true, "\(mistake?.description ?? "")")
    }
}
