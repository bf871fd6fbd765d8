// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// What the columns of a table were taken for, and what those that were left out look like.
struct ColumnReport {
    private let table: TableReader
    private let options: ImportOptions
    private let taken: [(name: String, column: Int)]  // by role
    private let roles: Set<ColumnRole>
    private let left: [Int]
    private let rows: [[String]]  // the first of the table

    /// How many rows are looked at before an import begins.
    static let previewed = 1_000

    /// - Parameters:
    ///   - table: The table, none of its rows read.
    ///   - layout: Which columns are read.
    ///   - further: Columns that are read beside those of the layout, with the role that a message gives them.
    ///   - options: Say which columns to ignore.
    init(
        _ table: TableReader,
        _ layout: EventLayout,
        _ further: [(name: String, column: Int)],
        _ options: ImportOptions
    ) throws {
        self.table = table
        self.options = options
        rows = try table.preview(Self.previewed)
        roles = Set(layout.columns.map(\.role))
        taken = layout.columns.map { ($0.role.rawValue, $0.column) } + further
        let known = Set(taken.map(\.column)).union(options.columns.ignored(in: table))
        left = table.columns.indices.filter { !known.contains($0) }
    }

    /// The first fields of a column.
    func fields(_ column: Int) -> some Sequence<String> { rows.lazy.map { $0[column] } }

    /// What each column was taken for, in a sentence.
    func summary(timeUnit: TimeUnit, isDetected: Bool) -> String {
        let roles = taken.map { name, column in
            let unit = name == ColumnRole.time.rawValue ? " (\(timeUnit.label)\(isDetected ? "" : ", assumed"))" : ""
            return "\(name) = \(RowError.quoted(table.columns[column]))\(unit)"
        }
        let others = left.isEmpty ? "" : "; left out: \(list(left))"
        return "columns: \(roles.joined(separator: ", "))\(others)"
    }

    /// Refuses a table with a column that was left out though it looks like a time or an action that no other column gives.
    ///
    /// - Throws: ``DatasetError`` `.badOption`, which names the options that take or ignore the column.
    func refuseOversights(hasRequests: Bool) throws {
        if !roles.contains(.time), let column = left.first(where: { isNamedTime($0) || isTime($0) }) {
            throw oversight(column, .time, "no column was taken as the time: events would keep the order of the file")
        }
        guard !hasRequests, !roles.contains(.action), options.action == nil,
            let column = left.first(where: { isNamedAction($0) || isAction($0) })
        else { return }
        throw oversight(column, .action, "no column was taken as the action: all events would be of one kind")
    }

    /// Columns that were left out though their names speak of a role that another column has, which no option names.
    var doubts: [String] {
        let columns = options.columns
        return [(ColumnRole.time, columns.time, isNamedTime), (.action, columns.action, isNamedAction)].compactMap {
            role,
            named,
            isAlike in
            guard named == nil, roles.contains(role) else { return nil }
            let alike = left.filter(isAlike)
            guard !alike.isEmpty, let column = taken.first(where: { $0.name == role.rawValue })?.column else {
                return nil
            }
            return """
                \(RowError.quoted(table.columns[column])) was taken as the \(role), and \(list(alike)) left out, which also \
                \(alike.count == 1 ? "looks" : "look") like one. If that is wrong, name the right column with \(role.option).
                """
        }
    }

    private func list(_ columns: [Int]) -> String {
        let shown = columns.prefix(20).map(ColumnFinder.quoted(table.columns)).joined(separator: ", ")
        return "\(shown)\(columns.count > 20 ? " and \(columns.count - 20) more" : "")"
    }

