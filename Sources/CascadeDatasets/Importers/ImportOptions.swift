// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// What an import does with its source, beyond the format itself.
public struct ImportOptions: Sendable, Codable, Equatable {
    /// What happens when a row is not what the format says.
    public enum ErrorPolicy: String, Sendable, Codable, CaseIterable {
        /// The import stops and leaves nothing behind.
        case fail
        /// The row is left out; the report and the manifest count such rows and give the first reasons.
        case skip
    }

    /// Which column holds what: its name, or its number from 1; nil finds it by its usual names.
    ///
    /// The formats `csv` and `recbole` read these; the columns of the others are fixed.
    public struct Columns: Sendable, Codable, Equatable {
        /// The user's id; usually `user_id`, also `customer_id`, `visitorid` and others.
        public var user: String?
        /// The item's id; usually `item_id`, also `product_id`, `asin` and others.
        public var item: String?
        /// The time of the event; usually `timestamp`, also `event_time`, `datetime` and others.
        ///
        /// Files without one are read in their own order.
        public var time: String?
        /// What the user did: `view`, `click`, `purchase`, `rating`, `cart` or `favourite`, or another word for one.
        public var action: String?
        /// A grade or an amount; usually `rating`.
        public var value: String?
        /// The search text that led to the event.
        public var query: String?
        /// The item's title; in `recbole` a field of the `.item` file.
        public var title: String?
        /// The search request that a row's item was shown for; `csv` only.
        ///
        /// With it every row is a shown item: rows of one request lie together and say the same of user, time and query.
        public var request: String?
        /// Whether the shown item was clicked: a number above 0 or `true`; usually `clicked`.
        ///
        /// Without such a column what was bought was clicked.
        public var clicked: String?
        /// Whether the shown item was bought; usually `purchased`.
        public var purchased: String?
        /// The numbers that come with a shown item, such as its price and its place; an empty field is not known.
        public var shown: [String] = []
        /// The categorical features of a request, such as the device.
        public var context: [String] = []
        /// Columns that nothing is read from, by name: they are neither found by usual names nor stop the import.
        public var ignored: [String] = []
        /// Columns of feature files whose numbers are names of categories.
        public var categorical: [String] = []
        /// Columns of feature files whose numbers are cut into buckets, however few there are.
        public var numeric: [String] = []

        /// Finds every column by its usual names.
        public init() {}
    }

    /// What stands between two fields of a `csv` file: `tab`, `comma`, `semicolon`, `pipe`, or the letters themselves.
    ///
    /// Nil is what a first line such as `sep=;` says, else a tab for files named `.tsv`, else a comma.
    public var delimiter: String?
    /// What a quote at the start of a field of a `csv` file means.
    ///
    /// Nil is ``QuoteStyle/double``, except in a file with tabs whose quotes do not fit that: there they are letters.
    public var quote: QuoteStyle?
    /// What makes the next letter of a `csv` file stand for itself; nil for nothing.
    public var escape: EscapeStyle?
    /// Lines of a `csv` file that start with it are passed over and counted; nil for none.
    public var comment: String?
    /// How the bytes of all files spell text: a name that iconv knows, such as `latin1` or `gbk`; nil is UTF-8.
    public var encoding: String?
    /// Whether the first row of a `csv` file names the columns.
    public var hasHeader = true
    /// Which column holds what.
    public var columns = Columns()
    /// How times are written; nil finds it out from the first rows, and takes seconds where they do not tell.
    public var timeUnit: TimeUnit?
    /// What users did where no column says it; nil is a rating where there is a value column, else a click.
    public var action: Action?
    /// Further words for actions, by the action's name; rows with the words of `drop` are left out and counted.
    ///
    /// Usual words, such as `addtocart` and `transaction`, are known without being listed.
    public var actionWords: [String: [String]] = [:]
    /// Whether spaces around fields are cut off.
    public var trims = false
    /// Tables with an id and features of items, one item a row: paths.
    public var itemFeatures: [String] = []
    /// Tables with an id and features of users, one user a row: paths.
    public var userFeatures: [String] = []
    /// What happens when a row is not what the format says.
    public var onError = ErrorPolicy.fail
    /// Events with a lower value are left out; nil is what the format says: 2 for `kuairec`, else none.
    ///
    /// Events without a value are kept.
    public var minValue: Float?
    /// Events of other actions are left out; nil is what the format says: clicks for `kuairand`, else all.
    public var actions: [Action]?
    /// The scenarios whose rows are kept, by the column `tab` of `kuairand`; nil keeps all.
    public var tabs: [Int]?
    /// Events before this time, in seconds since 1970-01-01 UTC, are left out; nil is what the format says: the published
    /// days for `taobao`, else none.
    public var firstTime: Int64?
    /// Events after this time, in seconds since 1970-01-01 UTC, are left out; nil is what the format says.
    public var lastTime: Int64?
    /// How many users are kept before the two filters below; nil for all.
    ///
    /// They are those whose last event is latest, in the order of (time, row of the source). Users with fewer than
    /// ``minUserEvents`` events do not count.
    public var latestUsers: Int?
    /// The fewest events that a kept user has; nil is what is usual for the format, ``ImportFormat/usualMinimum(_:)``.
    public var minUserEvents: Int?
    /// The fewest events that a kept item has; nil is what is usual for the format.
    public var minItemEvents: Int?

    /// The usual options: every column by its usual names, no bad row, the format's fewest events.
    public init() {}
}
