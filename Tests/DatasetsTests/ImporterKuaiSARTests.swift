// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import Foundation
import TestSupport
import Testing

@Suite("Importing kuaisar")
struct ImporterKuaiSARTests {
    let sources: TemporarySources
    init() throws { sources = try TemporarySources() }

    private static let searchHeader =
        "user_id,search_session_id,search_session_time,search_session_timestamp,keyword,search_source,item_id,click_cnt,item_type\n"
    private static let recommendationHeader = "user_id,item_id,playing_time,duration_ms,time,timestamp,click\n"

    private func search(_ user: Int, _ session: Int, _ time: String, _ words: String, _ item: Int, _ clicks: String)
        -> String
    {
        "\(user),\(session),2023-05-22 21:58:52,\(time),\"\(words)\",USER_INPUT,\(item),\(clicks),VIDEO\n"
    }

    private func files(_ searches: String, _ recommendations: String = "") throws {
        _ = try sources.file("src_inter.csv", Self.searchHeader + searches)
        _ = try sources.file("rec_inter.csv", Self.recommendationHeader + recommendations)
    }

    @Test("the rows of a search are one request, wherever they lie, and what was clicked are events after it")
    func searches() throws {
        try files(
            search(1, 5, "1684763932919", "[20, 34]", 100, "0") + search(1, 5, "1684763932919", "[20, 34]", 101, "2")
                + search(2, 5, "1684763932919.0", "[20, 34]", 100, "0") + search(1, 6, "1684763933000", "[]", 102, "1")
                + search(1, 5, "1684763932919", "[20, 34]", 103, "0")
                + search(1, 5, "1684763932919", "[20, 34]", 100, "1"),
            "1,900,5.0,9.0,x,1684763932000.0,1\n1,901,5.0,9.0,x,1684763000000.0,1\n1,902,5.0,9.0,x,1684763001000.0,0\n"
        )
        let dataset = try sources.importing("kuaisar", sources.folder.url).dataset
        let requests = dataset.allRequests()
        #expect(requests.map(\.user) == ["1", "1", "2"])
        #expect(requests.map(\.query) == ["20 34", nil, "20 34"])
        #expect(requests.map(\.time) == [1_684_763_932, 1_684_763_933, 1_684_763_932])
        #expect(requests.map { $0.shown.map(\.item) } == [["100", "101", "103"], ["102"], ["100"]])
        #expect(requests.map { $0.shown.map(\.isClicked) } == [[true, true, false], [true], [false]])
        #expect(requests.allSatisfy { $0.context == ["source": ["USER_INPUT"]] && $0.shown[0].values.isEmpty })
        // The recommendation of the search's second lies before it by the milliseconds.
        #expect(dataset.historiesOfRequests() == [["901", "900"], ["901", "900", "100", "101"], []])
        #expect(dataset.allEvents().map(\.query) == [nil, nil, "20 34", "20 34", nil])
        #expect(dataset.allEvents().allSatisfy { $0.action == .click && $0.user == "1" })
        let notes = dataset.manifest.provenance
        #expect(notes["rows.not-clicked"] == "1" && notes["searches.shown-twice"]?.hasPrefix("1 ") == true)
    }

    @Test("items and users have features where the files are there; 0 is padding of items alone")
    func features() throws {
        try files(search(1, 5, "1000", "[1]", 100, "1") + search(1, 5, "1000", "[1]", 101, "0"))
        _ = try sources.file(
            "item_features.csv",
            "item_id,caption,author_id,item_type,first_level_category_id,second_level_category_id\n"
                + "100,\"[1, 2]\",7,NORMAL,9,0\n101,\"[1]\",0,NORMAL,8,3\n555,\"[]\",1,NORMAL,1,1\n"
        )
        _ = try sources.file("user_features.csv", "user_id,search_active_level,onehot_feat1\n1,3,0\n2,1,1\n")
        let dataset = try sources.importing("kuaisar", sources.folder.url).dataset
        #expect(dataset.itemCount == 2 && dataset.userCount == 1)
        #expect(dataset.itemFeature("author")?.vocabulary == ["7"])
        #expect(dataset.itemFeature("category")?.values(of: try dataset.itemIndex("101").rawValue) == ["8"])
        #expect(dataset.itemFeature("subcategory")?.vocabulary == ["3"])
        #expect(dataset.userFeatureNames == ["onehot-1", "search-activity"])
        #expect(dataset.userFeature("onehot-1")?.vocabulary == ["0"])
    }

    @Test(
        "bad rows are refused with their line",
        arguments: [
            (
                "1,5,x,1000,20,USER_INPUT,100,1,VIDEO\n",
                "found no list in column 'keyword', expected one such as [20, 34, 3]"
            ),
            ("1,5,x,soon,[20],USER_INPUT,100,1,VIDEO\n", "expected a number of milliseconds since 1970"),
            ("1,5,x,1000,[20],USER_INPUT,100,-1,VIDEO\n", "found '-1' in column 'click_cnt', expected a number from 0"),
            ("1,5,x,1000,[20],USER_INPUT,,1,VIDEO\n", "found '' in column 'item_id', expected an id on one line"),
        ]
    )
    func badSearches(_ row: String, _ message: String) throws {
        try files(row)
        let error = #expect(throws: DatasetError.self) { try sources.importing("kuaisar", sources.folder.url) }
        #expect(error?.reason == .badRow && error?.description.contains("src_inter.csv:2: ") == true)
        #expect(error?.description.contains(message) == true)
    }

    @Test("bad recommendations and missing columns are named")
    func badRecommendations() throws {
        try files(search(1, 5, "1000", "[1]", 100, "1"), "1,,5,9,x,1000,1\n")
        var error = #expect(throws: DatasetError.self) { try sources.importing("kuaisar", sources.folder.url) }
        #expect(error?.description.contains("rec_inter.csv:2: found '' in column 'item_id', expected an id") == true)
        _ = try sources.file("rec_inter.csv", "user_id,item_id,time\n")
        error = #expect(throws: DatasetError.self) { try sources.importing("kuaisar", sources.folder.url) }
        #expect(
            error?.description.contains("expected also click, timestamp. Is this rec_inter.csv of KuaiSAR?") == true
        )
        try FileManager.default.removeItem(at: sources.folder.file("rec_inter.csv"))
        error = #expect(throws: DatasetError.self) { try sources.importing("kuaisar", sources.folder.url) }
        #expect(error?.reason == .notFound && error?.description.contains("found none of rec_inter.csv") == true)
    }
}
