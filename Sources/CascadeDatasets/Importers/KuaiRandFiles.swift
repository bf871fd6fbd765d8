// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// What users of KuaiRand were shown and clicked: `log_standard_*.csv` and `log_random_*.csv`, with
/// `video_features_basic_*.csv` and `user_features_*.csv` where they lie beside them.
///
/// The three editions (27K, 1K and Pure) have the same columns. A folder may be that of the archive or its `data`; of a
/// folder all logs are read, the standard ones first. A row with is_click 1 is a click and any other a view; views are
/// left out unless the options name actions. ``ImportOptions/tabs`` names the scenarios to keep. Milliseconds order the
/// events; whole seconds are stored.
///
/// Item features: `category` (the numbers in the column `tag`), `author`, `type` and `upload-type`. User features:
/// `activity`, `streamer`, `uploader`, `follows`, `fans`, `friends` and `registered`, as ranges. Features of videos and
/// users without an event are left out.
///
/// - Source: C. Gao et al. 2022, KuaiRand: An Unbiased Sequential Recommendation Dataset with Randomly Exposed Videos,
///   CIKM, arXiv:2208.08696; columns as in the data descriptions of https://kuairand.com.
struct KuaiRandFiles {
    private static let logColumns = ["user_id", "video_id", "time_ms", "is_click", "tab"]
    private static let logPrefixes = ["log_standard_", "log_random_"]
    private static let videoFeatures = [
        ("author_id", "author"), ("video_type", "type"), ("upload_type", "upload-type"),
    ]
    private static let userFeatures = [
        ("user_active_degree", "activity"), ("is_live_streamer", "streamer"), ("is_video_author", "uploader"),
        ("follow_user_num_range", "follows"), ("fans_user_num_range", "fans"), ("friend_user_num_range", "friends"),
        ("register_days_range", "registered"),
    ]
    private let logs: [URL]
    private let videos: [URL]
    private let users: [URL]

    init(_ paths: [URL]) throws {
        logs = try paths.flatMap(Self.logs)
        var folders: [URL] = []
        for folder in logs.map({ $0.deletingLastPathComponent().standardizedFileURL }) where !folders.contains(folder) {
            folders.append(folder)
        }
        videos = folders.flatMap { Self.files("video_features_basic_", in: $0) }
        users = folders.flatMap { Self.files("user_features_", in: $0) }
    }

    /// The logs that a path names: itself, or those in the folder or its `data`.
    private static func logs(at path: URL) throws -> [URL] {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path.path, isDirectory: &isFolder) else {
            throw DatasetError(.notFound, "\(path.path): there is no such file or folder. Check the path.")
        }
        guard isFolder.boolValue else { return [path] }
        for folder in [path, path.appendingPathComponent("data")] {
            let found = logPrefixes.flatMap { files($0, in: folder) }
            if !found.isEmpty { return found }
        }
        throw DatasetError(
            .notFound,
            """
            \(path.path): found none of log_standard_*.csv, log_random_*.csv in the folder or its folder data, nor \
            with .gz. Give the folder of KuaiRand, or the paths of its logs.
            """
        )
    }

    private static func files(_ prefix: String, in folder: URL) -> [URL] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return names.sorted()
            .filter { $0.hasPrefix(prefix) && ($0.hasSuffix(".csv") || $0.hasSuffix(".csv.gz")) }
            .map { folder.appendingPathComponent($0) }
    }

    func read(into session: inout ImportSession) throws {
        session.builder.filter.actions = session.options.actions ?? [.click]
        var otherTabs = 0
        for log in logs { try read(log: log, &otherTabs, into: &session) }
        if let tabs = session.options.tabs {
            let names = tabs.map(String.init).joined(separator: ", ")
            session.builder.note("tabs", names)
            session.builder.note("rows.other-tabs", String(otherTabs))
            if session.builder.eventCount == 0, otherTabs > 0 {
                throw DatasetError(
                    .empty,
                    "no row of tab \(names) is an event that is kept; \(otherTabs) rows have other tabs (see --tabs)."
                )
            }
        }
        for url in videos { try read(videos: url, into: &session) }
        for url in users { try read(users: url, into: &session) }
    }

    private func read(log: URL, _ otherTabs: inout Int, into session: inout ImportSession) throws {
        let table = try session.table(log, ",")
        let places = try table.places(of: Self.logColumns, in: "a log of KuaiRand")
        let tabs = session.options.tabs.map(Set.init)
        try session.read(table) { table, builder in
            let time = try table.time(places[2], .milliseconds)
            try table.withRow { row in
                for place in places[0...1] where row[place].integer() == nil {
                    throw table.error(place, expected: "a whole number")
                }
                let (click, tab) = (row[places[3]].integer(), row[places[4]].integer())
                guard let click, 0...1 ~= click else { throw table.error(places[3], expected: "0 or 1") }
                guard let tab else { throw table.error(places[4], expected: "a whole number") }
                guard tabs?.contains(Int(tab)) ?? true else {
                    otherTabs += 1
                    return
                }
                let action = click == 1 ? Action.click : .view
                _ = builder.add(user: row[places[0]], item: row[places[1]], action: action, time: time)
            }
        }
    }

    private func read(videos url: URL, into session: inout ImportSession) throws {
        let table = try session.table(url, ",")
        let places = try table.places(of: ["video_id", "tag"], in: "the basic features of KuaiRand's videos")
        let found = Self.present(Self.videoFeatures, in: table)
        try session.read(table) { table, builder in
            let id = try table.identifier(places[0])
            let tags = try table.text(places[1])
            let values = try found.map { ($0.name, try table.text($0.place)) }
            guard builder.items.find(id) != nil else { return }  // most videos of the source occur in no kept row
            let categories = tags.split(separator: ",").map { $0.filter { $0 != " " } }.filter { !$0.isEmpty }
            if !categories.isEmpty { builder.setItemFeature("category", categories, for: ItemID(id)) }
            for (name, value) in values where !value.isEmpty { builder.setItemFeature(name, [value], for: ItemID(id)) }
        }
    }

    private func read(users url: URL, into session: inout ImportSession) throws {
        let table = try session.table(url, ",")
        let place = try table.places(of: ["user_id"], in: "the features of KuaiRand's users")[0]
        let found = Self.present(Self.userFeatures, in: table)
        try session.read(table) { table, builder in
            let id = try table.identifier(place)
            let values = try found.map { ($0.name, try table.text($0.place)) }
            for (name, value) in values where !value.isEmpty { builder.setUserFeature(name, [value], for: UserID(id)) }
        }
    }

    private static func present(_ features: [(column: String, name: String)], in table: TableReader) -> [(
        place: Int, name: String
    )] {
        features.compactMap { feature in
            table.columns.firstIndex(of: feature.column).map { (place: $0, name: feature.name) }
        }
    }
}
