// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// KuaiSAR, search and recommendation in one app: `src_inter.csv` (what searches showed) and `rec_inter.csv` (what was
/// recommended), with `item_features.csv` and `user_features.csv` where they exist.
///
/// The rows of one search (user, search_session_id, search_session_timestamp, keyword) are one request, wherever they
/// lie in the file; an item that was shown twice in it is one, clicked when any of its rows is. The query is the list of
/// numbers that stand for words, with spaces between. Request feature: `source`, how the search began. Clicked items
/// (click_cnt above 0) are clicks with that query, after the request. A recommendation that was clicked is a click
/// without a query; one that was not is left out and counted. The milliseconds of the source order searches and
/// recommendations; whole seconds are stored. The source does not say in which order the results stood: they have no
/// numbers.
///
/// Item features where the columns are there: `author`, `type`, `category` and `subcategory` (0 is none). User
/// features: `search-activity`, `recommendation-activity`, `onehot-1` and `onehot-2`.
///
/// Until all searches are read, 9 bytes for each of their rows and about 200 for each search are in memory, beside
/// what the data set takes.
///
/// - Source: Z. Sun et al. 2023, KuaiSAR: A Unified Search And Recommendation Dataset, CIKM, arXiv:2306.07705; columns
///   as in the data descriptions of https://kuaisar.github.io/detailed_statistics.html.
struct KuaiSARFiles {
    private static let searchColumns = [
        "user_id", "search_session_id", "search_session_timestamp", "keyword", "search_source", "item_id", "click_cnt",
    ]
    private static let recommendationColumns = ["user_id", "item_id", "click", "timestamp"]
    private static let itemFeatures = [
        ("author_id", "author"), ("item_type", "type"), ("first_level_category_id", "category"),
        ("second_level_category_id", "subcategory"),
    ]
    private static let userFeatures = [
        ("search_active_level", "search-activity"), ("rec_active_level", "recommendation-activity"),
        ("onehot_feat1", "onehot-1"), ("onehot_feat2", "onehot-2"),
    ]
    private let searches: URL
    private let recommendations: URL
    private let items: URL?
    private let users: URL?

    init(_ path: URL) throws {
        searches = try path.sourceFile(named: ["src_inter.csv"])
        let folder = searches.deletingLastPathComponent()
        recommendations = try folder.sourceFile(named: ["rec_inter.csv"])
        items = try? folder.sourceFile(named: ["item_features.csv"])
        users = try? folder.sourceFile(named: ["user_features.csv"])
    }

    func read(into session: inout ImportSession) throws {
        try readSearches(&session)
        try readRecommendations(&session)
        if let items {
            try read(items, ids: "item_id", features: Self.itemFeatures, isPadded: true, into: &session) {
                builder,
                id,
                name,
                value in
                guard builder.items.find(id) != nil else { return }  // most items of the source occur nowhere
                builder.setItemFeature(name, [value], for: ItemID(id))
            }
        }
        if let users {
            try read(users, ids: "user_id", features: Self.userFeatures, isPadded: false, into: &session) {
                builder,
                id,
                name,
                value in
                builder.setUserFeature(name, [value], for: UserID(id))
            }
        }
    }

    private func readSearches(_ session: inout ImportSession) throws {
        let table = try session.table(searches, ",")
        let places = try table.places(of: Self.searchColumns, in: "src_inter.csv of KuaiSAR")
        var rows = SearchRows()
        var contexts = ["": [:]] as [ByteString: [String: [String]]]  // one for each source, which its searches share
        try session.read(table) { table, _ in
            let user = try table.identifier(places[0])
            let number = try table.identifier(places[1])
            let time = try table.time(places[2], .milliseconds)
            let query = try Self.query(table, places[3])
            let source = ByteString(try table.text(places[4]))
            let item = try table.identifier(places[5])
            guard let clicks = try table.number(places[6]), clicks >= 0 else {
                throw table.error(places[6], expected: "a number from 0")
            }
            let key = "\(user)\t\(number)\t\(time.seconds).\(time.nanoseconds)\t\(query)"
            let context = contexts[source] ?? ["source": [source.rawValue]]
            contexts[source] = context
            rows.add(item, isClicked: clicks > 0, key: key) {
                let request = SearchRequest(
                    user: UserID(user),
                    query: query.isEmpty ? nil : query,
                    time: time.seconds,
                    shown: [],
                    context: context
                )
                return (request, time.nanoseconds)
            }
        }
        rows.forEach { request, nanoseconds in
            session.builder.add(request, nanoseconds: nanoseconds)
            for item in request.shown where item.isClicked {
                session.builder.add(
                    Event(user: request.user, item: item.item, time: request.time, query: request.query),
                    nanoseconds: nanoseconds
                )
            }
        }
        session.builder.note(
            "searches.shown-twice",
            "\(rows.repeatCount) rows with an item that the search has already"
        )
    }

