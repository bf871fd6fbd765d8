// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// Which columns of a table hold the parts of an event, by number from 0.
struct EventLayout {
    var user: Int
    var item: Int
    var time: Int?
    var action: Int?
    var value: Int?
    var query: Int?
    var title: Int?
    var timeUnit: TimeUnit
    /// Whether an empty time stands for none, which is 0.
    var allowsMissingTimes = false
    /// What users did where no column says it.
    var defaultAction: Action
    /// What the words of the column of actions stand for.
    var words: ActionWords?

    /// Finds the columns that the options name.
    ///
    /// - Parameters:
    ///   - table: The table, its header read.
    ///   - options: Name the columns.
    ///   - words: What words of actions stand for. With them the columns that no option names are found by their usual
    ///     names; without, for formats that have their own names, there are no others.
    init(of table: TableReader, _ options: ImportOptions, words: ActionWords? = nil) throws {
        let columns = options.columns
        let finder = ColumnFinder(table, ignoring: columns.ignored(in: table))
        func find(_ role: ColumnRole, _ wanted: String?) throws -> Int? {
            wanted == nil && words == nil ? nil : try finder.find(role, wanted)
        }
        user = try finder.require(.user, columns.user)
        item = try finder.require(.item, columns.item)
        time = try find(.time, columns.time)
        action = try find(.action, columns.action)
        value = try find(.value, columns.value)
        query = try find(.query, columns.query)
        timeUnit = options.timeUnit ?? .seconds
        defaultAction = options.action ?? (value == nil ? .click : .rating)
        self.words = words
    }

    /// The event of the table's current row, and how many nanoseconds after its second it was; nil where the word of its
    /// action says that it is none.
    func event(_ table: TableReader) throws -> (event: Event, nanoseconds: UInt32)? {
        guard case .action(let action) = try action.map({ try word(table, $0) }) ?? .action(defaultAction) else {
            return nil
        }
        let moment = try moment(table)
        let event = Event(
            user: moment.user,
            item: ItemID(try table.identifier(item)),
            action: action,
            time: moment.time.seconds,
            query: moment.query,
            value: try value.flatMap { try table.number($0) }
        )
        return (event, moment.time.nanoseconds)
    }

    /// Who acted in the table's current row, when, and what they searched for.
    func moment(_ table: TableReader) throws -> (user: UserID, time: Timestamp, query: String?) {
        let user = UserID(try table.identifier(user))
        let time =
            try time.map { allowsMissingTimes && table.isEmpty($0) ? .missing : try table.time($0, timeUnit) }
            ?? .missing
        let query = try query.map { try table.text($0) } ?? ""
        return (user, time, query.isEmpty ? nil : query)
    }

    private func word(_ table: TableReader, _ column: Int) throws -> ActionWords.Meaning {
        let text = try table.text(column)
        if let meaning = words?.meaning(of: text) { return meaning }
        let word = ActionWords.isPlain(text) ? text : "WORD"
        throw table.error(
            column,
            expected: """
                \(ActionWords.names), or a usual word for one; say what it means with --action ACTION=\(word), leave such \
                rows out with --action \(ActionWords.drop)=\(word), or the column with \
                --ignore-column \(ColumnName.trimmed(table.columns[column]))
                """
        )
    }

    /// The columns by the role that each has.
    var columns: [(role: ColumnRole, column: Int)] {
        let found: [(ColumnRole, Int?)] = [
            (.user, user), (.item, item), (.time, time), (.action, action), (.value, value), (.query, query),
            (.title, title),
        ]
        return found.compactMap { role, column in column.map { (role, $0) } }
    }
}

extension ImportOptions.Columns {
    /// The columns of a table that the options say to ignore; the names may be those of other files.
    func ignored(in table: TableReader) -> Set<Int> {
        Set(table.columns.indices.filter { ignored.contains(ColumnName.trimmed(table.columns[$0])) })
    }
}
