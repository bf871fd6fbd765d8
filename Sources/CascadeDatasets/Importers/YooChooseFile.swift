// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// The clicks of YooChoose; a session is a user, since the source does not say who came back.
///
/// Either the challenge's own `yoochoose-clicks.dat` (session, time, item and category, without a header), or a table
/// with the columns day, session_id and item_id whose rows are in the order of time; the time of an event is then the
/// first second of its day, counted from 1970-01-01. The category, which is that of the visit and not of the item, is
/// not used.
///
/// - Source: D. Ben-Shimon et al. 2015, RecSys Challenge 2015 and the YOOCHOOSE Dataset.
struct YooChooseFile {
    private let url: URL

    init(_ path: URL) throws { url = try path.sourceFile(named: ["yoochoose-clicks.dat", "clicks.csv"]) }

    func read(into session: inout ImportSession) throws {
        let isOriginal = url.lastPathComponent.split(separator: ".").contains("dat")
        let table =
            try isOriginal
            ? session.table(url, ",", columns: ["session_id", "timestamp", "item_id", "category"])
            : session.table(url, ",")
        var options = ImportOptions()
        (options.columns.user, options.columns.item) = ("session_id", "item_id")
        options.columns.time = isOriginal ? "timestamp" : "day"
        options.timeUnit = isOriginal ? .iso8601 : .days
        options.action = .click
        try session.readEvents(table, EventLayout(of: table, options))
    }
}
