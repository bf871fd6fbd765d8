// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeTensorFiles
import Foundation
import TestSupport
import Testing

@testable import CascadeDatasets

@Suite("LineReader")
struct ImporterLineTests {
    let sources: TemporarySources
    init() throws { sources = try TemporarySources() }

    private func lines(_ url: URL, bufferSize: Int = 1 << 18) throws -> [String] {
        var reader = try LineReader(SourceText(url), bufferSize: bufferSize)
        var lines: [String] = []
        while try reader.next() {
            #expect(reader.lineNumber == lines.count + 1)
            lines.append(reader.withBytes { String(decoding: $0, as: UTF8.self) })
        }
        return lines
    }

    @Test(
        "ends lines with a line feed, with both characters and with the file",
        arguments: [
            ("", []), ("a", ["a"]), ("a\n", ["a"]), ("a\r\nb\r\n", ["a", "b"]), ("a\n\nb", ["a", "", "b"]),
            ("\n", [""]), ("\r\n", [""]), ("a\rb\n", ["a\rb"]), ("a\r", ["a"]), ("a\rb\r\rc", ["a", "b", "", "c"]),
            ("\u{FEFF}a\nb", ["a", "b"]),
        ] as [(String, [String])]
    )
    func splits(_ text: String, _ expected: [String]) throws {
        #expect(try lines(sources.file("plain", text)) == expected)
        #expect(try lines(sources.file("packed.gz", gzip(Array(text.utf8)))) == expected)
    }

    @Test(
        "agrees with splitting the whole text, however the lines lie in its buffer",
        arguments: [1, 2, 3] as [UInt64]
    )
    func agreesWithNaive(_ seed: UInt64) throws {
        var generator = SplitMix64(seed: seed)
        let expected = (0..<80).map { line in
            // Mostly short lines, and some longer than the reader's buffer of 64 bytes.
            let length = Int.random(in: 0...(line % 9 == 0 ? 300 : 40), using: &generator)
            return String((0..<length).map { _ in "abc,é漢\r".randomElement(using: &generator) ?? " " }) + "."
        }
        let text = Array(expected.joined(separator: seed == 1 ? "\n" : "\r\n").utf8)
        #expect(try lines(sources.file("plain", text), bufferSize: 64) == expected)
        #expect(try lines(sources.file("packed.gz", gzip(text)), bufferSize: 64) == expected)
    }

    @Test("joins lines and takes them apart again")
    func joins() throws {
        var reader = try LineReader(SourceText(sources.file("lines", "one\r\ntwo\nthree")))
        #expect(try reader.next())
        #expect(try reader.extend())
        #expect(reader.withBytes { String(decoding: $0, as: UTF8.self) } == "one\r\ntwo")
        #expect(try reader.extend())
        #expect(try !reader.extend())
        #expect(reader.isUnterminated)
        reader.retract()
        #expect(reader.withBytes { String(decoding: $0, as: UTF8.self) } == "one")
        #expect(try reader.next())
        #expect(reader.lineNumber == 2)
        #expect(try reader.extend())
        #expect(reader.withBytes { String(decoding: $0, as: UTF8.self) } == "two\nthree")
        #expect(try !reader.next())
    }

    @Test("reads gzip files made of several members")
    func readsMembers() throws {
        let url = try sources.file("two.gz", gzip(Array("a\nb".utf8)) + gzip(Array("c\nd\n".utf8)))
        #expect(try lines(url) == ["a", "bc", "d"])
    }

    @Test("says where a gzip file breaks off, wherever it does")
    func findsTruncation() throws {
        let whole = gzip(Array("one\ntwo\nthree\n".utf8))
        for size in 2..<whole.count {
            let url = try sources.file("cut.gz", Array(whole[..<size]))
            let error = #expect(throws: FileError.self) { _ = try lines(url) }
            #expect(error?.reason == .truncated, "cut to \(size) bytes")
            #expect(error?.description.contains("cut.gz") == true)
            #expect(error?.description.contains("at byte \(size) ") == true)
        }
    }

    @Test("refuses a line that never ends")
    func refusesEndlessLine() throws {
        let url = try sources.file("endless", "short\n" + String(repeating: "x", count: 1_000))
        var reader = try LineReader(SourceText(url), bufferSize: 64, maximumSize: 500)
        #expect(try reader.next())
        let error = #expect(throws: FileError.self) { _ = try reader.next() }
        #expect(error?.description.contains("line 2 is longer than 500 bytes") == true)
    }

    @Test("notices damaged contents by their checksum")
    func findsDamage() throws {
        var bytes = gzip(Array("one\ntwo\nthree\n".utf8))
        bytes[16] ^= 1
        let url = try sources.file("damaged.gz", bytes)
        let error = #expect(throws: FileError.self) { _ = try lines(url) }
        #expect(error?.reason == .malformed)
        #expect(error?.description.contains("damaged at byte") == true)
    }

    @Test("refuses what is no text file, and says why")
    func refusesOthers() throws {
        let cases: [(URL, FileError.Reason, String)] = [
            (sources.folder.file("missing"), .notFound, "no such file"),
            (sources.folder.url, .unreadable, "folder"),
            (try sources.file("plain.gz", "a,b\n"), .malformed, "1f 8b"),
            (try sources.file("empty.gz", ""), .malformed, "1f 8b"),
            (try sources.file("utf16", [0xFF, 0xFE, 0x61, 0]), .malformed, "UTF-16"),
        ]
        for (url, reason, words) in cases {
            let error = #expect(throws: FileError.self) { _ = try lines(url) }
            #expect(error?.reason == reason)
            #expect(error?.description.contains(words) == true)
        }
    }
}
