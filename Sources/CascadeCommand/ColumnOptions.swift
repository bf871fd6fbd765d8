// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CascadeDatasets
import Foundation

/// The columns of an import, the meaning of their words and times, and the feature files.
struct ColumnOptions: ParsableArguments {
    @Option(help: "Column of user ids; default a common name: user_id, customer_id, visitorid, session_id, ...")
    var userColumn: String?
    @Option(help: "Column of item ids; default a common name: item_id, product_id, movieId, asin, ...")
    var itemColumn: String?
    @Option(help: "Column of times; default a common name: timestamp, event_time, datetime, ts, created_at, date, ...")
    var timeColumn: String?
    @Option(help: "Column of actions; default a common name: action, event_type, event, behavior, ...")
    var actionColumn: String?
    @Option(help: "Column of ratings or amounts; default a common name: rating, value, stars, score, ...")
    var valueColumn: String?
    @Option(help: "Column of queries; default a common name: query, search_query, ...") var queryColumn: String?
    @Option(help: "Column of item titles; default a common name: title, product_name, ...") var titleColumn: String?
    @Option(
        help: "Column to ignore, even if its name or content looks like a time or an action; repeatable."
    )
    var ignoreColumn: [String] = []
    @Flag(help: "Trim spaces around every field.") var trim = false
    @Option(
        help:
            "Table of item ids and categorical item features, one item per row; multiple values separated by |; repeatable."
    )
    var itemFeatures: [String] = []
    @Option(help: "The same for users; repeatable.") var userFeatures: [String] = []
    @Option(help: "Feature files: column whose numbers are categories; repeatable.")
    var categoricalColumn: [String] = []
    @Option(
        help: "Feature files: column whose numbers go into 10 quantile buckets; repeatable."
    )
    var numericColumn: [String] = []
    @Option(help: "csv: column of request ids, one impression per row; the rows of a request are adjacent.")
    var requestColumn: String?
    @Option(help: "With --request-column: column that says whether the item was clicked; default clicked.")
    var clickedColumn: String?
    @Option(help: "With --request-column: column that says whether the item was purchased; default purchased.")
    var purchasedColumn: String?
    @Option(help: "With --request-column: numeric columns of the impression, separated by commas.")
    var impressionColumns: String?
    @Option(help: "With --request-column: categorical columns of the request, separated by commas.")
    var contextColumns: String?
    @Option(
        help:
            "Format of times: \(TimeUnit.allCases.map(\.rawValue).joined(separator: ", ")); default detected from the first rows, otherwise seconds."
    )
    var timeUnit: TimeUnit?
    @Option(
        help: ArgumentHelp(
            "ACTION=WORD,WORD: the action of words in the action column; drop=WORD skips rows; repeatable. ACTION alone: the action of rows without one. Actions: \(Action.allCases.map(\.name).joined(separator: ", ")).",
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
        options.columns.shown = names(impressionColumns)
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

    /// The names in a comma-separated option.
    private func names(_ list: String?) -> [String] {
        list?.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) } ?? []
    }
}
