// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import CascadeDatasets

@Suite("Fields of a line")
struct ImporterFieldTests {
    private func withBytes<R>(_ text: String, _ body: (FieldBytes) -> R) -> R {
        Array(text.utf8).withUnsafeBufferPointer(body)
    }

    private func fields(_ line: String, _ delimiter: String, quoting: Bool) -> [String]? {
        var splitter = FieldSplitter(TableSyntax(delimiter: delimiter, quote: quoting ? .double : .literal))
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
}
