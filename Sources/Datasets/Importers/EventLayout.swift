// Part of Cascade. SPDX-License-Identifier: Apache-2.0
internal import Foundation

/// Which columns of a table hold the parts of an event, by number from 0.
struct EventLayout {
    static let usualUserNames = ["user_id", "user", "userid"]
    static let usualItemNames = ["item_id", "item", "itemid", "movie_id", "movieid"]

    var user: Int
    var item: Int
    var time: Int?
    var action: Int?
    var value: Int?
    var query: Int?
    var title: Int?
    var timeUnit = TimeUnit.seconds
    /// Whether an empty time stands for none, which is 0.
    var allowsMissingTimes = false
    /// What users did where no column says it.
    var defaultAction: Action

    /// Finds the columns that the options name, or else those with the usual names.
    init(of table: TableReader, _ options: ImportOptions) throws {
        let finder = ColumnFinder(table)
        let columns = options.columns
        user = try finder.require("user", columns.user, usual: Self.usualUserNames)
        item = try finder.require("item", columns.item, usual: Self.usualItemNames)
        time = try finder.find("time", columns.time, usual: ["timestamp", "time"])
        action = try finder.find("action", columns.action, usual: ["action"])
        value = try finder.find("value", columns.value, usual: ["rating", "value"])
        query = try finder.find("query", columns.query, usual: ["query"])
        timeUnit = options.timeUnit
        defaultAction = options.action ?? (value == nil ? .click : .rating)
    }

    /// The event of the table's current row.
    func event(_ table: TableReader) throws -> Event {
        let moment = try moment(table)
        return Event(
            user: moment.user,
            item: ItemID(try table.identifier(item)),
            action: try action.map { try Self.action(table, $0) } ?? defaultAction,
            time: moment.time,
            query: moment.query,
            value: try value.flatMap { try table.number($0) }
        )
    }

    /// Who acted in the table's current row, when, and what they searched for.
    func moment(_ table: TableReader) throws -> (user: UserID, time: Int64, query: String?) {
        let user = UserID(try table.identifier(user))
        let time = try time.map { allowsMissingTimes && table.isEmpty($0) ? 0 : try table.time($0, timeUnit) } ?? 0
        let query = try query.map { try table.text($0) } ?? ""
        return (user, time, query.isEmpty ? nil : query)
    }

    private static func action(_ table: TableReader, _ column: Int) throws -> Action {
        guard let action = Action(name: try table.text(column).lowercased()) else {
            throw table.error(column, expected: Action.allCases.map(\.name).joined(separator: ", "))
        }
        return action
    }
}

/// Finds the columns of a table by name or number.
struct ColumnFinder {
    private let names: [String]
    private let path: String

    init(_ table: TableReader) {
        names = table.columns
        path = table.url.path
    }

    /// The column called `wanted`, or with that number from 1; the first of the usual names when nothing is wanted.
    ///
    /// - Throws: ``DatasetError`` `.badOption` when there is no such column.
    func find(_ role: String, _ wanted: String?, usual: [String]) throws -> Int? {
        guard let wanted else {
            return usual.lazy.compactMap { name in names.firstIndex { $0.lowercased() == name } }.first
        }
        if let index = names.firstIndex(of: wanted) { return index }
        if let number = Int(wanted), names.indices.contains(number - 1) { return number - 1 }
        throw DatasetError(
            .badOption,
            "\(path): there is no column '\(wanted)' for the \(role).\(didYouMean(wanted, names)) It has \(list)."
        )
    }

    /// The same for a column that must be there.
    func require(_ role: String, _ wanted: String?, usual: [String]) throws -> Int {
        if let column = try find(role, wanted, usual: usual) { return column }
        throw DatasetError(
            .badOption,
            """
            \(path): found \(list), expected one of \(usual.joined(separator: ", ")) for the \(role). Say which column \
            holds the \(role), by its name or its number from 1.
            """
        )
    }

    private var list: String {
        let shown = names.prefix(20).map { "'\($0.prefix(40))'" }.joined(separator: ", ")
        return "the columns \(shown)\(names.count > 20 ? " and \(names.count - 20) more" : "")"
    }
}
