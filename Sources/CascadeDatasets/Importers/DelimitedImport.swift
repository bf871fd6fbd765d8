// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import Foundation

extension ImportFormat {
    /// Reads a file with one event a line or, where the options name a column of requests, one shown item.
    func readDelimited(_ url: URL, into session: inout ImportSession) throws {
        let options = session.options
        let table = try session.delimitedTable(url, hasHeader: options.hasHeader)
        var layout = try EventLayout(of: table, options, words: session.words)
        layout.title = try ColumnFinder(table, ignoring: options.columns.ignored(in: table))
            .find(.title, options.columns.title)
        guard options.columns.request != nil else {
            try options.columns.refuseWithoutRequests()
            try session.examine(table, &layout)
            return try session.readEvents(table, layout)
        }
        let requests = try RequestLayout(of: table, layout, options)
        try session.examine(table, &layout, requests.columns, hasRequests: true)
        try requests.with(layout).read(table, into: &session)
    }
}

extension ImportOptions.Columns {
    /// Refuses columns that mean nothing without a column of requests.
    fileprivate func refuseWithoutRequests() throws {
        guard clicked == nil, purchased == nil, shown.isEmpty, context.isEmpty else {
            throw DatasetError(
                .badOption,
                """
                --clicked-column, --purchased-column, --impression-columns and --context-columns describe requests. Say with \
                --request-column which column holds the request.
                """
            )
        }
    }
}
