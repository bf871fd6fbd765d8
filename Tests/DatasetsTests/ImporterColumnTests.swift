// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

@testable import CascadeDatasets

@Suite("Columns of an import")
struct ImporterColumnTests {
    let sources: TemporarySources
    init() throws { sources = try TemporarySources() }

    private func importing(_ text: String, _ configure: (inout ImportOptions) -> Void = { _ in }) throws -> ImportReport
    {
        try sources.importing("csv", sources.file("log.csv", text), options: configure)
    }

    private func failure(_ text: String, _ configure: (inout ImportOptions) -> Void = { _ in }) throws -> String {
        let error = #expect(throws: DatasetError.self) { try importing(text, configure) }
        #expect(error?.reason == .badOption)
        #expect(!FileManager.default.fileExists(atPath: sources.target.path))
        return error?.description ?? ""
    }

    @Test("names that are usual in logs are understood, however they are written, and said")
    func usualNames() throws {
        let report = try importing(
            "eventTime,event_type,Product-ID,brand,price,visitorid\n2020-01-02,view,a,x,1,u\n2020-01-01,buy,b,x,2,u\n"
        )
        #expect(report.dataset.allEvents().map(\.item) == ["b", "a"])
        #expect(report.dataset.allEvents().map(\.action) == [.purchase, .view])
        #expect(
            report.remarks.first?.text == """
                log.csv: columns: user = 'visitorid', item = 'Product-ID', time = 'eventTime' (dates), \
                action = 'event_type'; left out: 'brand', 'price'
                """
        )
        #expect(report.remarks.allSatisfy { $0.kind == .note })
        #expect(report.dataset.manifest.provenance["columns.log.csv"]?.contains("left out: 'brand'") == true)
    }

    @Test("the newest event of a log that is written newest first is the last, whatever its times are called")
    func newestFirst() throws {
        for (name, first, second) in [
            ("day", "2024-01-08", "2024-01-07"), ("ts", "1704672000", "1704585600"),
            ("created_at", "1704672000000", "1704585600000"), ("date", "2024-01-08 10:00", "2024-01-08 09:59"),
        ] {
            let dataset = try importing("user_id,item_id,\(name)\nu,8,\(first)\nu,7,\(second)\n").dataset
            #expect(dataset.allEvents().map(\.item) == ["7", "8"], "\(name)")
            #expect(dataset.manifest.lastTime >= 1_704_672_000 && dataset.manifest.lastTime < 1_704_758_400, "\(name)")
            try FileManager.default.removeItem(at: sources.target)
        }
    }

    @Test(
        "a left-out column that looks like a time or an action stops the import, and the options are named",
        arguments: [
            ("arrival", "2024-01-08", "time"), ("arrival", "1704672000", "time"), ("watch_date", "3", "time"),
            ("kind", "view", "action"), ("my_event", "stare", "action"),
        ]
    )
    func stops(_ name: String, _ field: String, _ role: String) throws {
        let text = "user_id,item_id,\(name)\nu,a,\(field)\n"
        let message = try failure(text)
        #expect(message.contains("log.csv: found column '\(name)' (such as '\(field)')"))
        #expect(message.contains("--\(role)-column \(name), or leave it out with --ignore-column \(name)."))
        let report = try importing(text) { $0.columns.ignored = [name] }
        #expect(report.dataset.eventCount == 1)
        #expect(!report.remarks.contains { $0.text.contains("left out: '\(name)'") })
    }

    @Test("columns of other things stop nothing")
    func passes() throws {
        let text = "user_id,item_id,timestamp,price,category_id,phone_number,comment\n"
        let report = try importing(text + "u,a,1704672000,3,2053013555631882655,2025550123,a view\n")
        #expect(report.remarks.map(\.kind) == [.note])
        try FileManager.default.removeItem(at: sources.target)
        // Without times nothing of it is taken for one.
        _ = try importing("user_id,item_id,category_id,phone_number\nu,a,2053013555631882655,2025550123\n")
    }

    @Test("a second column whose name speaks of times is a warning")
    func warnsOfASecondTime() throws {
        let text = "user,item,event_time,release_date\nu,a,2024-01-08,1999-01-01\n"
        let report = try importing(text)
        let warning = try #require(report.remarks.first { $0.kind == .warning })
        #expect(
            warning.description.hasPrefix("warning: log.csv: 'event_time' was taken as the time, and 'release_date'")
        )
        try FileManager.default.removeItem(at: sources.target)
        #expect(try !importing(text) { $0.columns.time = "event_time" }.remarks.contains { $0.kind == .warning })
    }

    @Test("two columns with equally usual names are a question")
    func ambiguous() throws {
        let message = try failure("user_id,product_id,sku,timestamp\nu,a,b,1\n")
        #expect(message.contains("found 'product_id' and 'sku', each of which could be the item"))
        #expect(message.contains("--item-column"))
        let dataset = try importing("user_id,product_id,sku,timestamp\nu,a,b,1\n") { $0.columns.ignored = ["sku"] }
            .dataset
        #expect(dataset.allEvents().map(\.item) == ["a"])
    }

    @Test("a source without times is imported with a warning that says what will be wrong")
    func noTimes() throws {
        let report = try importing("user_id,item_id\nu,a\n")
        let warning = try #require(report.remarks.first { $0.kind == .warning })
        #expect(warning.text.contains("there are no times") && warning.text.contains("leave-one-out"))
        #expect(warning.text.contains("--time-column"))
    }

    @Test("a column that an option names and no file has is a warning")
    func ignoredNothing() throws {
        let report = try importing("user_id,item_id,timestamp\nu,a,1\n") {
            ($0.columns.ignored, $0.columns.categorical, $0.columns.numeric) = (["tme"], ["timestamp"], ["prize"])
        }
        let warnings = report.remarks.filter { $0.kind == .warning }.map { $0.text.prefix(24) }
        #expect(warnings == ["--ignore-column 'tme': no", "--numeric-column 'prize':"].map { $0.prefix(24) })
    }

    @Test("what was assumed of times is said, and what was told is not questioned")
    func units() throws {
        #expect(try importing("user,item,time\nu,a,5\n").remarks[0].text.contains("'time' (seconds, assumed)"))
        try FileManager.default.removeItem(at: sources.target)
        let told = try importing("user,item,time\nu,a,1704672000\n") { $0.timeUnit = .milliseconds }
        #expect(told.remarks[0].text.contains("'time' (milliseconds)"))
        #expect(told.dataset.allEvents().map(\.time) == [1_704_672])
    }

    @Test("every file of several is examined, and equal headers are said once")
    func severalFiles() throws {
        let first = try sources.file("1.csv", "user,item,time\nu,a,1704672000\n")
        let second = try sources.file("2.csv", "user,item,time\nu,b,1704672001\n")
        let third = try sources.file("3.csv", "user,item,time\nu,c,1704672002000\n")
        let report = try sources.importing("csv", first, second, third)
        #expect(report.dataset.allEvents().map(\.time) == [1_704_672_000, 1_704_672_001, 1_704_672_002])
        #expect(report.remarks.map { $0.text.prefix(5) } == ["1.csv", "3.csv"])
    }

    @Test("the fields of atomic files and the columns of requests are examined likewise")
    func otherTables() throws {
        let atomic = try sources.file("a.inter", "user_id:token\titem_id:token\tvisited:float\nu\ta\t1704672000\n")
        let first = #expect(throws: DatasetError.self) { try sources.importing("recbole", atomic) }
        #expect(first?.description.contains("found column 'visited'") == true)
        let lists = try sources.file("l.csv", "list,user,item,clicked,event,visited\nr,u,a,1,x,2024-01-08\n")
        let second = #expect(throws: DatasetError.self) {
            try sources.importing("csv", lists) { ($0.columns.request, $0.columns.ignored) = ("list", ["event"]) }
        }
        #expect(second?.description.contains("--time-column visited") == true)
        let report = try sources.importing("csv", lists) {
            ($0.columns.request, $0.columns.time, $0.columns.context) = ("list", "visited", ["event"])
            $0.columns.ignored = ["event"]
        }
        #expect(
            report.remarks.first?.text == """
                l.csv: columns: user = 'user', item = 'item', time = 'visited' (dates), request = 'list', \
                clicked = 'clicked', context = 'event'
                """
        )
    }

    @Test("the columns that a fixed format does not read are said, and stop nothing")
    func fixedFormats() throws {
        let file = try sources.file(
            "ratings.csv",
            "user_id,movie_id,rating,timestamp,visited,event\nu,a,3,5,2024-01-08,x\n"
        )
        let report = try sources.importing("ml-1m", file)
        #expect(report.remarks.map(\.text).contains("ratings.csv: left out the columns 'visited', 'event'"))
        #expect(report.dataset.manifest.provenance["left-out.ratings.csv"] == "'visited', 'event'")
    }

    @Test("a column counts as read when any of its fields was, however many columns there are")
    func reads() {
        var reads = ColumnReads()
        for column in [0, 63, 64, 200] { reads.add(column) }
        #expect([0, 1, 62, 63, 64, 65, 200].filter(reads.lacks) == [1, 62, 65])
        reads.addAll()
        #expect(!reads.lacks(1))
    }

    @Test("remarks are told as they come, before a bad row stops the import")
    func told() throws {
        let file = try sources.file("log.csv", "user,item,time\nu,a,noon\n")
        var told: [ImportRemark] = []
        #expect(throws: DatasetError.self) {
            try importDataset(from: "csv", paths: [file], to: sources.target, remark: { told.append($0) })
        }
        #expect(told.map(\.kind) == [.note])
    }
}

