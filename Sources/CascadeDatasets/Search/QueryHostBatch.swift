// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import CascadeTensorFiles

/// Search requests in host memory: what each user did before, what they asked, and the candidates to score.
///
/// `B` requests, `L` events of history (padded on the left), `C` candidates (padded on the right), `Q` distinct queries of
/// at most `T` tokens, `F` numbers a candidate, `K` features of the moment.
public struct QueryHostBatch: Sendable, Equatable {
    /// B, L, C.
    public var (rows, length, width) = (0, 1, 1)
    /// Q, T.
    public var (queryCount, queryLength) = (1, 1)
    /// `[B * L]`: item numbers from 1, 0 at padding.
    public var items: [Int32] = []
    /// `[B * L]`: seconds since 1970-01-01 UTC, 0 at padding.
    public var times: [Int64] = []
    /// `[B * L]`: what was done, the raw value of ``Action`` plus 1, 0 at padding.
    public var actions: [Int32] = []
    /// `[B * L]`: the row of the query that led to the event; row 0 is no query.
    public var historyQueries: [Int32] = []
    /// `[B]`: events of history.
    public var lengths: [Int32] = []
    /// `[B]`: users, numbered from 0; -1 for one who is not known.
    public var users: [Int32] = []
    /// `[B]`: when the request was made, in seconds since 1970-01-01 UTC.
    public var requestTimes: [Int64] = []
    /// `[B]`: the row of the request's query.
    public var queries: [Int32] = []
    /// `[Q * T]`: the tokens of each query, 0 at padding; row 0 is no query.
    public var tokens: [Int32] = []
    /// `[B * C]`: item numbers from 1, 0 at padding.
    public var candidates: [Int32] = []
    /// `[B * C]`: 1 where the candidate was chosen.
    public var clicks: [Float] = []
    /// `[B * C]`: 1 where the candidate was bought.
    public var purchases: [Float] = []
    /// `[B * C * F]`: numbers of the list, standardised over training; 0 where one is missing.
    public var shown: [Float] = []
    /// `[B * K]`: features of the moment, values numbered from 1; 0 without one.
    public var context: [Int32] = []

    /// A batch that is yet to be filled.
    public init() {}
}

/// One request as it goes into a batch.
struct QueryRow {
    struct Candidate {
        var item: Int32  // from 1
        var isClicked = false
        var isPurchased = false
        var place: Int?  // among the shown items of the request table; nil for one that was drawn
    }

    var user: Int32
    var history: Range<Int>
    var time: Int64
    var query: [Int32]
    var context: [Int32]
    var candidates: [Candidate]
}

extension QueryHostBatch {
    /// Lays out requests.
    ///
    /// - Parameters:
    ///   - requests: The requests, their histories cut to what the model reads.
    ///   - events: Has the histories.
    ///   - tokens: The tokens of the events' queries, by their number.
    ///   - numbers: What is known of a shown item beside its number.
    init(_ requests: [QueryRow], of events: EventTable, tokens queryTokens: [[Int32]], shown numbers: ShownNumbers) {
        rows = requests.count
        length = requests.reduce(1) { max($0, $1.history.count) }
        width = requests.reduce(1) { max($0, $1.candidates.count) }
        let (cells, slots) = (rows * length, rows * width)
        items = [Int32](repeating: 0, count: cells)
        times = [Int64](repeating: 0, count: cells)
        (actions, historyQueries) = (items, items)
        candidates = [Int32](repeating: 0, count: slots)
        clicks = [Float](repeating: 0, count: slots)
        purchases = clicks
        shown = [Float](repeating: 0, count: slots * numbers.count)
        var queries = DistinctQueries()
        for (row, request) in requests.enumerated() {
            fillHistory(row, request.history, of: events, &queries, queryTokens)
            fillCandidates(row, request.candidates, numbers)
            lengths.append(Int32(request.history.count))
            users.append(request.user)
            requestTimes.append(request.time)
            self.queries.append(queries.row(of: request.query))
            context += request.context
        }
        (queryCount, queryLength, tokens) = queries.table()
    }

