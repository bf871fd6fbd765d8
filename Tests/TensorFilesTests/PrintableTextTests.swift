// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeTensorFiles
import Foundation
import Testing

@Suite("Printable text")
struct PrintableTextTests {
    @Test("What a terminal would obey is escaped; what it shows stays")
    func escapes() {
        #expect("a\n\r\tb".printable == "a\\n\\r\\tb")
        #expect("\u{1B}[2J\u{9B}0m\u{7F}\u{0}".printable == "\\u001b[2J\\u009b0m\\u007f\\u0000")
        #expect(
            "\u{202E}\u{2066}\u{200F}\u{61C}\u{2028}\u{FEFF}".printable == "\\u202e\\u2066\\u200f\\u061c\\u2028\\ufeff"
        )
        let shown = ["", "Amélie", "千と千尋", "שלום", "می\u{200C}خواهم", "👩\u{200D}💻", "\\n \"quoted\""]
        for text in shown { #expect(text.printable == text) }
    }

    @Test("A text of several lines keeps them")
    func lines() { #expect("a\n\tb\r\u{7}".printableLines == "a\n\tb\\r\\u0007") }

    @Test("A JSON document means the same afterwards")
    func json() throws {
        let texts = ["a\u{9B}b", "c\u{202E}\u{1B}\n\"\\", "\u{2028}"]
        let encoder = JSONEncoder()
        encoder.outputFormatting = .prettyPrinted
        let document = String(decoding: try encoder.encode(texts), as: UTF8.self).printableLines
        #expect(document.unicodeScalars.allSatisfy { $0.isPrintable || $0 == "\n" })
        #expect(try JSONDecoder().decode([String].self, from: Data(document.utf8)) == texts)
    }
}
