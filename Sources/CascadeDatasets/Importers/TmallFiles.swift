// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// What users of Tmall did in the half year up to the sale of 11 November 2014: `user_log_format1.csv`, with the columns
/// user_id, item_id, cat_id, seller_id, brand_id, time_stamp and action_type.
///
/// The source gives a day as month and day, without a year; it is taken to be of 2014. An event's time is the first
/// second of its day, UTC, so that events of a day keep the order of the rows. Actions: 0 is a click, 1 the cart, 2 a
/// purchase, 3 a favourite. Item features: `category`, `seller`, and `brand` where it is given; `2661.0` is brand `2661`.
///
/// - Source: IJCAI-15 data set (repeat buyers prediction), Alibaba Tianchi.
struct TmallFiles {
    private static let year: Int64 = 2014
    private static let columns = [
        "user_id", "item_id", "cat_id", "seller_id", "brand_id", "time_stamp", "action_type",
    ]
    private static let actions: [Action] = [.click, .cart, .purchase, .favourite]
    private let urls: [URL]

    init(_ paths: [URL]) throws { urls = try paths.map { try $0.sourceFile(named: ["user_log_format1.csv"]) } }

    func read(into session: inout ImportSession) throws {
        var log = NumberedLog(features: [("category", 2), ("seller", 3), ("brand", 4)])
        for url in urls {
            let table = try session.table(url, ",", quote: .literal)
            guard table.columns == Self.columns else {
                throw DatasetError(
                    .badRow,
                    """
                    \(url.path):1: found the columns \(table.columns.joined(separator: ",").prefix(200)), expected \
                    \(Self.columns.joined(separator: ",")). Is it user_log_format1.csv?
                    """
                )
            }
            try log.read(table, into: &session) { table, row in
                guard let day = Self.day(row[5]) else {
                    throw table.error(5, expected: "a month and a day such as 0829")
                }
                guard let number = row[6].integer(), Self.actions.indices.contains(Int(number)) else {
                    throw table.error(6, expected: "0, 1, 2 or 3")
                }
                return (Self.actions[Int(number)], Timestamp(seconds: day * 86_400))
            }
        }
        session.builder.note("year", String(Self.year))
        log.finish(&session)
    }

    /// Days since 1970-01-01 of a day that is written as month and day.
    private static func day(_ field: FieldBytes) -> Int64? {
        guard let number = field.integer(), number > 0 else { return nil }
        let (month, day) = (number / 100, number % 100)
        guard (1...12).contains(month), (1...daysIn(month, of: year)).contains(day) else { return nil }
        return daysSince1970(year: year, month: month, day: day)
    }
}
