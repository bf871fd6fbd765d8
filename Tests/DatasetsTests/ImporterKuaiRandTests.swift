// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import Foundation
import TestSupport
import Testing

@Suite("Importing kuairand")
struct ImporterKuaiRandTests {
    let sources: TemporarySources
    init() throws { sources = try TemporarySources() }

    private static let header = """
        user_id,video_id,date,hourmin,time_ms,is_click,is_like,is_follow,is_comment,is_forward,is_hate,long_view,\
        play_time_ms,duration_ms,profile_stay_time,comment_stay_time,is_profile_enter,is_rand,tab

        """

    private func row(_ user: Int, _ video: Int, _ time: Int, click: Int, random: Int = 0, tab: Int = 1) -> String {
        "\(user),\(video),20220421,400,\(time),\(click),0,0,0,0,0,1,151024,104400,0,0,0,\(random),\(tab)\n"
    }

    /// The logs of an edition, as they lie in its archive.
    private func edition(in folder: String = "data") throws {
        let url = folder.isEmpty ? sources.folder.url : sources.folder.file(folder)
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        let place = folder.isEmpty ? "" : "\(folder)/"
        _ = try sources.file(
            "\(place)log_standard_4_08_to_4_21_1k.csv",
            Self.header + row(0, 11, 1_650_485_801_301, click: 1) + row(0, 12, 1_650_485_801_300, click: 1, tab: 4)
                + row(5, 11, 1_650_485_802_000, click: 0)
        )
        _ = try sources.file(
            "\(place)log_standard_4_22_to_5_08_1k.csv",
            Self.header + row(0, 13, 1_650_600_000_000, click: 1) + row(5, 12, 1_650_600_000_001, click: 1)
        )
        _ = try sources.file(
            "\(place)log_random_4_22_to_5_08_1k.csv",
            Self.header + row(5, 14, 1_650_600_000_000, click: 1, random: 1)
        )
    }

