// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// Product search made of purchases: `purchases.csv` with the columns split, user, query and item, a user's rows in the
/// order of time; the query is the text of a category of the bought item.
///
/// Each row is a request whose one shown item was clicked and bought; what else there was is not known, so that a model
/// draws it. Rows one after another that differ in the query alone are one purchase that answers several queries, for
/// an item in several categories: one event, after all of its requests, so that none of them has it in its history. The
/// event's query is the first. There are no times. The part becomes the request feature `split`, which ``Split/given``
/// reads; in the published division none of the queries of a part occurs in the other, and the manifest counts that.
///
/// - Source: Q. Ai et al. 2017, Learning a Hierarchical Embedding Model for Personalized Product Search, SIGIR,
///   arXiv:1708.08123, section 4.1.
struct AmazonSearchFile {
    private let url: URL

    init(_ path: URL) throws { url = try path.sourceFile(named: ["purchases.csv"]) }

    func read(into session: inout ImportSession) throws {
        let table = try session.table(url, ",")
        let places = try table.places(of: [GivenPart.feature, "user", "query", "item"], in: "purchases.csv")
        var purchase: Purchase?
        var queries: [GivenPart: Set<ByteString>] = [:]
        try session.read(table) { table, builder in
            guard let part = GivenPart(name: try table.text(places[0])) else {
                throw table.error(places[0], expected: "train, val or test")
            }
            let user = UserID(try table.identifier(places[1]))
            let query = ByteString(try table.identifier(places[2]))
            let item = ItemID(try table.identifier(places[3]))
            queries[part, default: []].insert(query)
            if let open = purchase, open.part == part, open.user == user, open.item == item,
                !open.queries.contains(query)
            {
                purchase?.queries.append(query)
            } else {
                purchase?.add(to: &builder)
                purchase = Purchase(part: part, user: user, item: item, queries: [query])
            }
        }
        purchase?.add(to: &session.builder)
        let trained = queries[.train] ?? []
        for part in [GivenPart.validation, .test] {
            guard let asked = queries[part] else { continue }
            let known = asked.count { trained.contains($0) }
            session.builder.note(
                "queries.\(part.rawValue)",
                "\(known) of the \(asked.count) queries of \(part.rawValue) occur in train"
            )
        }
    }

    private struct Purchase {
        let part: GivenPart
        let user: UserID
        let item: ItemID
        var queries: [ByteString]

        func add(to builder: inout DatasetBuilder) {
            for query in queries {
                builder.add(
                    SearchRequest(
                        user: user,
                        query: query.rawValue,
                        shown: [SearchRequest.Shown(item, isClicked: true, isPurchased: true)],
                        context: [GivenPart.feature: [part.rawValue]]
                    )
                )
            }
            builder.add(Event(user: user, item: item, action: .purchase, query: queries.first?.rawValue))
        }
    }
}