@Suite("What the first rows tell")
struct ImporterPreviewTests {
    let sources: TemporarySources
    init() throws { sources = try TemporarySources() }

    @Test("looking ahead takes nothing away, with and without a header, and passes over bad rows")
    func preview() throws {
        for hasHeader in [true, false] {
            let text = "a,b\n1,\"x\ny\"\n1,2,3\n\n3,4"
            let source = try SourceText(sources.file("t.csv", text))
            let table = try TableReader(source, TableSyntax(delimiter: ","), hasHeader: hasHeader)
            let expected = (hasHeader ? [] : [["a", "b"]]) + [["1", "x\ny"], ["3", "4"]]
            #expect(try table.preview(9) == expected)
            #expect(try table.preview(1) == [expected[0]])
            var rows: [[String]] = []
            while true {
                do {
                    guard try table.next() else { break }
                    rows.append(try [table.text(0), table.text(1)])
                } catch let error as RowError {
                    #expect(error.line == 4)
                }
            }
            #expect(rows == expected)
        }
    }

    @Test("a line that is not yet wholly in memory is not looked at")
    func wholeLines() throws {
        let file = try sources.file("t.txt", "ab\ncdefgh\nij\n")
        var lines = try LineReader(SourceText(file), bufferSize: 6)
        var preview = try lines.preview()
        #expect(try preview.next())
        #expect(preview.withBytes { String(decoding: $0, as: UTF8.self) } == "ab")
        #expect(try !preview.next())
        var all: [String] = []
        while try lines.next() { all.append(lines.withBytes { String(decoding: $0, as: UTF8.self) }) }
        #expect(all == ["ab", "cdefgh", "ij"])
    }

