// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// Purchases with an attribute of the bought item as the query: `interactions.csv` (user_id, item_id, a user's rows in
/// the order of time) and `item_attributes.csv` (item_id, attribute_id: the item's categories and brand).
///
/// A purchase is a request for `attribute 123`, whose one shown item was clicked and bought; what else there was is not
/// known, so that a model draws it. Which of the item's distinct attributes is asked for is the remainder of a hash of
/// the user's id and of the purchase's place among the user's, from 0: the same on every machine, whatever is filtered.
/// An item without attributes is bought without a request. There are no times. Item feature: `attribute`.
///
/// - Source: K. Zhou et al. 2020, S3-Rec, CIKM, arXiv:2008.07873 (the attributes); reviews of Amazon, 5-core.
struct AmazonAttributes {
    private let interactions: URL
    private let attributes: URL

    init(_ path: URL) throws {
        interactions = try path.sourceFile(named: ["interactions.csv"])
        attributes = try interactions.deletingLastPathComponent().sourceFile(named: ["item_attributes.csv"])
    }

    func read(into session: inout ImportSession) throws {
        let known = try itemAttributes(&session)
        let table = try session.table(interactions, ",")
        let places = try table.places(of: ["user_id", "item_id"], in: "interactions.csv")
        var counts: [UserID: UInt64] = [:]
        var without = 0
        try session.read(table) { table, builder in
            let (user, item) = (UserID(try table.identifier(places[0])), ItemID(try table.identifier(places[1])))
            let position = counts[user, default: 0]
            counts[user] = position + 1
            let query = known[item].map { "attribute \($0[Self.choice(user, position, of: $0.count)].rawValue)" }
            if let query {
                let shown = SearchRequest.Shown(item, isClicked: true, isPurchased: true)
                builder.add(SearchRequest(user: user, query: query, shown: [shown]))
            } else {
                without += 1
            }
            builder.add(Event(user: user, item: item, action: .purchase, query: query))
        }
        for (item, values) in known.sorted(by: { $0.key < $1.key }) {
            session.builder.setItemFeature("attribute", values.map(\.rawValue), for: item)
        }
        session.builder.note("events.without-request", "\(without) whose item has no attribute")
    }

    private static func choice(_ user: UserID, _ position: UInt64, of count: Int) -> Int {
        var user = user.rawValue
        let hash = user.withUTF8 { Fingerprint.hash(UnsafeRawBufferPointer($0)) }
        return Int(SplitMix64.mix(hash, position) % UInt64(count))
    }

    /// The distinct attributes of each item, in the order of the file.
    private func itemAttributes(_ session: inout ImportSession) throws -> [ItemID: [ByteString]] {
        let table = try session.table(attributes, ",")
        let places = try table.places(of: ["item_id", "attribute_id"], in: "item_attributes.csv")
        var known: [ItemID: [ByteString]] = [:]
        try session.read(table) { table, _ in
            let (item, attribute) = (
                ItemID(try table.identifier(places[0])), ByteString(try table.identifier(places[1]))
            )
            if known[item]?.contains(attribute) != true { known[item, default: []].append(attribute) }
        }
        return known
    }
}
