// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// What users of Taobao did from 2017-11-25 to 2017-12-03: `UserBehavior.csv`, without a header; user, item, category,
/// behavior and time in seconds.
///
/// `pv` (the page of the item was opened) is a view, `cart`, `fav` a favourite, `buy` a purchase. Item feature:
/// `category`. The published file has rows whose times cannot be: what lies outside the nine days, which are those of
/// China's clock, is left out and counted unless the options name other times. Rows that occur twice are two events.
///
/// - Source: H. Zhu et al. 2018, Learning Tree-based Deep Model for Recommender Systems, KDD, arXiv:1801.02294; columns
///   and days as in the data set's description at Alibaba Tianchi.
struct TaobaoFiles {
    private static let days: ClosedRange<Int64> = 1_511_539_200...1_512_316_799
    private let urls: [URL]

    init(_ paths: [URL]) throws { urls = try paths.map { try $0.sourceFile(named: ["UserBehavior.csv"]) } }

    func read(into session: inout ImportSession) throws {
        session.builder.filter.times = try ImportSession.times(session.options, usual: Self.days)
        var log = NumberedLog(features: [("category", 2)])
        for url in urls {
            let columns = ["user_id", "item_id", "category_id", "behavior", "timestamp"]
            let table = try session.table(url, ",", columns: columns)
            try log.read(table, into: &session) { table, row in
                guard let action = Self.action(row[3]) else { throw table.error(3, expected: "pv, buy, cart, fav") }
                return (action, try table.time(4, .seconds))
            }
        }
        log.finish(&session)
    }

    private static func action(_ name: FieldBytes) -> Action? {
        if name.elementsEqual("pv".utf8) { return .view }
        if name.elementsEqual("cart".utf8) { return .cart }
        if name.elementsEqual("fav".utf8) { return .favourite }
        return name.elementsEqual("buy".utf8) ? .purchase : nil
    }
}
