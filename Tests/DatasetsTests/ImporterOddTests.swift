// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

@testable import CascadeDatasets

@Suite("Odd ids and values")
struct ImporterOddTests {
    let sources: TemporarySources
    init() throws { sources = try TemporarySources() }

    private func importing(_ users: [String], _ configure: (inout ImportOptions) -> Void = { _ in }) throws
        -> ImportReport
    {
        let rows = users.enumerated().map { "\"\($1)\",i\($0 % 3),\($0 + 1)\n" }.joined()
        return try sources.importing("csv", sources.file("log.csv", "user,item,time\n" + rows), options: configure)
    }

    private func warnings(_ report: ImportReport) -> [String] {
        report.remarks.filter { $0.kind == .warning }.map(\.text)
    }

    @Test(
        "are kept apart, counted and warned about, each kind with an example",
        arguments: [
            (["ann", " ann", "bob "], "2 user ids with spaces around, such as ' ann'"),
            (["1", "1.0", "2.0"], "1 user id with '.0' beside the same number without, such as '1.0' and '1'"),
            (["NULL", "u", "NULL"], "1 user id that reads like a missing value, such as 'NULL', with 2 events"),
            (["nan", "\\N", "a"], "2 user ids that read like a missing value, such as 'nan', with 2 events"),
            (["Ann", "ann", "ANN"], "2 user ids that differ from another in upper and lower case"),
            (
                ["Zo\u{EB}", "Zoe\u{308}"],
                "1 user id that differs from another in upper and lower case or Unicode form"
            ),
            (["a\u{1}", "b"], "1 user id with control characters, such as 'a\u{FFFD}'"),
        ]
    )
    func counted(_ users: [String], _ expected: String) throws {
        let report = try importing(users)
        #expect(report.dataset.userCount == Set(users.map(ByteString.init(_:))).count)
        let found = warnings(report)
        #expect(found.count == 1 && found.first?.hasPrefix(expected) == true, "\(found)")
    }

    @Test("ordinary ids are no reason for a word")
    func ordinary() throws {
        #expect(try warnings(importing(["1", "2", "10", "ann", "bob-2", "3.5", "x.0", "漢", "nano"])).isEmpty)
    }

    @Test("spaces around fields are cut when asked for, in ids, numbers, words and titles")
    func trims() throws {
        let text =
            "user_id , item_id,event, rating ,time,title\n ann,\u{A0}x , buy ,\" 2 \", 7 ,\" A b \"\nann,x,view, ,8,\n"
        let report = try sources.importing("csv", sources.file("log.csv", text)) { $0.trims = true }
        #expect(
            report.dataset.allEvents() == [
                Event(user: "ann", item: "x", action: .purchase, time: 7, value: 2),
                Event(user: "ann", item: "x", action: .view, time: 8),
            ]
        )
        #expect(report.dataset.title(try report.dataset.itemIndex("x")) == "A b")
    }

    @Test("an id of nothing but spaces is a bad row", arguments: [false, true])
    func blank(_ trims: Bool) throws {
        let error = #expect(throws: DatasetError.self) { try importing(["a", "  "]) { $0.trims = trims } }
        #expect(error?.description.contains("log.csv:3: found '  ' in column 'user', expected an id") == true)
    }

    @Test("ids that a service would refuse are said with the setting that takes them")
    func long() throws {
        let exact = String(repeating: "x", count: IdentifierLimits.usual)
        #expect(try warnings(importing([exact])).isEmpty)
        try FileManager.default.removeItem(at: sources.target)
        let long = try warnings(importing([exact, exact + "é"]))
        #expect(
            long.count == 1 && long[0].contains("has 202 bytes")
                && long[0].contains("set server.limits.id_bytes to 202")
        )
        try FileManager.default.removeItem(at: sources.target)
        let tooLong = try warnings(importing([String(repeating: "x", count: 1_025)]))
        #expect(tooLong.first?.contains("no service takes more than 1024") == true)
    }

    @Test("a value that float32 cannot hold is a bad row", arguments: ["1e39", "-1e39", "inf", "nan", "1e999"])
    func values(_ value: String) throws {
        let file = try sources.file("log.csv", "user,item,rating,time\nu,a,3.4e38,1\nu,b,\(value),2\n")
        let error = #expect(throws: DatasetError.self) { try sources.importing("csv", file) }
        #expect(
            error?.description.contains("log.csv:3: found '\(value)' in column 'rating', expected a number") == true
        )
        let report = try sources.importing("csv", file) { $0.onError = .skip }
        #expect(report.dataset.allEvents().map(\.value) == [Double(Float(3.4e38))])
    }
}