    @Test(
        "the unit of times is found where all rows agree",
        arguments: [
            (["1704672000", "", "0", "1704672000.5"], .seconds), (["1704672000000"], .milliseconds),
            (["2024-01-08", "2024-01-08T10:00:00Z"], .iso8601), (["5", "7"], nil), ([""], nil), ([], nil),
            (["1704672000", "1704672000000"], nil), (["1704672000", "7"], nil), (["7", "1704672000"], nil),
            (["noon"], nil), (["20240108", "20240109"], .iso8601), (["10000108"], nil),
            (["1704672000000000"], .microseconds),
            (["1704672000000000000"], .nanoseconds),
        ] as [([String], TimeUnit?)]
    )
    func detects(_ fields: [String], _ unit: TimeUnit?) {
        #expect(TimeUnit.detected(in: fields, column: "time") == unit)
    }

    @Test("whole numbers of a column called day are days")
    func days() {
        #expect(TimeUnit.detected(in: ["18000", "18001"], column: "event_day") == .days)
        #expect(TimeUnit.detected(in: ["18000", "18001"], column: "daytime") == nil)
        #expect(TimeUnit.detected(in: ["2024-01-08"], column: "day") == .iso8601)
        #expect(TimeUnit.detected(in: ["1700000000"], column: "day") == .seconds)
    }
}
