// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeTensorFiles
import Foundation
import TestSupport
import Testing

@testable import CascadeSimulation

@Suite("Importing taobao and tmall")
struct ImporterAlibabaTests {
    let sources: TemporarySources
    init() throws { sources = try TemporarySources() }

    private static let header = "user_id,item_id,cat_id,seller_id,brand_id,time_stamp,action_type\n"

    private func categories(_ dataset: Dataset, _ feature: String = "category") -> [String: [String]] {
        let pairs = (0..<dataset.itemCount).map { item in
            (dataset.itemID(ItemIndex(item)).rawValue, dataset.itemFeature(feature)?.values(of: item) ?? [])
        }
        return Dictionary(uniqueKeysWithValues: pairs)
    }

    @Test("reads Taobao's log, plain and compressed, in the order of time", arguments: [false, true])
    func taobao(_ isCompressed: Bool) throws {
        let text =
            "1,20,300,pv,1511600000\n1,21,301,buy,1511700000\n1,22,300,cart,1511650000\n2,20,300,fav,1511600000\n"
            + "1,20,300,pv,1511600000\n"
        let bytes = Array(text.utf8)
        _ = try sources.file("UserBehavior.csv" + (isCompressed ? ".gz" : ""), isCompressed ? gzip(bytes) : bytes)
        let dataset = try sources.importing("taobao", sources.folder.url).dataset
        #expect(
            dataset.allEvents() == [
                Event(user: "1", item: "20", action: .view, time: 1_511_600_000),
                Event(user: "1", item: "20", action: .view, time: 1_511_600_000),  // a row twice is two events
                Event(user: "1", item: "22", action: .cart, time: 1_511_650_000),
                Event(user: "1", item: "21", action: .purchase, time: 1_511_700_000),
                Event(user: "2", item: "20", action: .favourite, time: 1_511_600_000),
            ]
        )
        #expect(categories(dataset) == ["20": ["300"], "21": ["301"], "22": ["300"]])
        #expect(DatasetSummary(dataset).actions == ["view": 2, "cart": 1, "favourite": 1, "purchase": 1])
        #expect(dataset.manifest.provenance["rows.other-category"] == "0")
    }

    @Test("leaves out rows outside the nine days unless told otherwise, and counts them")
    func taobaoDays() throws {
        let times: [Int64] = [-5, 1_511_539_199, 1_511_539_200, 1_512_316_799, 1_512_316_800, 2_122_867_355]
        let file = try sources.file("u.csv", times.map { "1,2,3,pv,\($0)\n" }.joined())
        let report = try sources.importing("taobao", file)
        #expect((report.rowsRead, report.rowsSkipped, report.dataset.eventCount) == (6, 0, 2))
        let notes = report.dataset.manifest.provenance
        #expect(notes["rows.outside-times"] == "4" && notes["first-time"] == "1511539200")
        try FileManager.default.removeItem(at: sources.target)
        let all = try sources.importing("taobao", file) { ($0.firstTime, $0.lastTime) = (-5, 4_000_000_000) }
        #expect(Array(all.dataset.times) == times)
        try FileManager.default.removeItem(at: sources.target)
        let error = #expect(throws: DatasetError.self) {
            _ = try sources.importing("taobao", file) { ($0.firstTime, $0.lastTime) = (9, 8) }
        }
        #expect(error?.reason == .badOption)
    }

    @Test("keeps the first category that a kept row gives an item, and counts the rows that say otherwise")
    func contradictions() throws {
        let file = try sources.file(
            "u.csv",
            "1,20,7,buy,1511600000\n1,20,8,pv,1511600001\n1,20,9,pv,1511600002\n2,20,8,pv,1511600003\n"
                + "2,20,9,pv,1511600004\n"
        )
        let dataset = try sources.importing("taobao", file) { $0.actions = [.view] }.dataset
        #expect(dataset.eventCount == 4 && categories(dataset) == ["20": ["8"]])
        #expect(dataset.itemFeature("category")?.vocabulary == ["8"])
        let notes = dataset.manifest.provenance
        #expect(notes["rows.other-category"] == "2" && notes["actions"] == "view" && notes["rows.other-actions"] == "1")
    }

    @Test("reads Tmall's log as days of 2014, with seller and brand")
    func tmall() throws {
        let file = try sources.file(
            "user_log_format1.csv",
            Self.header
                + "34,10,833,28,2661.0,829,0\n34,11,834,29,,1111,2\n34,12,833,28,2661,0511,1\n9,10,833,30,,829,3\n"
        )
        let dataset = try sources.importing("tmall", file).dataset
        #expect(
            dataset.allEvents() == [
                Event(user: "34", item: "12", action: .cart, time: 1_399_766_400),  // 2014-05-11
                Event(user: "34", item: "10", action: .click, time: 1_409_270_400),
                Event(user: "34", item: "11", action: .purchase, time: 1_415_664_000),
                Event(user: "9", item: "10", action: .favourite, time: 1_409_270_400),
            ]
        )
        #expect(categories(dataset) == ["10": ["833"], "11": ["834"], "12": ["833"]])
        #expect(categories(dataset, "seller") == ["10": ["28"], "11": ["29"], "12": ["28"]])
        #expect(categories(dataset, "brand") == ["10": ["2661"], "11": [], "12": ["2661"]])
        #expect(dataset.manifest.provenance["rows.other-seller"] == "1")
        #expect(dataset.manifest.provenance["year"] == "2014")
    }

    @Test(
        "names file, line, column and what was expected, or goes on without the row",
        arguments: [
            ("taobao", "1,2,3,view,1511600000", "1: found 'view' in column 'behavior', expected pv, buy, cart, fav"),
            ("taobao", "1,2,3,pv", "1: found 4 columns, expected 5"),
            ("taobao", "1,2,3,pv,now", "1: found 'now' in column 'timestamp', expected a number of seconds since 1970"),
            ("taobao", "user_id,2,3,pv,1511600000", "1: found 'user_id' in column 'user_id', expected a whole number"),
            ("taobao", "1,,3,pv,1511600000", "1: found '' in column 'item_id', expected a whole number"),
            (
                "taobao", "1,2,x,pv,1511600000",
                "1: found 'x' in column 'category_id', expected a whole number, or nothing"
            ),
            (
                "tmall", "1,2,3,4,5,1301,0",
                "2: found '1301' in column 'time_stamp', expected a month and a day such as 0829"
            ),
            (
                "tmall", "1,2,3,4,5,229,0",
                "2: found '229' in column 'time_stamp', expected a month and a day such as 0829"
            ),
            ("tmall", "1,2,3,4,5,829,4", "2: found '4' in column 'action_type', expected 0, 1, 2 or 3"),
            ("tmall", "1,2,3,4,5.5,829,0", "2: found '5.5' in column 'brand_id', expected a whole number, or nothing"),
        ]
    )
    func badRows(_ format: String, _ row: String, _ message: String) throws {
        let good = format == "taobao" ? "1,2,3,pv,1511600000\n" : "1,2,3,4,5,829,0\n"
        let file = try sources.file("log.csv", (format == "taobao" ? "" : Self.header) + row + "\n" + good)
        let error = #expect(throws: DatasetError.self) { _ = try sources.importing(format, file) }
        #expect(
            error?.reason == .badRow && error?.description.contains("log.csv:\(message)") == true,
            "\(error as Any)"
        )
        #expect(try sources.names() == ["log.csv"], "nothing is left behind")
        let report = try sources.importing(format, file) { $0.onError = .skip }
        #expect((report.rowsRead, report.rowsSkipped, report.dataset.eventCount) == (2, 1, 1))
    }

    @Test("refuses a table of Tmall with other columns, and says which filter left nothing")
    func refuses() throws {
        let other = try sources.file("other.csv", "user,item\n1,2\n")
        let error = #expect(throws: DatasetError.self) { _ = try sources.importing("tmall", other) }
        #expect(error?.description.contains("other.csv:1: found the columns user,item, expected user_id,") == true)
        let file = try sources.file("u.csv", "1,2,3,pv,1511600000\n1,2,3,buy,1611600000\n")
        let empty = #expect(throws: DatasetError.self) {
            _ = try sources.importing("taobao", file) { $0.actions = [.purchase] }
        }
        let description = try #require(empty).description
        #expect(empty?.reason == .empty && description.contains("1 are of other actions (see --actions)"))
        #expect(description.contains("1 lie outside the times 1511539200 to 1512316799 (see --first-time"))
    }

    @Test("filters the events of every format by action and time")
    func filters() throws {
        let file = try sources.file(
            "log.csv",
            "user,item,time,action\nu,a,10,view\nu,b,20,click\nu,c,30,view\nu,d,40,favourite\nu,e,50,cart\n"
        )
        let dataset = try sources.importing("csv", file) {
            ($0.actions, $0.firstTime, $0.lastTime) = ([.view, .cart], 11, nil)
        }.dataset
        #expect(
            dataset.allEvents() == [
                Event(user: "u", item: "c", action: .view, time: 30),
                Event(user: "u", item: "e", action: .cart, time: 50),
            ]
        )
    }

    @Test("reads the file that the world lifelong writes, and what naive counting finds in it")
    func simulated() throws {
        var world = try Simulator.named("lifelong")
        (world.users, world.meanEvents) = (40, 60)
        let file = sources.folder.file("UserBehavior.csv")
        let rows = try world.writeUserBehavior(to: file)
        let existing = #expect(throws: DatasetError.self) { try world.writeUserBehavior(to: file) }
        #expect(existing?.reason == .alreadyExists)
        let fields = try String(contentsOf: file, encoding: .utf8).split(separator: "\n").map {
            $0.split(separator: ",")
        }
        #expect(fields.count == rows && rows > 40 * 50)
        let report = try sources.importing("taobao", file) { $0.actions = [.view] }
        let views = fields.filter { $0[3] == "pv" }
        #expect((0.85..<0.94).contains(Double(views.count) / Double(rows)))
        #expect(report.rowsRead == rows && report.dataset.eventCount == views.count)
        #expect(report.dataset.itemCount == Set(views.map { $0[1] }).count)
        #expect(report.dataset.itemFeature("category")?.vocabulary.count == Set(views.map { $0[2] }).count)
        #expect(report.dataset.manifest.provenance["rows.other-category"] == "0")
        let drift = try Simulator.named("drift")
        #expect(throws: DatasetError.self) { try drift.writeUserBehavior(to: sources.folder.file("no.csv")) }
    }
}
