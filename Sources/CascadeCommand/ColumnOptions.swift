// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CascadeDatasets
import Foundation

/// What the columns of an import hold, what the words and times in them mean, and the files with features.
struct ColumnOptions: ParsableArguments {
    @Option(help: "Column of user ids; else a usual name: user_id, customer_id, visitorid, session_id, ...")
    var userColumn: String?
    @Option(help: "Column of item ids; else a usual name: item_id, product_id, movieId, asin, ...")
    var itemColumn: String?
    @Option(help: "Column of times; else a usual name: timestamp, event_time, datetime, ts, created_at, date, ...")
    var timeColumn: String?
    @Option(help: "Column of actions; else a usual name: action, event_type, event, behavior, ...")
    var actionColumn: String?
    @Option(help: "Column of ratings or amounts; else a usual name: rating, value, stars, score, ...")
    var valueColumn: String?
    @Option(help: "Column of search texts; else a usual name: query, search_query, ...") var queryColumn: String?
    @Option(help: "Column of item titles; else a usual name: title, product_name, ...") var titleColumn: String?
    @Option(
        help: "Leave this column out, even if its name or its contents look like a time or an action; repeatable."
    )
    var ignoreColumn: [String] = []
    @Flag(help: "Cut the spaces around every field.") var trim = false
    @Option(
        help:
            "Table with an item id and categorical features of items, one item a row; several values with | between; repeatable."
    )
    var itemFeatures: [String] = []
    @Option(help: "The same for users; repeatable.") var userFeatures: [String] = []
    @Option(help: "Feature files: this column's numbers are codes, each a category of its own; repeatable.")
    var categoricalColumn: [String] = []
    @Option(
        help: "Feature files: cut this column's numbers into 10 quantile buckets, whatever its name; repeatable."
    )
    var numericColumn: [String] = []
    @Option(help: "csv: the column of the request that a row's item was shown for; its rows lie together.")
    var requestColumn: String?
    @Option(help: "With --request-column: the column that says whether the item was clicked, usually clicked.")
    var clickedColumn: String?
    @Option(help: "With --request-column: the column that says whether the item was bought, usually purchased.")
    var purchasedColumn: String?
    @Option(help: "With --request-column: columns with numbers of the shown item, with commas between.")
    var shownColumns: String?
    @Option(help: "With --request-column: columns with categories of the request, with commas between.")
    var contextColumns: String?
    @Option(
        help:
            "How times are written: \(TimeUnit.allCases.map(\.rawValue).joined(separator: ", ")); by default detected from the first rows, else seconds."
    )
    var timeUnit: TimeUnit?
    @Option(
        help: ArgumentHelp(
            "ACTION=WORD,WORD: what words in the column of actions mean; drop=WORD leaves its rows out; repeatable. ACTION alone: the action of all rows where no column tells it. Actions: \(Action.allCases.map(\.name).joined(separator: ", ")).",
            valueName: "action[=words]"
        )
    )
    var action: [String] = []

    func validate() throws { _ = try actionOptions() }

    /// Writes the options into those of an import.
    func apply(to options: inout ImportOptions) throws {
        options.timeUnit = timeUnit
        (options.action, options.actionWords) = try actionOptions()
        options.trims = trim
        (options.itemFeatures, options.userFeatures) = (itemFeatures, userFeatures)
        options.columns.ignored = ignoreColumn
        (options.columns.categorical, options.columns.numeric) = (categoricalColumn, numericColumn)
        options.columns.user = userColumn
        options.columns.item = itemColumn
        options.columns.time = timeColumn
        options.columns.action = actionColumn
        options.columns.value = valueColumn
        options.columns.query = queryColumn
        options.columns.title = titleColumn
        options.columns.request = requestColumn
        options.columns.clicked = clickedColumn
        options.columns.purchased = purchasedColumn
        options.columns.shown = names(shownColumns)
        options.columns.context = names(contextColumns)
    }

    /// The action of rows without one, and the words for actions, of the options `--action`.
    private func actionOptions() throws -> (action: Action?, words: [String: [String]]) {
        var words: [String: [String]] = [:]
        var plain: Action?
        for option in action {
            let parts = option.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = String(parts[0])
            let known = Action.allCases.map(\.name).joined(separator: ", ")
            guard parts.count == 2 else {
                guard let action = Action(name: name) else {
                    throw ValidationError(
                        "--action: '\(name)' is not an action; expected \(known), or ACTION=WORD,WORD"
                    )
                }
                guard plain ?? action == action else {
                    throw ValidationError("--action: rows without an action get one; found '\(option)' as a second")
                }
                plain = action
                continue
            }
            guard Action(name: name) != nil || name == "drop" else {
                throw ValidationError("--action: '\(name)' is not an action; expected \(known) or drop before '='")
            }
            words[name, default: []] += parts[1].split(separator: ",", omittingEmptySubsequences: false)
                .map { $0.trimmingCharacters(in: .whitespaces) }
        }
        return (plain, words)
    }

    /// The names in an option with commas between them.
    private func names(_ list: String?) -> [String] {
        list?.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) } ?? []
    }
}
