// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// What somebody did up to now, as a model reads it that was trained on a data set.
///
/// Items that the data set does not know are left out. Batches are made of live histories by the code that makes them of
/// the data set's own, so that a model cannot be served something else than it was trained on.
public struct LiveHistory: Sendable, Hashable {
    /// The dense index of the user, -1 for somebody whom the data set does not know.
    let user: Int32
    /// The latest events, oldest first, column by column.
    private(set) var items: [Int32] = []
    private(set) var times: [Int64] = []
    private(set) var actions: [UInt8] = []
    /// The tokens of each event's query; none without one.
    private(set) var queries: [[Int32]] = []
    /// Seconds of the moment that is asked about; nil for the latest event's.
    let moment: Int64?

    /// Reads the latest events.
    ///
    /// - Parameters:
    ///   - events: What the user did, oldest first.
    ///   - user: Who; nil for somebody without an id. Known users have their features and their own noise; all others are
    ///     one stranger to the model.
    ///   - dataset: What the model was trained on.
    ///   - length: How many of the latest events the model reads; 0 when it reads none.
    ///   - tokenizer: Turns the events' queries into tokens; nil for a model that does not read them.
    ///   - moment: When the request came, in seconds; nil for a model that does not read it, whose answers then hold until
    ///     the next event.
    /// - Complexity: O(`length`) and the events of unknown items, whatever the size of the data set.
    public init(
        _ events: [Event],
        of user: UserID?,
        in dataset: Dataset,
        length: Int,
        tokenizer: QueryTokenizer? = nil,
        moment: Int64? = nil
    ) {
        self.moment = moment
        self.user = Int32(user.flatMap(dataset.find)?.rawValue ?? -1)
        var known: [(item: ItemIndex, event: Event)] = []
        for event in events.reversed() {
            guard known.count < length else { break }
            // A rejection is no step of a history.
            if !event.action.isRejection, let item = dataset.find(event.item) { known.append((item, event)) }
        }
        known.reverse()
        items = known.map { Int32($0.item.rawValue) }
        times = known.map(\.event.time)
        actions = known.map(\.event.action.rawValue)
        guard let tokenizer else {
            queries = known.map { _ in [] }
            return
        }
        var tokens: [ByteString: [Int32]] = [:]  // one search often leads to several events
        queries = known.map { _, event in
            guard let query = event.query.map(ByteString.init(_:)) else { return [] }
            if let found = tokens[query] { return found }
            tokens[query] = tokenizer.tokens(query.rawValue)
            return tokens[query] ?? []
        }
    }

    /// Whether there is no event of an item that the model knows.
    public var isEmpty: Bool { items.isEmpty }
    /// How many events the model reads.
    public var count: Int { items.count }
}

/// Candidates that somebody's request wants scored.
public struct LiveRequest: Sendable, Equatable {
    /// What they did before.
    public var history: LiveHistory
    /// The tokens of what they search for; none without a query.
    public var query: [Int32]
    /// Features of the moment, as ``ContextReader`` numbers them; none for a model that reads none.
    public var context: [Int32]
    /// What is to be scored.
    public var candidates: [ItemIndex]
    /// When they ask, in seconds since 1970-01-01 UTC.
    public var time: Int64

    /// Describes a request.
    public init(
        history: LiveHistory,
        query: [Int32] = [],
        context: [Int32] = [],
        candidates: [ItemIndex],
        time: Int64
    ) {
        self.history = history
        self.query = query
        self.context = context
        self.candidates = candidates
        self.time = time
    }
}
