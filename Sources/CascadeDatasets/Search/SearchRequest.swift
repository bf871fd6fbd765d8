// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// One list of items that was shown for a query, and what the user made of it.
public struct SearchRequest: Sendable, Equatable {
    /// One item of the list.
    public struct Shown: Sendable, Equatable {
        /// The item.
        public var item: ItemID
        /// Whether the user chose it.
        public var isClicked: Bool
        /// Whether the user bought it.
        public var isPurchased: Bool
        /// What was known of it in this list, such as its price that day and its place: one number for each of the
        /// names that ``DatasetBuilder/shownFeatures`` gives.
        public var values: [Float]

        /// Describes an item of a list.
        public init(_ item: ItemID, isClicked: Bool = false, isPurchased: Bool = false, values: [Float] = []) {
            self.item = item
            self.isClicked = isClicked
            self.isPurchased = isPurchased
            self.values = values
        }
    }

    /// Who asked.
    public var user: UserID
    /// What was asked; nil when a list was shown without a query.
    public var query: String?
    /// When, in seconds since 1970-01-01 UTC; 0 where the source has no times.
    public var time: Int64
    /// What was shown, in the order of the source.
    public var shown: [Shown]
    /// Categorical features of the moment, such as the device, each with one value or more.
    public var context: [String: [String]]

    /// Describes a request.
    public init(user: UserID, query: String?, time: Int64 = 0, shown: [Shown], context: [String: [String]] = [:]) {
        self.user = user
        self.query = query
        self.time = time
        self.shown = shown
        self.context = context
    }
}

/// What became of a shown item, as a column holds it.
struct Outcome: OptionSet {
    let rawValue: UInt8
    static let clicked = Outcome(rawValue: 1)
    static let purchased = Outcome(rawValue: 2)
}

/// Requests as columns of numbers, in the order in which they were added.
struct RequestColumns {
    private(set) var users: [Int32] = []
    private(set) var queries: [Int32] = []  // -1 without one
    private(set) var times: [Int64] = []
    private var nanoseconds: [UInt32] = []
    private(set) var eventCounts: [UInt32] = []  // events that came before in the source: it breaks ties of time
    private(set) var offsets: [Int] = [0]
    private(set) var items: [Int32] = []
    private(set) var outcomes: [UInt8] = []
    private(set) var values: [[Float]] = []  // by feature, then by shown item
    private(set) var context: [String: FeatureCollector] = [:]

    var count: Int { users.count }

    /// The shown items of a request, as positions in `items`.
    func shown(_ request: Int) -> Range<Int> { offsets[request]..<offsets[request + 1] }

    /// The time of a request, to the nanosecond.
    func timestamp(_ request: Int) -> Timestamp {
        Timestamp(seconds: times[request], nanoseconds: nanoseconds[request])
    }

    mutating func append(
        _ request: SearchRequest,
        nanoseconds: UInt32,
        user: Int32,
        query: Int32,
        items: [Int32],
        eventCount: Int
    ) {
        users.append(user)
        queries.append(query)
        times.append(request.time)
        self.nanoseconds.append(nanoseconds)
        eventCounts.append(UInt32(clamping: eventCount))
        self.items += items
        for shown in request.shown {
            let purchased: Outcome = shown.isPurchased ? .purchased : []
            outcomes.append((shown.isClicked ? purchased.union(.clicked) : purchased).rawValue)
        }
        offsets.append(self.items.count)
        let width = request.shown.first?.values.count ?? 0
        if values.isEmpty { values = Array(repeating: [], count: width) }
        for feature in values.indices { values[feature] += request.shown.map { $0.values[feature] } }
        for (name, texts) in request.context where !texts.isEmpty {
            context[name, default: FeatureCollector()].set(texts, of: Int32(count - 1))
        }
    }

    /// Replaces what fewer than `fewest` requests have as their value of a feature.
    mutating func replaceRare(_ name: String, below fewest: Int, with text: String) {
        context[name]?.replaceRare(below: fewest, with: text)
    }
}