    /// `[20, 34, 3]` as `20 34 3`.
    private static func query(_ table: TableReader, _ column: Int) throws -> String {
        let text = try table.text(column)
        guard text.hasPrefix("["), text.hasSuffix("]") else {
            throw table.error("found no list in column '\(table.columns[column])', expected one such as [20, 34, 3]")
        }
        let words = text.dropFirst().dropLast().split(separator: ",").map { $0.filter { $0 != " " && $0 != "'" } }
        return words.filter { !$0.isEmpty }.joined(separator: " ")
    }

    private func readRecommendations(_ session: inout ImportSession) throws {
        let table = try session.table(recommendations, ",")
        let places = try table.places(of: Self.recommendationColumns, in: "rec_inter.csv of KuaiSAR")
        var unclicked = 0
        try session.read(table) { table, builder in
            guard let click = try table.number(places[2]), click >= 0 else {
                throw table.error(places[2], expected: "a number from 0")
            }
            let time = try table.time(places[3], .milliseconds)
            try table.withRow { row in
                for place in places[0...1] where row[place].isEmpty { throw table.error(place, expected: "an id") }
                guard click > 0 else {
                    unclicked += 1
                    return
                }
                _ = builder.add(user: row[places[0]], item: row[places[1]], action: .click, time: time)
            }
        }
        session.builder.note("rows.not-clicked", String(unclicked))
    }

    private func read(
        _ url: URL,
        ids id: String,
        features: [(column: String, name: String)],
        isPadded: Bool,
        into session: inout ImportSession,
        _ set: (inout DatasetBuilder, String, String, String) -> Void
    ) throws {
        let table = try session.table(url, ",")
        let place = try table.places(of: [id], in: "\(url.lastPathComponent) of KuaiSAR")[0]
        let found = features.compactMap { feature in
            table.columns.firstIndex(of: feature.column).map { (place: $0, name: feature.name) }
        }
        try session.read(table) { table, builder in
            let key = try table.identifier(place)
            let values = try found.map { ($0.name, try table.text($0.place)) }
            for (name, value) in values where !value.isEmpty && !(isPadded && value == "0") {
                set(&builder, key, name, value)
            }
        }
    }
}

/// The rows of searches, each search's to be had together wherever they lie in the file.
private struct SearchRows {
    private var keys = StringTable()
    private var requests: [(SearchRequest, nanoseconds: UInt32)] = []  // by search, without shown items
    private var itemIDs = StringTable()
    private var searches: [Int32] = []  // by row
    private var items: [Int32] = []
    private var clicks: [Bool] = []
    /// Rows with an item that their search has already.
    private(set) var repeatCount = 0

    mutating func add(_ item: String, isClicked: Bool, key: String, _ request: () -> (SearchRequest, UInt32)) {
        let search = keys.insert(key)
        if Int(search) == requests.count { requests.append(request()) }
        searches.append(search)
        items.append(itemIDs.insert(item))
        clicks.append(isClicked)
    }

    /// Calls the function with each search, in the order in which they begin.
    mutating func forEach(_ body: (SearchRequest, _ nanoseconds: UInt32) -> Void) {
        var ends = [Int](repeating: 0, count: requests.count + 1)
        for search in searches { ends[Int(search) + 1] += 1 }
        for search in requests.indices { ends[search + 1] += ends[search] }
        var next = ends
        var order = [Int32](repeating: 0, count: searches.count)
        for (row, search) in searches.enumerated() {
            order[next[Int(search)]] = Int32(row)
            next[Int(search)] += 1
        }
        for (search, entry) in requests.enumerated() {
            var (request, nanoseconds) = entry
            var places: [Int32: Int] = [:]
            for row in order[ends[search]..<ends[search + 1]].map(Int.init) {
                if let place = places[items[row]] {
                    repeatCount += 1
                    if clicks[row] { request.shown[place].isClicked = true }
                } else {
                    places[items[row]] = request.shown.count
                    request.shown.append(.init(ItemID(itemIDs[Int(items[row])]), isClicked: clicks[row]))
                }
            }
            body(request, nanoseconds)
        }
    }
}
