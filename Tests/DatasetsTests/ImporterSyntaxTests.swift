// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeTensorFiles
import Foundation
import TestSupport
import Testing

@Suite("How a table is written")
struct ImporterSyntaxTests {
    let sources: TemporarySources
    init() throws { sources = try TemporarySources() }

    private func failure(_ url: URL, _ configure: (inout ImportOptions) -> Void = { _ in }) throws -> String {
        let before = try sources.names()
        let error = #expect(throws: DatasetError.self) { _ = try sources.importing("csv", url, options: configure) }
        #expect(try sources.names() == before, "nothing is left behind")
        return try #require(error).description
    }

    @Test(
        "delimiters have names, and any mark is one",
        arguments: [
            ("tab", "\t"), ("\\t", "\t"), ("\t", "\t"), ("comma", ","), ("semicolon", ";"), ("Pipe", "|"),
            ("space", " "), ("|", "|"), ("::", "::"), ("§", "§"), ("^A", "^A"),
        ]
    )
    func delimiters(_ name: String, _ mark: String) throws {
        let rows = [["user", "item", "time"], ["u", "a", "1600000000"]].map { $0.joined(separator: mark) + "\n" }
        let file = try sources.file("log.txt", rows.joined())
        let dataset = try sources.importing("csv", file) { $0.delimiter = name }.dataset
        #expect(dataset.allEvents() == [Event(user: "u", item: "a", time: 1_600_000_000)])
    }

    @Test("what can part no fields is refused", arguments: ["", "\"", "\n", "tabs", "\\", "semikolon"])
    func badDelimiters(_ name: String) throws {
        let file = try sources.file("log.csv", "user,item\nu,a\n")
        let description = try failure(file) { $0.delimiter = name }
        #expect(description.hasPrefix("--delimiter: "))
        #expect(description.contains("Expected tab, semicolon, comma, pipe"))
        #expect(description.contains("Did you mean 'semicolon'?") == (name == "semikolon"))
    }

    @Test(
        "a header that another delimiter parts names that one",
        arguments: [
            ("log.csv", "user;item;time\nu;a;1\n", "semicolon", 3), ("log.csv", "user\titem\nu\ta\n", "tab", 2),
            ("log.tsv", "user,item\nu,a\n", "comma", 2), ("log.csv", "\n\"user\"|\"item\"\n", "pipe", 2),
        ]
    )
    func hintsDelimiter(_ name: String, _ text: String, _ delimiter: String, _ count: Int) throws {
        let description = try failure(sources.file(name, text))
        #expect(description.contains("\(name): found one column in the header, '"))
        #expect(description.contains("Pass --delimiter \(delimiter), which makes \(count) columns."))
    }

    @Test(
        "a first line that names the delimiter is understood, filled up or not",
        arguments: ["sep=;", "SEP=;", "sep=;;;"]
    )
    func readsSeparatorLine(_ line: String) throws {
        let file = try sources.file("log.csv", "\u{FEFF}\(line)\r\nuser;item;time\r\nu;a,b;1600000000\r\nu;c\r\n")
        let report = try sources.importing("csv", file) { $0.onError = .skip }
        #expect(report.dataset.allEvents() == [Event(user: "u", item: "a,b", time: 1_600_000_000)])
        #expect(report.skippedReasons == ["log.csv:4: found 2 columns, expected 3"], "the line counts as one")
    }

    @Test("comments are passed over and counted where the option says what they start with")
    func skipsComments() throws {
        let text = "# made by hand\nuser,item,query,time\nu,a,\"x\n# y\",1600000000\n#u,b,,2\nu,#c,,1600000001\n"
        let report = try sources.importing("csv", sources.file("log.csv", text)) { $0.comment = "#" }
        #expect(report.dataset.allEvents().map(\.item) == ["a", "#c"])
        #expect(report.dataset.allEvents().map(\.query) == ["x # y", nil])
        #expect(report.dataset.manifest.provenance["comments.log.csv"] == "2")
        #expect(report.remarks.map(\.text).contains("log.csv: 2 lines are comments and were passed over"))
        try FileManager.default.removeItem(at: sources.target)
        #expect(try failure(sources.folder.file("log.csv")) { $0.comment = "" }.hasPrefix("--comment: "))
        let hash = try sources.importing("csv", sources.file("hash.csv", "#user,item,time\nu,a,1600000000\n"))
        #expect(hash.remarks.contains { $0.text.contains("--comment '#' passes such lines over") })
    }

    @Test("lines may end with carriage returns alone, with a header and quotes as ever")
    func readsReturns() throws {
        let text = "user,item,query,time\ru,a,\"x\ry\",1600000000\r\ru,b,,1600000001\r"
        for bytes in [Array(text.utf8), gzip(Array(text.utf8))] {
            let events = try sources.importing("csv", sources.file("log.csv", bytes)).dataset.allEvents()
            #expect(events.map(\.item) == ["a", "b"])
            #expect(events.map(\.query) == ["x y", nil])
            try FileManager.default.removeItem(at: sources.target)
        }
    }

    @Test("options of tables are refused for formats that are always written in the same way")
    func refusesUnread() throws {
        _ = try sources.file("ratings.dat", "1::10::5::200\n")
        let options: [(String, (inout ImportOptions) -> Void)] = [
            ("--delimiter", { $0.delimiter = "tab" }), ("--quote", { $0.quote = .literal }),
            ("--escape", { $0.escape = .backslash }), ("--comment", { $0.comment = "#" }),
            ("--no-header", { $0.hasHeader = false }),
        ]
        for (option, set) in options {
            let error = #expect(throws: DatasetError.self) {
                try sources.importing("ml-1m", sources.folder.url, options: set)
            }
            #expect(error?.reason == .badOption)
            #expect(error?.description.hasPrefix("\(option): found with --from ml-1m") == true)
        }
    }
}
