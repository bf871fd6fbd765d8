// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import Foundation
import TestSupport
import Testing

@Suite("DatasetSummary")
struct SummaryTests {
    /// Users with 1, 2, 3 and 4 events; item 0 has 4, item 1 has 3, items 2, 3 and 4 one each.
    private func builder() -> DatasetBuilder {
        var builder = DatasetBuilder(name: "hand")
        let rows: [(UserID, ItemID, Int64)] = [
            ("a", "0", 5), ("b", "0", 5), ("b", "1", 5), ("c", "0", 1), ("c", "1", 2), ("c", "2", 2), ("d", "0", 7),
            ("d", "1", 8), ("d", "3", 9), ("d", "4", 9),
        ]
        for (place, (user, item, time)) in rows.enumerated() {
            builder.add(
                Event(
                    user: user,
                    item: item,
                    action: place < 4 ? .rating : .click,
                    time: time,
                    value: place < 4 ? 2 : nil
                )
            )
        }
        builder.setItemFeature("kind", ["x", "y"], for: "0")
        builder.setUserFeature("age", ["x"], for: "a")
        return builder
    }

    @Test("counts what there is")
    func counts() throws {
        let summary = DatasetSummary(try TemporaryDataset(builder()).dataset)
        #expect(summary.name == "hand")
        #expect((summary.users, summary.items, summary.events) == (4, 5, 10))
        #expect(summary.density == 0.5)
        #expect(summary.actions == ["rating": 4, "click": 6])
        #expect(summary.valueShare == 0.4)
        #expect((summary.firstTime, summary.lastTime) == (1, 9))
        #expect(summary.tiedShare == 0.6)  // both of b, two of c, two of d
        #expect((summary.repeatedShare, summary.repeatedLastShare) == (0, 0))
    }

    @Test("says how often users come back to an item, and do so last")
    func countsRepeats() throws {
        let histories = [[0, 1, 0, 0], [1, 1], [2], [0, 0, 1], [1, 2, 1, 2]]
        let summary = DatasetSummary(try TemporaryDataset(histories: histories).dataset)
        #expect(summary.repeatedShare == 6.0 / 14)
        #expect(summary.repeatedLastShare == 0.75)  // of the first, second and last, among four
        #expect(summary.text.contains("\nrepeats            42.86 % of the events, 75.00 % of the last events have an"))
    }

    @Test("gives quantiles of the history lengths")
    func measuresLengths() throws {
        let lengths = DatasetSummary(try TemporaryDataset(builder()).dataset).historyLengths
        #expect(lengths.mean == 2.5)
        #expect((lengths.minimum, lengths.quarter, lengths.median) == (1, 1, 2))
        #expect((lengths.threeQuarters, lengths.percent90, lengths.percent99, lengths.maximum) == (3, 4, 4, 4))
    }

    @Test("says how popular the popular items are")
    func measuresPopularity() throws {
        let popularity = DatasetSummary(try TemporaryDataset(builder()).dataset).popularity
        #expect(popularity.map(\.itemShare) == [0.01, 0.05, 0.1, 0.2, 0.5])
        #expect(popularity.map(\.eventShare) == [0.4, 0.4, 0.4, 0.4, 0.8])  // 1, 1, 1, 1 and 3 of the 5 items
    }

    @Test("lists the features with their values and coverage")
    func listsFeatures() throws {
        let features = DatasetSummary(try TemporaryDataset(builder()).dataset).features
        #expect(features.map(\.owner) == ["item", "user"])
        #expect(features.map(\.name) == ["kind", "age"])
        #expect(features.map(\.values) == [2, 1])
        #expect(features.map(\.coverage) == [0.2, 0.25])
    }

    @Test("knows no times in a source without times")
    func hasNoTimes() throws {
        var builder = DatasetBuilder(name: "order only")
        builder.add(Event(user: "u", item: "i"))
        builder.add(Event(user: "u", item: "j"))
        let summary = DatasetSummary(try TemporaryDataset(builder).dataset)
        #expect(summary.firstTime == nil)
        #expect(summary.tiedShare == nil)
        #expect(summary.text.contains("first event        no times\n"))
    }

