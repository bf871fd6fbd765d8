// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// Hotel search with the lists that were shown: `log.csv`, what users of trivago did, one action a row.
///
/// A `clickout item` with a list is a search request. Its query is the text that the session searched for last, a
/// destination or a point of interest, and the filters that were active, with `; ` between; none where there is
/// neither. A `search for item` ends what was searched before: the list that follows is that hotel's surroundings, and
/// the source has no text for it. The shown hotels carry `price` (its natural logarithm), `price-rank` (the share of the
/// list that is cheaper) and `rank` (the logarithm of 1 + its place, from 0). Request features: `platform`, `device`,
/// and the user's `city`, where cities with fewer than 10 requests are `other`.
///
/// Every action on a hotel is an event with the query of that moment: a click for `clickout item`, a view for the
/// others. Rows that name no hotel (`unknown`) are no events. Where the hotel that was clicked is not in the list,
/// nothing is known of what it was preferred to: the row is an event and no request. The manifest counts both.
///
/// A session ends where the user or the session changes or its step does not rise, since a few session ids occur twice.
///
/// - Source: P. Knees et al. 2019, RecSys Challenge 2019: Session-based Hotel Recommendations, RecSys.
struct TrivagoLog {
    private static let columns = [
        "user_id", "session_id", "timestamp", "step", "action_type", "reference", "platform", "city", "device",
        "current_filters", "impressions", "prices",
    ]
    private static let fewestOfACity = 10
    private let url: URL

    init(_ path: URL) throws { url = try path.sourceFile(named: ["log.csv", "train.csv"]) }

    func read(into session: inout ImportSession) throws {
        let table = try session.table(url, ",")
        let places = try table.places(of: Self.columns, in: "a log of trivago")
        session.builder.shownFeatures = ["price", "price-rank", "rank"]
        var moment = Moment()
        var (unnamed, unlisted) = (0, 0)
        try session.read(table) { table, builder in
            let row = try Row(table, places)
            moment.move(to: row)
            guard row.kind.isOnItem else { return }
            guard row.reference.utf8.allSatisfy({ $0 &- UInt8(ascii: "0") < 10 }) else {
                unnamed += 1
                return
            }
            let query = moment.query(row.filters)
            if row.kind == .clickOut {
                let shown = row.shown
                if shown.contains(where: \.isClicked) {
                    builder.add(
                        SearchRequest(
                            user: row.user,
                            query: query,
                            time: row.time.seconds,
                            shown: shown,
                            context: row.context
                        ),
                        nanoseconds: row.time.nanoseconds
                    )
                } else {
                    unlisted += 1
                }
            }
            let action: Action = row.kind == .clickOut ? .click : .view
            builder.add(
                Event(
                    user: row.user,
                    item: ItemID(row.reference),
                    action: action,
                    time: row.time.seconds,
                    query: query
                ),
                nanoseconds: row.time.nanoseconds
            )
        }
        session.builder.requests.replaceRare("city", below: Self.fewestOfACity, with: "other")
        session.builder.note("rows.without-item", String(unnamed))
        session.builder.note("requests.left-out", "\(unlisted) whose chosen item is not in the list")
    }

    /// What a session searched for last.
    private struct Moment {
        private var owner: (UserID, ByteString)?
        private var step: Float = 0
        private var text: String?

        mutating func move(to row: Row) {
            let isSame = owner.map { $0 == (row.user, row.session) && row.step > step } ?? false
            if !isSame { text = nil }
            (owner, step) = ((row.user, row.session), row.step)
            switch row.kind {
            case .destination, .pointOfInterest: text = row.reference
            case .item: text = nil
            default: break
            }
        }

        func query(_ filters: [String]) -> String? {
            let parts = (text.map { [$0] } ?? []) + filters
            return parts.isEmpty ? nil : parts.joined(separator: "; ")
        }
    }
}

/// One row of the log.
private struct Row {
    enum Kind: String, CaseIterable {
        case clickOut = "clickout item"
        case image = "interaction item image"
        case info = "interaction item info"
        case rating = "interaction item rating"
        case deals = "interaction item deals"
        case item = "search for item"
        case destination = "search for destination"
        case pointOfInterest = "search for poi"
        case filter = "filter selection"
        case order = "change of sort order"

        var isOnItem: Bool {
            switch self {
            case .destination, .pointOfInterest, .filter, .order: false
            default: true
            }
        }
    }

    let user: UserID
    let session: ByteString
    let time: Timestamp
    let step: Float
    let kind: Kind
    let reference: String
    let filters: [String]
    let context: [String: [String]]
    private let items: [String]
    private let prices: [Float]  // NaN where not known

    init(_ table: TableReader, _ places: [Int]) throws {
        user = UserID(try table.identifier(places[0]))
        session = ByteString(try table.identifier(places[1]))
        time = try table.time(places[2], .seconds)
        guard let step = try table.number(places[3]) else { throw table.error(places[3], expected: "a number") }
        self.step = step
        guard let kind = Kind(rawValue: try table.text(places[4])) else {
            throw table.error(places[4], expected: Kind.allCases.map(\.rawValue).joined(separator: ", "))
        }
        self.kind = kind
        reference = try kind == .filter || kind == .order ? table.text(places[5]) : table.identifier(places[5])
        var context: [String: [String]] = [:]
        for (name, place) in [("platform", places[6]), ("city", places[7]), ("device", places[8])] {
            let text = try table.text(place)
            if !text.isEmpty { context[name] = [text] }
        }
        self.context = context
        filters = try table.text(places[9]).split(separator: "|").map(String.init)
        guard kind == .clickOut, !table.isEmpty(places[10]) else {
            (items, prices) = ([], [])
            return
        }
        items = try table.text(places[10]).split(separator: "|", omittingEmptySubsequences: false).map(String.init)
        guard !items.contains("") else { throw table.error(places[10], expected: "ids with | between") }
        let texts = try table.text(places[11]).split(separator: "|", omittingEmptySubsequences: false)
        prices = texts.compactMap { $0.isEmpty ? .nan : Float($0) }.filter { !$0.isInfinite }.map { $0 > 0 ? $0 : .nan }
        guard prices.count == texts.count, prices.count == items.count else {
            throw table.error(
                places[11],
                expected: "\(items.count) prices with | between, one for each of the impressions"
            )
        }
    }

    /// The list, with its numbers.
    var shown: [SearchRequest.Shown] {
        items.indices.map { place in
            let price = prices[place]
            let cheaper = price.isNaN ? .nan : Float(prices.count { $0 < price }) / Float(prices.count)
            return SearchRequest.Shown(
                ItemID(items[place]),
                isClicked: items[place] == reference,
                values: [log(price), cheaper, log(1 + Float(place))]
            )
        }
    }
}
