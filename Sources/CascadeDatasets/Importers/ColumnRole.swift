// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// What a column of a table is read as, and by which names it is known where no option names it.
enum ColumnRole: String, CaseIterable {
    case user
    case item
    case time
    case action
    case value
    case query
    case title
    case request
    case clicked
    case purchased

    /// The option that names the column.
    var option: String { "--\(rawValue)-column" }

    /// The usual names, in the form of ``ColumnName``, most certain first.
    ///
    /// The first group that has a column of the table decides. Two columns of one group are a question for the user.
    var usualNames: [[String]] {
        switch self {
        case .user:
            [
                ["userid"], ["user"], ["uid"],
                [
                    "customerid", "customer", "clientid", "visitorid", "visitor", "memberid", "reviewerid", "accountid",
                    "buyerid", "personid", "profileid", "playerid", "learnerid", "studentid", "subscriberid",
                    "fullvisitorid",
                    "userpseudoid", "usernumber", "userno", "customerno", "customernumber",
                ],
                ["sessionid", "session", "usersession"],
            ]
        case .item:
            [
                ["itemid"], ["item"], ["movieid"], ["iid"],
                [
                    "productid", "product", "asin", "sku", "articleid", "videoid", "trackid", "songid", "bookid",
                    "isbn",
                    "animeid", "gameid", "appid", "businessid", "newsid", "contentid", "postid", "listingid", "hotelid",
                    "offerid", "adid", "poiid", "venueid", "locationid", "recipeid", "courseid", "goodsid", "stockcode",
                    "productcode", "itemcode", "showid", "photoid", "jobid", "eventitemid", "placeid", "gmapid",
                ],
                ["parentasin"], ["artistid"],
            ]
        case .time:
            [
                ["timestamp"], ["time"], ["eventtime", "eventtimestamp", "eventdatetime"], ["unixreviewtime"],
                [
                    "datetime", "ts", "createdat", "unixtime", "epoch", "timestampms", "occurredat", "loggedat",
                    "reviewtime",
                ],
                [
                    "date", "eventdate", "orderdate", "invoicedate", "purchasedate", "transactiondate", "tdat",
                    "ratedat",
                ],
                ["createtime", "creationtime", "clicktime", "visittime", "servertime", "requesttime", "utctime"],
                ["day"],
            ]
        case .action:
            [
                ["action"], ["eventtype", "actiontype"], ["event", "eventname", "actionname", "interactiontype"],
                ["behaviortype", "behaviourtype", "behavior", "behaviour"],
                ["interaction", "activity", "activitytype"],
            ]
        case .value: [["rating"], ["value"], ["overall", "stars", "starrating", "userrating", "grade"], ["score"]]
        case .query: [["query"], ["searchquery", "querytext", "searchterm", "searchtext", "keyword", "keywords"]]
        case .title: [["title"], ["itemtitle", "movietitle", "producttitle"], ["itemname", "productname"]]
        case .request: [["requestid"]]
        case .clicked: [["clicked"], ["click"]]
        case .purchased: [["purchased"], ["purchase"]]
        }
    }

    /// Some of the usual names as people write them, for messages.
    var examples: String {
        switch self {
        case .user: "user_id, user, customer_id, visitor_id, session_id"
        case .item: "item_id, item, movie_id, product_id, asin, sku"
        case .time: "timestamp, time, event_time, datetime, ts, created_at, date"
        case .action: "action, event_type, event, behavior"
        case .value: "rating, value, stars, score"
        case .query: "query, search_query"
        case .title: "title, item_title, product_name"
        case .request: "request_id"
        case .clicked: "clicked"
        case .purchased: "purchased"
        }
    }
}

/// The name of a column as it is compared: `Event-Time`, `eventTime` and ` event_time` are one.
enum ColumnName {
    /// The name without spaces around it.
    static func trimmed(_ name: String) -> String { name.trimmingCharacters(in: .whitespacesAndNewlines) }

    /// Letters and digits alone, in lower case.
    static func plain(_ name: String) -> String {
        String(
            String.UnicodeScalarView(
                name.lowercased().unicodeScalars.filter { $0.properties.isAlphabetic || isDigit($0) }
            )
        )
    }

    /// The words of a name, in lower case: `eventTime` and `event_time` are `event` and `time`.
    static func words(_ name: String) -> [String] {
        var words: [String] = [""]
        var isAfterLower = false
        for scalar in name.unicodeScalars {
            let isUpper = scalar.properties.isUppercase
            if isUpper && isAfterLower { words.append("") }
            if scalar.properties.isAlphabetic || isDigit(scalar) {
                words[words.count - 1].unicodeScalars.append(scalar)
            } else {
                words.append("")
            }
            isAfterLower = scalar.properties.isLowercase || isDigit(scalar)
        }
        return words.filter { !$0.isEmpty }.map { $0.lowercased() }
    }

    private static func isDigit(_ scalar: Unicode.Scalar) -> Bool { ("0"..."9").contains(scalar) }
}
