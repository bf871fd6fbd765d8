// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import Foundation
import TestSupport
import Testing

@Suite("Importing trivago")
struct ImporterTrivagoTests {
    let sources: TemporarySources
    init() throws { sources = try TemporarySources() }

    private static let header =
        "user_id,session_id,timestamp,step,action_type,reference,platform,city,device,current_filters,impressions,prices\n"

    /// A row: user, session, time, step, action and reference, then filters, impressions and prices where given.
    private func row(
        _ user: String,
        _ session: String,
        _ time: Int,
        _ step: Int,
        _ action: String,
        _ reference: String,
        filters: String = "",
        list: String = "",
        prices: String = "",
        city: String = "Nowhere"
    ) -> String {
        "\(user),\(session),\(time),\(step),\(action),\"\(reference)\",XX,\"\(city)\",phone,\(filters),\(list),\(prices)\n"
    }

    private func importing(_ rows: String..., skip: Bool = false) throws -> ImportReport {
        let file = try sources.file("log.csv", Self.header + rows.joined())
        return try sources.importing("trivago", file) { $0.onError = skip ? .skip : .fail }
    }

    @Test("a click-out is a request with the text that was searched for, the filters, and the list's prices")
    func request() throws {
        let dataset = try importing(
            row("u", "s", 10, 1, "search for destination", "Old Town, Land"),
            row("u", "s", 11, 2, "interaction item image", "7"),
            row("u", "s", 11, 3, "filter selection", "Hotel", filters: "Hotel"),
            row("u", "s", 12, 4, "clickout item", "8", filters: "Hotel|Pool", list: "7|8|9", prices: "50|100|50")
        ).dataset
        let requests = dataset.allRequests()
        #expect(requests.count == 1 && requests[0].query == "Old Town, Land; Hotel; Pool")
        #expect(requests[0].user == "u" && requests[0].time == 12)
        #expect(requests[0].context == ["platform": ["XX"], "device": ["phone"], "city": ["other"]])
        #expect(requests[0].shown.map(\.item) == ["7", "8", "9"])
        #expect(requests[0].shown.map(\.isClicked) == [false, true, false])
        #expect(requests[0].shown.allSatisfy { !$0.isPurchased })
        #expect(dataset.manifest.shownFeatures == ["price", "price-rank", "rank"])
        let expected: [[Float]] = [[log(50), 0, 0], [log(100), 2 / 3, log(2)], [log(50), 0, log(3)]]
        #expect(requests[0].shown.map(\.values) == expected)
        #expect(dataset.historiesOfRequests() == [["7"]])
        #expect(
            dataset.allEvents() == [
                Event(user: "u", item: "7", action: .view, time: 11, query: "Old Town, Land"),
                Event(user: "u", item: "8", action: .click, time: 12, query: "Old Town, Land; Hotel; Pool"),
            ]
        )
    }

    @Test("the text is the last one of the session; a search for a hotel ends it")
    func queries() throws {
        func clickOut(_ session: String, _ time: Int, _ step: Int, filters: String = "") -> String {
            row("u", session, time, step, "clickout item", "1", filters: filters, list: "1|2", prices: "9|9")
        }
        let requests = try importing(
            clickOut("a", 1, 1),
            row("u", "a", 2, 2, "search for destination", "Old Town"),
            row("u", "a", 3, 3, "search for poi", "Castle"),
            row("u", "a", 3, 4, "change of sort order", "price only"),
            clickOut("a", 4, 5),
            row("u", "a", 5, 6, "search for item", "2"),
            clickOut("a", 6, 7),
            clickOut("a", 7, 8, filters: "Sort by Price"),
            row("u", "a", 8, 9, "search for destination", "Old Town"),
            clickOut("b", 9, 1),  // another session
            row("u", "b", 10, 2, "search for destination", "Harbour"),
            clickOut("b", 11, 1)  // the session's id again, from its first step
        ).dataset.allRequests()
        #expect(requests.map(\.query) == [nil, "Castle", nil, "Sort by Price", nil, nil])
    }

    @Test("a user's sessions are put in the order of time; ties keep the order of the file")
    func order() throws {
        let dataset = try importing(
            row("u", "late", 100, 1, "interaction item info", "5"),
            row("u", "late", 100, 2, "clickout item", "6", list: "5|6", prices: "1|2"),
            row("u", "late", 100, 3, "interaction item deals", "6"),
            row("u", "early", 50, 1, "interaction item rating", "4")
        ).dataset
        #expect(dataset.allEvents().map(\.item) == ["4", "5", "6", "6"])
        #expect(dataset.allEvents().map(\.action) == [.view, .view, .click, .view])
        #expect(dataset.historiesOfRequests() == [["4", "5"]])
    }

    @Test("what names no hotel is no event; without the chosen hotel in the list there is an event and no request")
    func leftOut() throws {
        let dataset = try importing(
            row("u", "s", 1, 1, "interaction item info", "unknown"),
            row("u", "s", 2, 2, "clickout item", "3", list: "1|2", prices: "9|8"),
            row("u", "s", 3, 3, "clickout item", "4")
        ).dataset
        #expect(dataset.requests == nil)
        #expect(dataset.allEvents().map(\.item) == ["3", "4"] && dataset.manifest.shownFeatures == nil)
        let notes = dataset.manifest.provenance
        #expect(notes["rows.without-item"] == "1" && notes["requests.left-out"]?.hasPrefix("2 ") == true)
    }

    @Test("a price that is not known is not a number, and neither is its rank")
    func unknownPrice() throws {
        let shown = try importing(row("u", "s", 1, 1, "clickout item", "1", list: "1|2|3", prices: "|0|7")).dataset
            .allRequests()[0].shown
        #expect(shown[0].values[0].isNaN && shown[0].values[1].isNaN && shown[0].values[2] == 0)
        #expect(shown[1].values[0].isNaN && shown[2].values[0] == log(7) && shown[2].values[1] == 0)
    }

    @Test("a city with ten requests keeps its name")
    func cities() throws {
        let rows = (0..<19).map { number in
            row(
                "u\(number)",
                "s\(number)",
                1,
                1,
                "clickout item",
                "1",
                list: "1|2",
                prices: "5|6",
                city: number < 10 ? "Large" : "Small"
            )
        }
        let dataset = try importing(rows.joined()).dataset
        #expect(dataset.requestFeature("city")?.vocabulary == ["Large", "other"])
        #expect(dataset.allRequests().count { $0.context["city"] == ["other"] } == 9)
    }

    @Test(
        "bad rows are refused with their line, or left out",
        arguments: [
            (("clickout item", "1", "1|2", "5"), "expected 2 prices with | between, one for each of the impressions"),
            (("clickout item", "1", "1|2", "5|x"), "expected 2 prices"),
            (("clickout item", "1", "1||2", "5|5|5"), "expected ids with | between"),
            (
                ("jump", "1", "", ""),
                "found 'jump' in column 'action_type', expected clickout item, interaction item image"
            ),
            (("clickout item", "", "1", "5"), "found '' in column 'reference', expected an id on one line"),
        ]
    )
    func badRows(_ fields: (String, String, String, String), _ message: String) throws {
        let bad = row("u", "s", 2, 2, fields.0, fields.1, list: fields.2, prices: fields.3)
        let good = row("u", "s", 1, 1, "clickout item", "1", list: "1|2", prices: "5|6")
        let error = #expect(throws: DatasetError.self) { try importing(good, bad) }
        #expect(error?.reason == .badRow && error?.description.contains("log.csv:3: found") == true)
        #expect(error?.description.contains(message) == true)
        let report = try importing(good, bad, skip: true)
        #expect(report.rowsSkipped == 1 && report.dataset.allRequests().count == 1)
    }

    @Test("a missing column is named")
    func missingColumn() throws {
        let file = try sources.file("log.csv", "user_id,session_id,timestamp,step,action_type,reference\n")
        let error = #expect(throws: DatasetError.self) { try sources.importing("trivago", file) }
        #expect(
            error?.description
                == "\(file.path):1: found the columns user_id, session_id, timestamp, step, action_type, reference, expected also platform, city, device, current_filters, impressions, prices. Is this a log of trivago?"
        )
    }
}
