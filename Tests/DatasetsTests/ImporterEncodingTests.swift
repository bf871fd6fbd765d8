// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeTensorFiles
import Foundation
import TestSupport
import Testing

@testable import CascadeDatasets

@Suite("Encodings of a source")
struct ImporterEncodingTests {
    let sources: TemporarySources
    init() throws { sources = try TemporarySources() }

    /// `user,item,query,time` with one event whose query is the text.
    private func table(_ query: String) -> String { "user,item,query,time\nu,a,\(query),1600000000\n" }

    private func queries(_ bytes: [UInt8], _ encoding: String?) throws -> [String?] {
        let file = try sources.file("log.csv", bytes)
        defer { try? FileManager.default.removeItem(at: sources.target) }
        return try sources.importing("csv", file) { $0.encoding = encoding }.dataset.allEvents().map(\.query)
    }

    @Test("are converted to UTF-8")
    func converts() throws {
        let latin = table("caf#").utf8.map { $0 == UInt8(ascii: "#") ? 0xE9 : $0 }
        #expect(try queries(latin, "latin1") == ["café"])
        #expect(try queries(latin, "ISO-8859-1") == ["café"])
        let euro = table("#5").utf8.map { $0 == UInt8(ascii: "#") ? 0x80 : $0 }
        #expect(try queries(euro, "cp1252") == ["€5"])
        let parts = table("#").split(separator: "#").map { Array($0.utf8) }
        #expect(try queries(parts[0] + [0xC4, 0xE3, 0xBA, 0xC3] + parts[1], "gbk") == ["你好"])
        #expect(try queries(Array(table("café").utf8), "utf-8") == ["café"])
    }

    @Test("in two bytes a letter are known by their mark, or by where the zeros are")
    func convertsWide() throws {
        let text = table("né 漢")
        let little = text.utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }
        let big = text.utf16.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xFF)] }
        for bytes in [little, big, [0xFF, 0xFE] + little, [0xFE, 0xFF] + big] {
            #expect(try queries(bytes, "utf-16") == ["né 漢"])
        }
        #expect(try queries([0xFF, 0xFE] + little, "utf-16le") == ["né 漢"], "a mark that is not wanted is passed over")
        for bytes in [little, big, [0xFF, 0xFE] + little, [0xFE, 0xFF] + big] {
            let error = #expect(throws: FileError.self) { try queries(bytes, nil) }
            #expect(error?.description.contains("found text in UTF-16") == true)
            #expect(error?.description.contains("Pass --encoding utf-16") == true)
        }
    }

    @Test("are converted whole, wherever a letter lies between the pieces that are read at once")
    func convertsLong() throws {
        for shift in 0..<3 {
            let line = String(repeating: "x", count: shift) + String(repeating: "漢é", count: 60_000)
            let bytes = line.utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }
            let text = try SourceText(sources.file("long.txt", bytes), encoding: .converted("UTF-16LE"))
            var reader = try LineReader(text)
            #expect(try reader.next())
            #expect(reader.withBytes { String(decoding: $0, as: UTF8.self) } == line)
            let odd = [UInt8](repeating: 0x78, count: shift) + (0..<120_000).map { $0 % 2 == 0 ? 0xC4 : 0xE3 }
            var letters = try LineReader(SourceText(sources.file("gbk.txt", odd), encoding: .converted("GBK")))
            #expect(try letters.next())
            let read = letters.withBytes { String(decoding: $0, as: UTF8.self) }
            #expect(read == String(repeating: "x", count: shift) + String(repeating: "你", count: 60_000))
        }
    }

    @Test("that a byte does not fit make a bad row, which names the encoding and the option")
    func findsBadBytes() throws {
        let text = "user,item,time\nu,a,1600000000\nu,b#,1600000001\nu,c,1600000002"
        let bytes = text.utf8.map { $0 == UInt8(ascii: "#") ? 0xFF : $0 }
        let file = try sources.file("log.csv", bytes)
        for (encoding, name) in [(nil, "UTF-8"), ("gbk", "GBK")] {
            let error = #expect(throws: DatasetError.self) {
                try sources.importing("csv", file) { $0.encoding = encoding }
            }
            #expect(
                error?.description == """
                    \(file.path):3: found bytes that are not \(name) in column 'item', expected \(name) text; say how the \
                    file is encoded with --encoding, such as latin1, cp1252 or gbk, or fix the line
                    """
            )
            let report = try sources.importing("csv", file) { ($0.encoding, $0.onError) = (encoding, .skip) }
            #expect(report.dataset.allEvents().map(\.item) == ["a", "c"])
            #expect(report.rowsSkipped == 1)
            try FileManager.default.removeItem(at: sources.target)
        }
    }

    @Test(
        "that the system does not know are refused with the nearest name",
        arguments: ["latin2x", "", "utf-8//IGNORE"]
    )
    func refusesUnknown(_ name: String) throws {
        let error = #expect(throws: DatasetError.self) { try queries(Array(table("q").utf8), name) }
        #expect(error?.reason == .badOption)
        #expect(error?.description.hasPrefix("--encoding: the system's iconv knows no '") == true)
        #expect(try sources.names() == ["log.csv"])
    }

    @Test("hold for formats with a layout of their own, whose old files are Latin-1 where they are not UTF-8")
    func readsMovieLens() throws {
        _ = try sources.file("ratings.dat", "1::10::5::200\n1::20::4::300\n")
        let movies = Array("10::Am".utf8) + [0xE9] + Array("lie::Comedy\n20::Heat::Action\n".utf8)
        _ = try sources.file("movies.dat", movies)
        let report = try sources.importing("ml-1m", sources.folder.url)
        #expect(report.dataset.title(try report.dataset.itemIndex("10")) == "Amélie")
        let remark = "movies.dat: 1 fields are no UTF-8 and were read as Latin-1; see --encoding"
        #expect(report.remarks.map(\.text).contains(remark))
        try FileManager.default.removeItem(at: sources.target)
        let greek = try sources.importing("ml-1m", sources.folder.url) { $0.encoding = "iso-8859-7" }
        #expect(greek.dataset.title(try greek.dataset.itemIndex("10")) == "Amιlie")
    }
}
