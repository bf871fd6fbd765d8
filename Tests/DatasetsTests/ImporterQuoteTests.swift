// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import Foundation
import TestSupport
import Testing

@Suite("Quotes and escapes")
struct ImporterQuoteTests {
    let sources: TemporarySources
    init() throws { sources = try TemporarySources() }

    private func titles(_ name: String, _ rows: [String], _ configure: (inout ImportOptions) -> Void = { _ in }) throws
        -> (titles: [String], remarks: [String])
    {
        let mark = name.hasSuffix(".tsv") ? "\t" : ","
        let lines =
            [["user", "item", "title"].joined(separator: mark)]
            + rows.enumerated().map { ["u", "i\($0.offset)", $0.element].joined(separator: mark) }
        let file = try sources.file(name, lines.joined(separator: "\n") + "\n")
        defer { try? FileManager.default.removeItem(at: sources.target) }
        let report = try sources.importing("csv", file, options: configure)
        let dataset = report.dataset
        #expect(dataset.eventCount == rows.count)
        return ((0..<dataset.itemCount).map { dataset.title(ItemIndex($0)) }, report.remarks.map(\.text))
    }

    @Test(
        "in a file with tabs quotes are letters when they do not fit around fields, and the import says so",
        arguments: [
            ["Heroes", "\"Weird Al\" Yankovic"], ["7\" single", "\"Heroes\""], ["\"", "Low"], ["\"Low", "x", "Lodger"],
            ["\"Low", "x", "Lodger\""], ["a \"b\" c"],
        ]
    )
    func tabsTakeQuotesAsLetters(_ names: [String]) throws {
        let (read, remarks) = try titles("log.tsv", names)
        #expect(read == names)
        #expect(remarks.contains { $0.hasPrefix("log.tsv: quotes are letters, since those of line ") })
    }

    @Test("in a file with tabs quotes that fit around every field are taken off")
    func tabsTakeQuotesOff() throws {
        let (read, remarks) = try titles("log.tsv", ["\"a\tb\"", "\"say \"\"x\"\"\"", "plain", "\"two\nlines\""])
        #expect(read == ["a\tb", "say \"x\"", "plain", "two lines"])
        #expect(!remarks.contains { $0.contains("quotes") })
    }

    @Test("the option decides otherwise, for tabs and for commas")
    func obeysOption() throws {
        #expect(
            try titles("log.csv", ["\"Weird Al\" Y", "\"x"]) { $0.quote = .literal }.titles == [
                "\"Weird Al\" Y", "\"x",
            ]
        )
        #expect(try titles("log.tsv", ["7\" single", "\"x\""]) { $0.quote = .double }.titles == ["7\" single", "x"])
        for row in ["\"Weird Al\" Y", "\"x"] {
            let error = #expect(throws: DatasetError.self) { try titles("log.csv", [row]) }
            #expect(error?.description.contains("log.csv:2: found ") == true)
            #expect(error?.description.contains("if quotes are letters in this file pass --quote none") == true)
            #expect(
                error?.description.contains("--escape backslash; else fix the line or pass --on-error skip") == true
            )
        }
    }

    @Test("a backslash makes the next letter stand for itself, within quotes and without")
    func readsEscapes() throws {
        let rows = [
            #""The \"Best\" of 11""#, #"a\,b"#, #"back\\slash"#, #"x\ty"#, #""say ""x"" \"y\"""#, #"\N"#, #"tail\\"#,
            "over\\\nlines", "\"over\\\nquoted\"", #"\"plain"#, #""C:\\""#,
        ]
        let expected = [
            "The \"Best\" of 11", "a,b", #"back\slash"#, "x\ty", "say \"x\" \"y\"", "i5", #"tail\"#, "over lines",
            "over quoted", "\"plain", #"C:\"#,
        ]
        #expect(try titles("log.csv", rows) { $0.escape = .backslash }.titles == expected)
        let plain = [#"a\"#, #"\N"#]
        #expect(try titles("log.csv", plain).titles == plain, "without the option it is a letter")
        let tabbed = try titles("log.tsv", [#""Weird \"Al\"""#, #"x\"y"#]) { $0.escape = .backslash }
        #expect(tabbed.titles == [#"Weird "Al""#, #"x"y"#])
    }

    @Test("an empty field by escape is no value, no time and no id")
    func readsNull() throws {
        let file = try sources.file("log.csv", "user,item,rating,time\nu,a,\\N,1600000000\nu,\\N,3,1600000001\n")
        let report = try sources.importing("csv", file) { ($0.escape, $0.onError) = (.backslash, .skip) }
        #expect(report.dataset.allEvents() == [Event(user: "u", item: "a", action: .rating, time: 1_600_000_000)])
        #expect(report.skippedReasons == ["log.csv:3: found '' in column 'item', expected an id on one line"])
    }

    @Test("a backslash at the very end of the file does not wait for more")
    func endsAfterEscape() throws {
        let file = try sources.file("log.csv", "user,item\nu,a\nu,b\\")
        let error = #expect(throws: DatasetError.self) {
            try sources.importing("csv", file) { $0.escape = .backslash }
        }
        #expect(error?.description.contains("log.csv:3: ") == true)
    }
}
