// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import Foundation
import TestSupport
import Testing

@Suite("Importing lastfm-tags, amazon-search and amazon-attributes")
struct ImporterQueryTests {
    let sources: TemporarySources
    init() throws { sources = try TemporarySources() }

    private func tags(_ rows: String, artists: Bool = true, plays: String? = "user_id,artist_id,plays\nu,7,9\n") throws
    {
        _ = try sources.file("tag_assignments.csv", "date,user_id,artist_id,tag\n" + rows)
        if artists { _ = try sources.file("artists.csv", "artist_id,name\n7,\"Seven, and more\"\n99,Nobody\n") }
        if let plays { _ = try sources.file("listening_counts.csv", plays) }
    }

    @Test("a user, a day and a tag are a request whose history are earlier days")
    func lastfm() throws {
        try tags(
            "2010-03-01,u,7,slow\n2010-03-01,u,8,slow\n2010-03-01,u,7,sad\n2010-04-01,u,9,slow\n2010-03-01,v,7,slow\n"
                + "2010-03-01,u,9,slow\n"
        )
        let dataset = try sources.importing("lastfm-tags", sources.folder.url).dataset
        let march: Int64 = 1_267_401_600  // 2010-03-01
        let requests = dataset.allRequests()
        #expect(requests.map(\.user) == ["u", "u", "u", "v"])
        #expect(requests.map(\.query) == ["slow", "sad", "slow", "slow"])
        #expect(requests.map(\.time) == [march, march, march + 31 * 86_400, march])
        #expect(requests.map { $0.shown.map(\.item) } == [["7", "8", "9"], ["7"], ["9"], ["7"]])
        #expect(requests.allSatisfy { $0.shown.allSatisfy { $0.isClicked && !$0.isPurchased } })
        #expect(dataset.historiesOfRequests() == [[], [], ["7", "8", "9", "7"], []])
        let events = dataset.allEvents()
        #expect(events.count == 6 && events.allSatisfy { $0.action == .click })
        #expect(events.map(\.query) == ["slow", "slow", "slow", "sad", "slow", "slow"])
        #expect(events.map { $0.value != nil } == [true, false, false, true, false, false])
        #expect(events[0].value == Double(log1p(Float(9))))
        #expect(dataset.title(try dataset.itemIndex("7")) == "Seven, and more" && dataset.itemCount == 3)
    }

    @Test("days that cannot be are left out, with their requests; names and plays need not be there")
    func lastfmDays() throws {
        try tags("1956-01-01,u,7,slow\n2010-03-01,u,7,slow\n2012-01-01,u,7,slow\n", artists: false, plays: nil)
        let dataset = try sources.importing("lastfm-tags", sources.folder.url).dataset
        #expect(dataset.eventCount == 1 && dataset.manifest.requests == 1)
        #expect(dataset.manifest.provenance["rows.outside-times"] == "2")
        try FileManager.default.removeItem(at: sources.target)
        let all = try sources.importing("lastfm-tags", sources.folder.url) {
            ($0.firstTime, $0.lastTime) = (-9_000_000_000, 9_000_000_000)
        }
        #expect(all.dataset.manifest.requests == 3)
    }

