// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import Foundation
import TestSupport
import Testing

@Suite("Importing csv")
struct ImporterDelimitedTests {
    let sources: TemporarySources
    init() throws { sources = try TemporarySources() }

    @Test("finds columns by their usual names, in any order")
    func findsUsualNames() throws {
        let file = try sources.file("log.csv", "timestamp,extra,Item_ID,user_id\n20,x,b,u\n10,y,a,u\n")
        let report = try sources.importing("csv", file)
        #expect(report.rowsRead == 2)
        #expect(report.dataset.manifest.name == "log")
        #expect(
            report.dataset.allEvents() == [
                Event(user: "u", item: "a", time: 10), Event(user: "u", item: "b", time: 20),
            ]
        )
    }

    @Test("reads every part of an event from the columns that the options name")
    func readsMappedColumns() throws {
        let file = try sources.file(
            "log.tsv",
            "who\twhen\twhat\thow\tamount\twords\tlabel\n"
                + "u1\t2020-01-01\ti1\tpurchase\t2.5\tred shoes\tShoe\n" + "u1\t2020-01-02\ti2\tVIEW\t\t\tHat\n"
        )
        let dataset = try sources.importing("csv", file) { options in
            options.timeUnit = .iso8601
            options.columns.user = "who"
            options.columns.item = "3"
            options.columns.time = "when"
            options.columns.action = "how"
            options.columns.value = "amount"
            options.columns.query = "words"
            options.columns.title = "label"
        }.dataset
        let day: Int64 = 1_577_836_800
        #expect(
            dataset.allEvents() == [
                Event(user: "u1", item: "i1", action: .purchase, time: day, query: "red shoes", value: 2.5),
                Event(user: "u1", item: "i2", action: .view, time: day + 86_400),
            ]
        )
        #expect(dataset.title(try dataset.itemIndex("i2")) == "Hat")
    }

    @Test("reads files without a header by column number, and without times in their own order")
    func readsWithoutHeader() throws {
        let file = try sources.file("log", "b;u;3\na;u;5\n")
        let dataset = try sources.importing("csv", file) { options in
            options.hasHeader = false
            options.delimiter = ";"
            (options.columns.user, options.columns.item, options.columns.value) = ("2", "1", "3")
        }.dataset
        #expect(dataset.allEvents().map(\.item) == ["b", "a"])
        #expect(dataset.allEvents().map(\.value) == [3, 5])
        #expect(dataset.allEvents().map(\.action) == [.rating, .rating])
        #expect(!dataset.hasTimes)
    }

    @Test("reads several files one after another")
    func readsSeveralFiles() throws {
        let first = try sources.file("1.csv", "user,item\nu,a\n")
        let second = try sources.file("2.csv.gz", gzip(Array("item,user\nb,u\n".utf8)))
        let dataset = try sources.importing("csv", first, second).dataset
        #expect(dataset.allEvents().map(\.item) == ["a", "b"])
        #expect(dataset.manifest.provenance["files"] == "1.csv, 2.csv.gz")
    }

    @Test("gives back any text that was quoted by the rules, line breaks too", arguments: [1, 2, 3, 4] as [UInt64])
    func roundTripsQuoting(_ seed: UInt64) throws {
        var generator = SplitMix64(seed: seed)
        let pieces = ["a", "ü", ",", "\"", "\"\"", " ", "\n", "\r\n", "漢", "x,y"]
        let lineEnd = seed % 2 == 0 ? "\n" : "\r\n"
        var expected: [Event] = []
        var text = "user_id,item_id,query,timestamp"
        for row in 0..<300 {
            let count = Int.random(in: 0...6, using: &generator)
            let query =
                "q" + (0..<count).map { _ in pieces[Int.random(in: pieces.indices, using: &generator)] }.joined()
            text += lineEnd + "u,\"i,\(row)\",\"\(query.replacingOccurrences(of: "\"", with: "\"\""))\",\(row + 1)"
            // A line break in a query is written to disk as a space for each of its characters.
            let stored = query.replacingOccurrences(of: "\r\n", with: "  ").replacingOccurrences(of: "\n", with: " ")
            expected.append(Event(user: "u", item: ItemID("i,\(row)"), time: Int64(row + 1), query: stored))
        }
        let report = try sources.importing("csv", sources.file("quoted.csv", text))
        #expect(report.rowsRead == 300)
        #expect(report.dataset.allEvents() == expected)
    }

    @Test("filters by the fewest events of users and items")
    func filters() throws {
        let file = try sources.file("log.csv", "user,item\nu,a\nv,a\nu,b\nu,a\n")
        let dataset = try sources.importing("csv", file) { ($0.minUserEvents, $0.minItemEvents) = (2, 2) }.dataset
        #expect(dataset.allEvents().map(\.item) == ["a", "a"])
        #expect(dataset.userCount == 1)
    }

    @Test("tells the number of rows as it goes on and at the end")
    func reportsProgress() throws {
        let rows = (0..<70_000).map { "u\($0 % 100),i\($0 % 50)\n" }.joined()
        let file = try sources.file("log.csv", "user,item\n" + rows)
        var counts: [Int] = []
        _ = try importDataset(from: "csv", paths: [file], to: sources.target) { counts.append($0) }
        #expect(counts == [65_536, 70_000])
    }
}
