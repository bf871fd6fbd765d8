// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import Foundation
import TestSupport
import Testing

@Suite("Importing tables of requests")
struct ImporterRequestTests {
    let sources: TemporarySources
    init() throws { sources = try TemporarySources() }

    private static let table = """
        search,user,item,time,query,clicked,purchased,price,rank,device,title
        r1,u,a,5,red shoes,0,0,1.5,1,phone,A shoe
        r1,u,b,5,red shoes,1,true,,2,phone,
        r1,u,c,5,red shoes,1,false,2,3,phone,
        r2,v,a,6,,,,9,1,,
        r3,u,a,5,hat,true,1,9,1,desk,

        """

    private func importing(
        _ text: String,
        _ configure: (inout ImportOptions) -> Void = { _ in }
    ) throws -> ImportReport {
        try sources.importing("csv", try sources.file("requests.csv", text)) { options in
            options.columns.request = "search"
            (options.columns.shown, options.columns.context) = (["price", "rank"], ["device"])
            configure(&options)
        }
    }

    private func failure(_ text: String, _ configure: (inout ImportOptions) -> Void = { _ in }) throws -> String {
        let error = #expect(throws: DatasetError.self) { try importing(text, configure) }
        return try #require(error).description
    }

    @Test("rows of one request are one list, and clicks and purchases are events after it")
    func requests() throws {
        let dataset = try importing(Self.table).dataset
        let requests = dataset.allRequests()
        #expect(requests.map(\.user) == ["u", "u", "v"] && requests.map(\.query) == ["red shoes", "hat", nil])
        #expect(requests.map(\.time) == [5, 5, 6])
        #expect(requests[0].shown.map(\.item) == ["a", "b", "c"])
        #expect(requests[0].shown.map(\.isClicked) == [false, true, true])
        #expect(requests[0].shown.map(\.isPurchased) == [false, true, false])
        #expect(dataset.manifest.shownFeatures == ["price", "rank"])
        #expect(requests[0].shown[0].values == [1.5, 1] && requests[0].shown[1].values[0].isNaN)
        #expect(requests.map(\.context) == [["device": ["phone"]], ["device": ["desk"]], [:]])
        #expect(
            dataset.allEvents() == [
                Event(user: "u", item: "b", action: .click, time: 5, query: "red shoes"),
                Event(user: "u", item: "c", action: .click, time: 5, query: "red shoes"),
                Event(user: "u", item: "b", action: .purchase, time: 5, query: "red shoes"),
                Event(user: "u", item: "a", action: .click, time: 5, query: "hat"),
                Event(user: "u", item: "a", action: .purchase, time: 5, query: "hat"),
            ]
        )
        #expect(dataset.historiesOfRequests() == [[], ["b", "c", "b"], []])
        #expect(dataset.title(try dataset.itemIndex("a")) == "A shoe")
    }

    @Test("without a column of clicks what was bought was clicked; columns may be numbers")
    func purchasesAlone() throws {
        let dataset = try importing("r1,u,a,0\nr1,u,b,2\n") { options in
            options.hasHeader = false
            (options.columns.request, options.columns.user, options.columns.item) = ("1", "2", "3")
            options.columns.purchased = "4"
            (options.columns.shown, options.columns.context) = (["4"], [])
        }.dataset
        #expect(dataset.allRequests()[0].shown.map(\.isClicked) == [false, true])
        #expect(dataset.allEvents().map(\.action) == [.purchase])
        #expect(dataset.manifest.shownFeatures == ["4"])
    }

    @Test("requests keep what they showed: the usual minima are 1, and 5 without requests")
    func minima() throws {
        let file = try sources.file("requests.csv", Self.table)
        var options = ImportOptions()
        options.columns.request = "search"
        let dataset = try importDataset(from: "csv", paths: [file], to: sources.target, options: options).dataset
        #expect(dataset.itemCount == 3 && dataset.manifest.options.minItemEvents == 1)
        try FileManager.default.removeItem(at: sources.target)
        let error = #expect(throws: DatasetError.self) {
            try importDataset(from: "csv", paths: [file], to: sources.target)
        }
        #expect(
            error?.reason == .empty && error?.description.contains("with at least 5 and items with at least 5") == true
        )
        #expect(ImportFormat.trivago.usualMinimum(ImportOptions()) == 1)
        #expect(ImportFormat.taobao.usualMinimum(ImportOptions()) == 5)
    }

    @Test("a list of which nothing was chosen is a request all the same")
    func nothingChosen() throws {
        let dataset = try importing("search,user,item,clicked\nr,u,a,0\nr,u,b,0\n") {
            ($0.columns.shown, $0.columns.context) = ([], [])
        }.dataset
        #expect(dataset.eventCount == 0 && dataset.allRequests()[0].shown.count == 2)
    }

    @Test("a request that comes back is refused with its line, or its rows are left out")
    func comesBack() throws {
        let text = Self.table + "r1,u,d,5,red shoes,0,0,1,4,phone,\n"
        #expect(try failure(text).contains("requests.csv:7: found 'r1' in column 'search', expected a new request"))
        let report = try importing(text) { $0.onError = .skip }
        #expect(report.rowsSkipped == 1 && report.dataset.allRequests()[0].shown.count == 3)
    }

    @Test(
        "rows of a request that do not agree are refused with their line",
        arguments: [
            ("r1,v,d,5,red shoes,0,0,1,2,phone,", "found 'v' in column 'user', expected the same as in the other rows"),
            ("r1,u,d,6,red shoes,0,0,1,2,phone,", "found '6' in column 'time', expected the same as in the other rows"),
            ("r1,u,d,5,blue shoes,0,0,1,2,phone,", "found another query than in the other rows of the request"),
            (
                "r1,u,d,5,red shoes,0,0,1,2,desk,",
                "found 'desk' in column 'device', expected the same as in the other rows"
            ),
            (
                "r1,u,d,5,red shoes,maybe,0,1,2,phone,",
                "found 'maybe' in column 'clicked', expected a number from 0, true or"
            ),
            ("r1,u,d,5,red shoes,0,0,dear,2,phone,", "found 'dear' in column 'price', expected a number"),
        ]
    )
    func disagree(_ row: String, _ message: String) throws {
        let lines = Self.table.split(separator: "\n").prefix(2).joined(separator: "\n")
        let error = try failure("\(lines)\n\(row)\n")
        #expect(error.contains("requests.csv:3: ") && error.contains(message))
        #expect(!error.contains("blue shoes"), "queries are private")
    }

    @Test("options that cannot be are refused")
    func options() throws {
        #expect(try failure(Self.table) { $0.columns.request = "serch" }.contains("Did you mean 'search'?"))
        #expect(try failure(Self.table) { $0.columns.shown = ["price", "color"] }.contains("no column 'color'"))
        #expect(
            try failure(Self.table) { $0.columns.shown = ["rank", "rank"] }.contains(
                "--impression-columns: a column is named twice"
            )
        )
        #expect(
            try failure(Self.table) { $0.action = .click }.hasPrefix("--request-column: the events of requests are")
        )
        #expect(
            try failure(Self.table) { $0.columns.request = nil }.hasSuffix(
                "Say with --request-column which column holds the request."
            )
        )
        let bare = "search,user,item\nr,u,a\n"
        #expect(
            try failure(bare) { ($0.columns.shown, $0.columns.context) = ([], []) }
                .contains("found no column 'clicked' or 'purchased', expected one")
        )
    }

    @Test("files with other numbers are refused")
    func severalFiles() throws {
        let first = try sources.file("a.csv", "search,user,item,clicked,x\nr,u,a,1,2\n")
        let second = try sources.file("b.csv", "search,user,item,clicked,y\nr,v,a,1,2\n")
        func both(_ last: URL) throws -> Dataset {
            try sources.importing("csv", first, last) { ($0.columns.request, $0.columns.shown) = ("search", ["5"]) }
                .dataset
        }
        let error = #expect(throws: DatasetError.self) { try both(second) }
        #expect(error?.description.contains("--impression-columns are y here, and x in the file before") == true)
        let third = try sources.file("c.csv", "search,user,item,clicked,x\nr,v,a,1,2\n")
        #expect(try both(third).allRequests().map(\.user) == ["u", "v"], "ids count within a file")
    }
}