    @Test("bad tags, days and plays are refused with their line")
    func lastfmErrors() throws {
        try tags("2010-03-01,u,7,\n")
        var error = #expect(throws: DatasetError.self) { try sources.importing("lastfm-tags", sources.folder.url) }
        #expect(error?.description.contains("tag_assignments.csv:2: found '' in column 'tag'") == true)
        try tags("March,u,7,x\n")
        error = #expect(throws: DatasetError.self) { try sources.importing("lastfm-tags", sources.folder.url) }
        #expect(error?.description.contains("expected a date such as 2014-04-07") == true)
        try tags("2010-03-01,u,7,x\n", plays: "user_id,artist_id,plays\nu,7,-1\n")
        error = #expect(throws: DatasetError.self) { try sources.importing("lastfm-tags", sources.folder.url) }
        #expect(
            error?.description.contains("listening_counts.csv:2: found '-1' in column 'plays', expected a number")
                == true
        )
    }

    @Test("one purchase that answers several queries is one event, after all of its requests")
    func amazonSearch() throws {
        let file = try sources.file(
            "purchases.csv",
            "split,user,query_id,query,item\ntrain,u,1,red case,A\ntrain,u,2,blue case,B\ntrain,u,3,any case,B\n"
                + "train,u,3,any case,B\ntrain,u,1,red case,A\ntrain,v,1,red case,A\ntest,u,4,cable,C\ntest,u,1,red case,D\n"
        )
        let dataset = try sources.importing("amazon-search", file).dataset
        let requests = dataset.allRequests()
        #expect(
            requests.map(\.query) == [
                "red case", "blue case", "any case", "any case", "red case", "cable", "red case", "red case",
            ]
        )
        #expect(
            requests.map { $0.context["split"] }
                == [5, 2, 1].enumerated().flatMap { part, count in
                    Array(repeating: [part == 1 ? "test" : "train"], count: count)
                }
        )
        #expect(requests.allSatisfy { $0.shown.count == 1 && $0.shown[0].isClicked && $0.shown[0].isPurchased })
        // The row that is there twice is a second purchase.
        #expect(
            dataset.historiesOfRequests() == [
                [], ["A"], ["A"], ["A", "B"], ["A", "B", "B"], ["A", "B", "B", "A"], ["A", "B", "B", "A", "C"], [],
            ]
        )
        #expect(dataset.allEvents().prefix(2).map(\.query) == ["red case", "blue case"])
        #expect(dataset.allEvents().allSatisfy { $0.action == .purchase && $0.time == 0 })
        #expect(dataset.manifest.provenance["queries.test"] == "1 of the 2 queries of test occur in train")
        #expect(dataset.requestFeatureNames.isEmpty)
        let split = try SplitDataset(requestsOf: dataset, .given)
        #expect(split.requests?.training.count == 6 && split.requests?.numbers(.test) == [5, 6])
    }

    @Test("a part with another name is refused")
    func amazonSearchParts() throws {
        let file = try sources.file("purchases.csv", "split,user,query,item\nextra,u,q,A\n")
        let error = #expect(throws: DatasetError.self) { try sources.importing("amazon-search", file) }
        #expect(error?.description.contains(":2: found 'extra' in column 'split', expected train, val or test") == true)
    }

    private func attributes(_ rows: String, _ attributes: String) throws {
        _ = try sources.file("interactions.csv", "user_id,item_id\n" + rows)
        _ = try sources.file("item_attributes.csv", "item_id,attribute_id\n" + attributes)
    }

    @Test("an attribute of what was bought is asked for, and always the same one")
    func amazonAttributes() throws {
        let attributeRows = (0..<20).map { "1,\($0)\n" }.joined() + "1,3\n2,77\n9,5\n"
        try attributes((0..<30).map { "u\($0 % 3),\($0 == 4 ? 3 : $0 == 5 ? 2 : 1)\n" }.joined(), attributeRows)
        let dataset = try sources.importing("amazon-attributes", sources.folder.url).dataset
        #expect((dataset.userCount, dataset.itemCount, dataset.eventCount) == (3, 3, 30))
        #expect(dataset.manifest.requests == 29)
        #expect(dataset.manifest.provenance["events.without-request"] == "1 whose item has no attribute")
        let requests = dataset.allRequests()
        for request in requests {
            #expect(request.shown.count == 1 && request.shown[0].isClicked && request.shown[0].isPurchased)
            let item = try dataset.itemIndex(request.shown[0].item)
            let known = dataset.itemFeature("attribute")?.values(of: item.rawValue).map { "attribute \($0)" }
            #expect(known?.contains(request.query ?? "") == true)
        }
        #expect(requests.count { $0.query == "attribute 77" } == 1)
        #expect(Set(requests.map(\.query)).count > 8, "places of one user differ")
        #expect(dataset.itemFeature("attribute")?.values(of: try dataset.itemIndex("1").rawValue).count == 20)
        #expect(dataset.allEvents().allSatisfy { $0.action == .purchase && ($0.query == nil) == ($0.item == "3") })
        // Filters change nothing for those who are left.
        try FileManager.default.removeItem(at: sources.target)
        try attributes((0..<10).map { _ in "u0,1\n" }.joined(), attributeRows)
        let alone = try sources.importing("amazon-attributes", sources.folder.url).dataset.allRequests()
        #expect(alone.map(\.query) == requests.filter { $0.user == "u0" }.map(\.query))
    }

    @Test("the attributes must be there")
    func amazonAttributesMissing() throws {
        _ = try sources.file("interactions.csv", "user_id,item_id\nu,1\n")
        let error = #expect(throws: DatasetError.self) {
            try sources.importing("amazon-attributes", sources.folder.url)
        }
        #expect(error?.reason == .notFound && error?.description.contains("found none of item_attributes.csv") == true)
    }
}
