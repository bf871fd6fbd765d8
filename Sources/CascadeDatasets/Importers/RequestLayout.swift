// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// Which columns of a table with one shown item a row hold the parts of a request, by number from 0.
///
/// Rows with the same value in the request's column are one request. They lie together, and say the same of the user,
/// the time, the query and the context. What was clicked or bought becomes events, after the request.
struct RequestLayout {
    private var event: EventLayout
    private let request: Int
    private let clicked: Int?
    private let purchased: Int?
    private let shown: [Int]
    private let context: [Int]

    /// The names of the numbers that come with every shown item.
    let shownNames: [String]

    /// Finds the columns that the options name.
    init(of table: TableReader, _ event: EventLayout, _ options: ImportOptions) throws {
        let (finder, columns) = (ColumnFinder(table), options.columns)
        self.event = event
        request = try finder.require(.request, columns.request)
        clicked = try finder.find(.clicked, columns.clicked)
        purchased = try finder.find(.purchased, columns.purchased)
        shown = try columns.shown.map { try finder.named($0, "the shown items' numbers") }
        context = try columns.context.map { try finder.named($0, "the context") }
        shownNames = shown.map { table.columns[$0] }
        guard clicked != nil || purchased != nil else {
            throw DatasetError(
                .badOption,
                """
                \(table.url.path): found no column 'clicked' or 'purchased', expected one. Say with --clicked-column or \
                --purchased-column which column tells what was chosen.
                """
            )
        }
        for (option, names) in [("--impression-columns", shown), ("--context-columns", context)]
        where Set(names).count < names.count {
            throw DatasetError(.badOption, "\(option): a column is named twice; name each once.")
        }
        guard columns.action == nil, columns.value == nil, options.action == nil else {
            throw DatasetError(
                .badOption,
                """
                --request-column: the events of requests are their clicks and purchases, so that there is no column of \
                actions or values. Leave out --action-column, --value-column and --action.
                """
            )
        }
    }

    /// The columns beside those of the events, with what each is read as.
    var columns: [(name: String, column: Int)] {
        let single: [(String, Int?)] = [("request", request), ("clicked", clicked), ("purchased", purchased)]
        return single.compactMap { name, column in column.map { (name, $0) } }
            + shown.map { ("shown", $0) } + context.map { ("context", $0) }
    }

    /// The same with another layout of the events.
    func with(_ event: EventLayout) -> RequestLayout {
        var layout = self
        layout.event = event
        return layout
    }

    /// Reads all rows of a file.
    func read(_ table: TableReader, into session: inout ImportSession) throws {
        guard session.builder.requestCount == 0 || session.builder.shownFeatures == shownNames else {
            throw DatasetError(
                .badOption,
                """
                \(table.url.path): --impression-columns are \(shownNames.joined(separator: ", ")) here, and \
                \(session.builder.shownFeatures.joined(separator: ", ")) in the file before. Give the files the same header.
                """
            )
        }
        session.builder.shownFeatures = shownNames
        var (ids, open) = (StringTable(), Open?.none)
        try session.read(table) { table, builder in
            let id = ByteString(try table.identifier(request))
            let row = try Row(self, table)
            if open?.id == id {
                try open?.add(row, self, table)
            } else {
                guard ids.find(id.rawValue) == nil else {
                    throw table.error(
                        request,
                        expected:
                            "a new request: the rows of one lie together, and other rows lie between its rows; sort them"
                    )
                }
                open?.close(self, &builder)
                _ = ids.insert(id.rawValue)
                open = Open(id, row)
            }
            if !row.title.isEmpty { builder.setTitle(row.title, for: row.item.item) }
        }
        open?.close(self, &session.builder)
    }

    /// What one row says.
    private struct Row {
        let moment: SearchRequest  // without shown items
        let nanoseconds: UInt32  // after the moment's second
        let item: SearchRequest.Shown
        let title: String

        init(_ layout: RequestLayout, _ table: TableReader) throws {
            let event = try layout.event.moment(table)
            var context: [String: [String]] = [:]
            for column in layout.context {
                let text = try table.text(column)
                if !text.isEmpty { context[table.columns[column]] = [text] }
            }
            moment = SearchRequest(
                user: event.user,
                query: event.query,
                time: event.time.seconds,
                shown: [],
                context: context
            )
            nanoseconds = event.time.nanoseconds
            let isPurchased = try layout.purchased.map { try table.isTrue($0) } ?? false
            item = SearchRequest.Shown(
                ItemID(try table.identifier(layout.event.item)),
                isClicked: try layout.clicked.map { try table.isTrue($0) } ?? isPurchased,
                isPurchased: isPurchased,
                values: try layout.shown.map { try table.number($0) ?? .nan }
            )
            title = try layout.event.title.map { try table.text($0) } ?? ""
        }
    }

    /// The request whose rows are being read.
    private struct Open {
        let id: ByteString
        private var request: SearchRequest
        private let nanoseconds: UInt32

        init(_ id: ByteString, _ row: Row) {
            (self.id, nanoseconds) = (id, row.nanoseconds)
            request = row.moment
            request.shown = [row.item]
        }

        mutating func add(_ row: Row, _ layout: RequestLayout, _ table: TableReader) throws {
            let expected = "the same as in the other rows of the request"
            guard row.moment.user == request.user else { throw table.error(layout.event.user, expected: expected) }
            guard row.moment.time == request.time else {
                throw table.error(layout.event.time ?? layout.request, expected: expected)
            }
            // What was searched for is not shown.
            guard row.moment.query.map(ByteString.init(_:)) == request.query.map(ByteString.init(_:)) else {
                throw table.error("found another query than in the other rows of the request, expected \(expected)")
            }
            for column in layout.context {
                let name = table.columns[column]
                guard
                    row.moment.context[name]?.map(ByteString.init(_:))
                        == request.context[name]?.map(ByteString.init(_:))
                else { throw table.error(column, expected: expected) }
            }
            request.shown.append(row.item)
        }

        /// Adds the request, and what was clicked and bought as events; clicks only where a column tells of them.
        func close(_ layout: RequestLayout, _ builder: inout DatasetBuilder) {
            builder.add(request, nanoseconds: nanoseconds)
            if layout.clicked != nil { request.shown.filter(\.isClicked).forEach { add($0, .click, &builder) } }
            request.shown.filter(\.isPurchased).forEach { add($0, .purchase, &builder) }
        }

        private func add(_ shown: SearchRequest.Shown, _ action: Action, _ builder: inout DatasetBuilder) {
            builder.add(
                Event(user: request.user, item: shown.item, action: action, time: request.time, query: request.query),
                nanoseconds: nanoseconds
            )
        }
    }
}

extension TableReader {
    /// Whether a field says yes: a number above 0, or `true`; an empty field, 0 and `false` say no.
    fileprivate func isTrue(_ column: Int) throws -> Bool {
        switch try text(column).lowercased() {
        case "", "0", "false": return false
        case "1", "true": return true
        default: break
        }
        guard let number = try? number(column), number >= 0 else {
            throw error(column, expected: "a number from 0, true or false")
        }
        return number > 0
    }
}