    private func oversight(_ column: Int, _ role: ColumnRole, _ consequence: String) -> DatasetError {
        let example = fields(column).first { !$0.isEmpty }.map { " (such as \(RowError.quoted($0)))" } ?? ""
        let name = table.columns[column]
        return DatasetError(
            .badOption,
            """
            \(table.url.path): found column \(RowError.quoted(name))\(example), which looks like \
            \(role == .time ? "a time" : "an action"), but \(consequence); expected \(role.examples). Take it with \
            \(role.option) \(ColumnName.trimmed(name)), or leave it out with --ignore-column \(ColumnName.trimmed(name)).
            """
        )
    }

    private static let timeWords: Set<String> = ["time", "date", "datetime", "timestamp", "ts", "day", "epoch"]
    /// Columns with such a name hold numbers that may look like times and are none.
    private static let codeWords: Set<String> = [
        "id", "code", "number", "no", "phone", "isbn", "sku", "ean", "key", "hash",
    ]
    private static let actionWords: Set<String> = [
        "event", "action", "behavior", "behaviour", "interaction", "activity",
    ]
    /// A column of actions has few different words.
    private static let mostActions = 20

    /// Whether a column's name speaks of times, and its first fields may be some.
    private func isNamedTime(_ column: Int) -> Bool {
        let told = told(column)
        return !told.isEmpty && !Self.timeWords.isDisjoint(with: ColumnName.words(table.columns[column]))
            && told.allSatisfy { Double($0) != nil || TimeUnit.likely($0) != nil }
    }

    /// Whether a column holds times by the look of its first fields.
    ///
    /// Numbers as large as nanoseconds are ids more often.
    private func isTime(_ column: Int) -> Bool {
        let told = told(column)
        guard !told.isEmpty, told.count * 2 >= rows.count,
            !(ColumnName.words(table.columns[column]).last.map(Self.codeWords.contains) ?? false)
        else { return false }
        return told.allSatisfy { field in TimeUnit.likely(field).map { $0 != .nanoseconds } ?? false }
    }

    /// Whether a column's name speaks of actions, and its first fields may be some.
    private func isNamedAction(_ column: Int) -> Bool {
        let name = ColumnName.words(table.columns[column])
        let told = Set(told(column).map(ByteString.init(_:)))
        return !Self.actionWords.isDisjoint(with: name) && name.last != "id"
            && (1...Self.mostActions).contains(told.count)
    }

    /// Whether a column holds actions by the look of its first fields.
    private func isAction(_ column: Int) -> Bool {
        let told = told(column)
        guard !told.isEmpty, let words = try? ActionWords(options.actionWords) else { return false }
        return told.allSatisfy(words.knows)
    }

    /// The first fields of a column that hold something.
    private func told(_ column: Int) -> [String] { fields(column).filter { !$0.isEmpty } }
}

extension ImportSession {
    /// Says which columns of a table are read and which are not, and finds the unit of its times.
    ///
    /// - Parameters:
    ///   - table: The table, none of its rows read.
    ///   - layout: Which columns are read; gets the unit of the times.
    ///   - further: Columns that are read beside those of the layout, with the role that a message gives them.
    ///   - hasRequests: Whether rows are shown items, whose actions are columns of their own.
    /// - Throws: ``DatasetError`` `.badOption` when a column that was left out looks like a time or an action that is missing.
    mutating func examine(
        _ table: TableReader,
        _ layout: inout EventLayout,
        _ further: [(name: String, column: Int)] = [],
        hasRequests: Bool = false
    ) throws {
        (table.isTrimming, table.isExamined) = (options.trims, true)
        let report = try ColumnReport(table, layout, further, options)
        let detected = layout.time.flatMap {
            options.timeUnit ?? TimeUnit.detected(in: report.fields($0), column: table.columns[$0])
        }
        layout.timeUnit = detected ?? .seconds
        let summary = report.summary(timeUnit: layout.timeUnit, isDetected: detected != nil)
        say(columns: summary, of: table)
        try report.refuseOversights(hasRequests: hasRequests)
        for doubt in report.doubts { warn("\(table.url.lastPathComponent): \(doubt)") }
    }
}