    @Test("a folder's logs are read, standard and random ones; clicks are events in the order of their milliseconds")
    func logs() throws {
        try edition()
        let dataset = try sources.importing("kuairand", sources.folder.url).dataset
        #expect(
            dataset.allEvents() == [
                Event(user: "0", item: "12", time: 1_650_485_801), Event(user: "0", item: "11", time: 1_650_485_801),
                Event(user: "0", item: "13", time: 1_650_600_000), Event(user: "5", item: "14", time: 1_650_600_000),
                Event(user: "5", item: "12", time: 1_650_600_000),
            ]
        )
        #expect(dataset.manifest.provenance["rows.other-actions"] == "1")
        #expect(
            dataset.manifest.provenance["files"] == """
                log_standard_4_08_to_4_21_1k.csv, log_standard_4_22_to_5_08_1k.csv, log_random_4_22_to_5_08_1k.csv
                """
        )
    }

    @Test("only rows of the tabs that are asked for are kept, and the others are counted")
    func tabs() throws {
        try edition(in: "")
        let dataset = try sources.importing("kuairand", sources.folder.url) { $0.tabs = [1] }.dataset
        #expect(dataset.allEvents().map(\.item) == ["11", "13", "14", "12"])
        #expect(dataset.manifest.provenance["tabs"] == "1")
        #expect(dataset.manifest.provenance["rows.other-tabs"] == "1")
    }

    @Test("a single log is read alone, and views are kept where the options ask for them")
    func views() throws {
        try edition()
        let log = sources.folder.file("data/log_standard_4_08_to_4_21_1k.csv")
        let dataset = try sources.importing("kuairand", log) { $0.actions = [.click, .view] }.dataset
        #expect(
            dataset.allEvents() == [
                Event(user: "0", item: "12", time: 1_650_485_801), Event(user: "0", item: "11", time: 1_650_485_801),
                Event(user: "5", item: "11", action: .view, time: 1_650_485_802),
            ]
        )
    }

    @Test("videos have their tags as categories, and users their ranges; what occurs in no kept row has none")
    func features() throws {
        try edition()
        _ = try sources.file(
            "data/video_features_basic_1k.csv",
            """
            video_id,author_id,video_type,upload_dt,upload_type,visible_status,video_duration,server_width,\
            server_height,music_id,music_type,tag
            11,441,NORMAL,2020-07-08,ShortImport,1,17200.0,720,1280,989206467,4,"12,65"
            12,441,AD,2020-07-08,LongImport,1,,720,1280,989206467,4,8
            13,7,NORMAL,2020-07-08,ShortImport,1,17200.0,720,1280,989206467,4,
            99,8,NORMAL,2020-07-08,Web,1,17200.0,720,1280,989206467,4,77

            """
        )
        _ = try sources.file(
            "data/user_features_1k.csv",
            """
            user_id,user_active_degree,is_lowactive_period,is_live_streamer,is_video_author,follow_user_num,\
            follow_user_num_range,register_days_range
            0,full_active,0,0,1,5,"(0,10]",730+
            8,high_active,0,1,0,5,500+,61-90

            """
        )
        let dataset = try sources.importing("kuairand", sources.folder.url).dataset
        func categories(_ item: ItemID) throws -> [String]? {
            dataset.itemFeature("category")?.values(of: try dataset.itemIndex(item).rawValue)
        }
        #expect(try categories("11") == ["12", "65"])
        #expect(try categories("12") == ["8"])
        #expect(try categories("13") == [])
        #expect(try categories("14") == [])
        #expect(dataset.itemFeature("author")?.vocabulary == ["441", "7"])
        #expect(dataset.itemFeature("upload-type")?.vocabulary == ["ShortImport", "LongImport"])
        #expect(dataset.userFeatureNames == ["activity", "follows", "registered", "streamer", "uploader"])
        #expect(dataset.userFeature("follows")?.vocabulary == ["(0,10]"])
    }

    @Test(
        "bad rows are refused with their file and line, and left out on demand",
        arguments: [
            ("0,11,20220421,400,soon,1,0,1\n", "found 'soon' in column 'time_ms', expected a number of milliseconds"),
            ("0,11,20220421,400,1650485801301,2,0,1\n", "found '2' in column 'is_click', expected 0 or 1"),
            ("0,11,20220421,400,1650485801301,,0,1\n", "found '' in column 'is_click', expected 0 or 1"),
            (",11,20220421,400,1650485801301,1,0,1\n", "found '' in column 'user_id', expected a whole number"),
            ("0,x11,20220421,400,1650485801301,1,0,1\n", "found 'x11' in column 'video_id', expected a whole number"),
            ("0,11,20220421,400,1650485801301,1,0,main\n", "found 'main' in column 'tab', expected a whole number"),
            ("0,11,20220421\n", "found 3 columns, expected 8"),
        ]
    )
    func badRows(_ row: String, _ message: String) throws {
        let log = try sources.file(
            "log_standard_4_08_to_4_21_1k.csv",
            "user_id,video_id,date,hourmin,time_ms,is_click,is_like,tab\n0,10,20220421,400,1650485801301,1,0,1\n" + row
        )
        let error = #expect(throws: DatasetError.self) { try sources.importing("kuairand", log) }
        #expect(error?.reason == .badRow)
        let described = error?.description ?? ""
        #expect(described.contains("log_standard_4_08_to_4_21_1k.csv:3: \(message)"), "\(described)")
        let report = try sources.importing("kuairand", log) { $0.onError = .skip }
        #expect((report.rowsRead, report.rowsSkipped, report.dataset.eventCount) == (2, 1, 1))
    }

    @Test("missing logs and columns, tabs that no row has, and tabs of other formats are explained")
    func refusals() throws {
        var error = #expect(throws: DatasetError.self) { try sources.importing("kuairand", sources.folder.url) }
        #expect(error?.reason == .notFound)
        #expect(error?.description.contains("found none of log_standard_*.csv, log_random_*.csv") == true)
        let log = try sources.file("log_random_4_22_to_5_08_pure.csv", "user_id,video_id,time_ms\n1,2,3\n")
        error = #expect(throws: DatasetError.self) { try sources.importing("kuairand", log) }
        #expect(error?.description.contains("expected also is_click, tab. Is this a log of KuaiRand?") == true)
        try edition()
        error = #expect(throws: DatasetError.self) {
            try sources.importing("kuairand", sources.folder.file("data")) { $0.tabs = [9] }
        }
        #expect(error?.reason == .empty && error?.description.contains("6 rows have other tabs (see --tabs)") == true)
        let table = try sources.file("r.csv", "user,item,timestamp\nu,a,1\n")
        error = #expect(throws: DatasetError.self) { try sources.importing("csv", table) { $0.tabs = [1] } }
        #expect(error?.reason == .badOption && error?.description.contains("--tabs: found with --from csv") == true)
    }
}