    private mutating func fillHistory(
        _ row: Int,
        _ history: Range<Int>,
        of events: EventTable,
        _ queries: inout DistinctQueries,
        _ queryTokens: [[Int32]]
    ) {
        let first = row * length + length - history.count
        for (place, event) in history.enumerated() {
            let cell = first + place
            items[cell] = events.items[event] + 1
            times[cell] = events.times[event]
            actions[cell] = Int32(events.actions[event]) + 1
            let query = Int(events.queries[event])
            if query >= 0 { historyQueries[cell] = queries.row(of: queryTokens[query]) }
        }
    }

    private mutating func fillCandidates(_ row: Int, _ list: [QueryRow.Candidate], _ numbers: ShownNumbers) {
        for (place, candidate) in list.enumerated() {
            let slot = row * width + place
            candidates[slot] = candidate.item
            clicks[slot] = candidate.isClicked ? 1 : 0
            purchases[slot] = candidate.isPurchased ? 1 : 0
            guard let source = candidate.place else { continue }
            for feature in 0..<numbers.count { shown[slot * numbers.count + feature] = numbers[feature, source] }
        }
    }
}

/// The distinct queries of a batch, each tokenized once; row 0 is no query.
private struct DistinctQueries {
    private var rows: [[Int32]: Int32] = [[]: 0]
    private var order: [[Int32]] = [[]]

    mutating func row(of tokens: [Int32]) -> Int32 {
        if let row = rows[tokens] { return row }
        let row = Int32(order.count)
        rows[tokens] = row
        order.append(tokens)
        return row
    }

    /// `[Q * T]` with Q and T.
    func table() -> (count: Int, length: Int, tokens: [Int32]) {
        let length = order.reduce(1) { max($0, $1.count) }
        var tokens = [Int32](repeating: 0, count: order.count * length)
        for (row, query) in order.enumerated() {
            for (place, token) in query.enumerated() { tokens[row * length + place] = token }
        }
        return (order.count, length, tokens)
    }
}

/// The numbers that come with every shown item, on common scales.
struct ShownNumbers: Sendable {
    /// F, how many there are.
    let count: Int
    private let columns: [(values: Column<Float>, scale: ShownScaling)]

    /// Those of a data set, scaled over some of its requests.
    init(_ table: RequestTable, scaledOver requests: [Int]) {
        count = table.features.count
        columns = table.features.map { ($0, ShownScaling($0, requests.map(table.shown))) }
    }

    /// Those of lists that nobody was shown yet: every one is missing.
    init(missing count: Int) { (self.count, columns) = (count, []) }

    /// A number of the item at a place among the shown items of the data set.
    subscript(feature: Int, place: Int) -> Float { columns[feature].scale(columns[feature].values[place]) }
}

/// Puts a number that comes with shown items on a common scale: mean 0, deviation 1 over training.
private struct ShownScaling: Sendable, Equatable {
    let mean: Double
    let deviation: Double

    /// Over the shown items of some requests; what is not a number does not count.
    init(_ column: Column<Float>, _ places: [Range<Int>]) {
        var (count, sum, squares) = (0.0, 0.0, 0.0)
        for place in places.joined() {
            let value = Double(column[place])
            guard value.isFinite else { continue }
            (count, sum, squares) = (count + 1, sum + value, squares + value * value)
        }
        mean = count > 0 ? sum / count : 0
        let variance = count > 0 ? max(squares / count - mean * mean, 0) : 0
        deviation = variance > 0 ? variance.squareRoot() : 1
    }

    /// 0 for what is not a number.
    func callAsFunction(_ value: Float) -> Float {
        value.isFinite ? Float((Double(value) - mean) / deviation) : 0
    }
}
