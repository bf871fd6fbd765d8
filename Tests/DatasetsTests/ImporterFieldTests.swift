// Part of Cascade. SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import Datasets

@Suite("Fields of a line")
struct ImporterFieldTests {
    private func withBytes<R>(_ text: String, _ body: (FieldBytes) -> R) -> R {
        Array(text.utf8).withUnsafeBufferPointer(body)
    }

    private func fields(_ line: String, _ delimiter: String, quoting: Bool) -> [String]? {
        var splitter = FieldSplitter(delimiter: Array(delimiter.utf8), isQuoting: quoting)
        return withBytes(line) { bytes in
            guard splitter.split(bytes) == .complete else { return nil }
            return splitter.fields.map { String(decoding: bytes[$0.range], as: UTF8.self) }
        }
    }

    @Test("are parted by the delimiter, of one byte or more")
    func splits() {
        #expect(fields("a,b,,c,", ",", quoting: false) == ["a", "b", "", "c", ""])
        #expect(fields("", ",", quoting: false) == [""])
        #expect(fields("1::Ace: Ventura::x:", "::", quoting: false) == ["1", "Ace: Ventura", "x:"])
        #expect(fields("a\tb\"c\"", "\t", quoting: false) == ["a", "b\"c\""])
    }

    @Test("may stand between quotes")
    func unquotes() {
        #expect(fields(#""a,b",c"d,"","e""f""#, ",", quoting: true) == ["a,b", "c\"d", "", "e\"\"f"])
        #expect(fields(#""a","#, ",", quoting: true) == ["a", ""])
        #expect(fields(#""a"b,c"#, ",", quoting: true) == nil)
        #expect(fields(#"a,"b"#, ",", quoting: true) == nil)
    }

    @Test(
        "hold whole numbers of 64 bits and nothing else",
        arguments: [
            ("0", 0), ("-17", -17), ("9223372036854775807", .max), ("-9223372036854775808", .min),
            ("9223372036854775808", nil), ("-9223372036854775809", nil), ("", nil), ("-", nil), ("1.0", nil),
            ("1a", nil),
            ("+1", nil), (" 1", nil),
        ] as [(String, Int64?)]
    )
    func readsIntegers(_ text: String, _ expected: Int64?) {
        #expect(withBytes(text) { $0.integer() } == expected)
    }

    @Test(
        "hold finite decimal numbers",
        arguments: [
            ("3", 3), ("-0.5", -0.5), ("8.8125e+08", 881_250_000), ("12345678901234567890", 12_345_678_901_234_567_168),
            ("nan", nil), ("inf", nil), ("0x10", nil), ("", nil), ("1e999", nil), ("1.2.3", nil), ("four", nil),
        ] as [(String, Double?)]
    )
    func readsDecimals(_ text: String, _ expected: Double?) {
        #expect(withBytes(text) { $0.decimal() } == expected)
    }

    @Test(
        "hold times in seconds, milliseconds or as dates",
        arguments: [
            (.seconds, "978300760", 978_300_760), (.seconds, "978300760.9", 978_300_760), (.seconds, "-1.5", -2),
            (.seconds, "978300760000000", nil), (.seconds, "yesterday", nil), (.seconds, "", nil),
            (.seconds, "1e300", nil),
            (.milliseconds, "978300760999", 978_300_760), (.milliseconds, "-1", -1), (.milliseconds, "-1000", -1),
            (.iso8601, "1970-01-01", 0), (.iso8601, "2000-02-29", 951_782_400), (.iso8601, "1900-02-29", nil),
            (.iso8601, "1969-12-31T23:59:59Z", -1), (.iso8601, "2014-04-07T10:51:09.277Z", 1_396_867_869),
            (.iso8601, "2014-04-07 10:51", 1_396_867_860), (.iso8601, "2014-04-07T12:51:09+02:00", 1_396_867_869),
            (.iso8601, "2014-04-07T05:21:09-0530", 1_396_867_869), (.iso8601, "2014-04-07T12:51:09+02", 1_396_867_869),
            (.iso8601, "2014-13-01", nil), (.iso8601, "2014-04-31", nil), (.iso8601, "2014-04-07T24:00", nil),
            (.iso8601, "2014-04-07T10:51:09Zz", nil), (.iso8601, "2014-04-07T10:51:09.", nil),
            (.iso8601, "978300760", nil),
            (.iso8601, "0000-01-01", nil), (.iso8601, "0001-01-01", -62_135_596_800),
        ] as [(TimeUnit, String, Int64?)]
    )
    func readsTimes(_ unit: TimeUnit, _ text: String, _ expected: Int64?) {
        #expect(withBytes(text) { unit.seconds($0) } == expected)
    }

    @Test("hold dates that agree with the system's calendar")
    func agreesWithFoundation() {
        var generator = SplitMix64(seed: 5)
        for _ in 0..<500 {
            let seconds = Int64.random(in: -2_000_000_000...20_000_000_000, using: &generator)
            let text = Date(timeIntervalSince1970: Double(seconds)).formatted(.iso8601)
            #expect(withBytes(text) { TimeUnit.iso8601.seconds($0) } == seconds, "\(text)")
        }
    }
}