    @Test("comes back from JSON as it was")
    func roundTripsJSON() throws {
        let summary = DatasetSummary(try TemporaryDataset(builder()).dataset)
        let data = try JSONEncoder().encode(summary)
        #expect(try JSONDecoder().decode(DatasetSummary.self, from: data) == summary)
    }

    @Test("prints one aligned line for each figure")
    func printsText() throws {
        let summary = DatasetSummary(try TemporaryDataset(builder()).dataset)
        let lines = summary.text.split(separator: "\n")
        #expect(lines.contains("users              4"))
        #expect(lines.contains("density            50.00 %"))
        #expect(lines.contains("last event         1970-01-01T00:00:09Z"))
        #expect(lines.contains("tied in time       60.00 % of the events"))
        #expect(lines.contains("events per user    mean 2.5, 1 to 4"))
        #expect(lines.contains("  quantiles        25 %: 1   50 %: 2   75 %: 3   90 %: 4   99 %: 4"))
        #expect(lines.contains("top 50 % of items  80.00 % of the events"))
        #expect(lines.contains("action click       6"))
        #expect(lines.contains("item feature kind  2 values, on 20.00 % of the items"))
    }

    @Test("counts requests, where there are any")
    func countsRequests() throws {
        var builder = DatasetBuilder(name: "requests")
        builder.shownFeatures = ["price"]
        for time in 0..<3 {
            let shown = (0...time).map { place in
                SearchRequest.Shown(ItemID("i\(place)"), isClicked: place == 0, isPurchased: time == 2, values: [1])
            }
            builder.add(
                SearchRequest(
                    user: "u",
                    query: time == 1 ? nil : "hat",
                    time: Int64(time),
                    shown: shown,
                    context: time == 0 ? ["device": ["phone"]] : [:]
                )
            )
            builder.add(Event(user: "u", item: "i0", time: Int64(time), query: "shoe"))
        }
        let summary = DatasetSummary(try TemporaryDataset(builder).dataset)
        let requests = try #require(summary.requests)
        #expect((requests.count, requests.shown, requests.clicks, requests.purchases) == (3, 6, 3, 3))
        #expect((requests.meanCandidates, requests.medianCandidates, requests.maximumCandidates) == (2, 2, 3))
        #expect((requests.queryShare, requests.distinctQueries) == (2.0 / 3, 1) && summary.queries == 2)
        #expect(requests.emptyHistoryShare == 1.0 / 3 && requests.shownFeatures == ["price"])
        #expect(summary.features.map(\.owner) == ["request"] && summary.features[0].coverage == 1.0 / 3)
        let lines = summary.text.split(separator: "\n")
        #expect(lines.contains("requests                3"))
        #expect(lines.contains("  shown items           6: 3 clicked, 3 bought"))
        #expect(lines.contains("  per request           mean 2.0, median 2, at most 3"))
        #expect(lines.contains("  with a query          66.67 % of the requests; 1 distinct queries"))
        #expect(lines.contains("  without history       33.33 % of the requests"))
        #expect(lines.contains("  numbers               price"))
        #expect(lines.contains("request feature device  1 values, on 33.33 % of the requests"))
        let data = try JSONEncoder().encode(summary)
        #expect(try JSONDecoder().decode(DatasetSummary.self, from: data) == summary)
        let without = DatasetSummary(try TemporaryDataset(self.builder()).dataset)
        #expect(without.requests == nil && !without.text.contains("request"))
        #expect(!String(decoding: try JSONEncoder().encode(without), as: UTF8.self).contains("requests"))
    }

    @Test("groups the digits of large counts", arguments: [(999, "999"), (1_000, "1,000"), (12_345, "12,345")])
    func groupsDigits(_ count: Int, _ expected: String) throws {
        var builder = DatasetBuilder(name: "many")
        for row in 0..<count { builder.add(Event(user: "u", item: ItemID("i\(row % 7)"), time: Int64(row))) }
        let text = DatasetSummary(try TemporaryDataset(builder).dataset).text
        #expect(text.contains("\nevents             \(expected)\n"))
    }
}
