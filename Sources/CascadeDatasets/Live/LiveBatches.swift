// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import CascadeTensorFiles

/// Several live histories one behind the other, as a data set would have them.
private struct JoinedHistories {
    let events: EventTable
    /// The rows of each history.
    let rows: [Range<Int>]
    /// The tokens of the events' queries, by their number.
    let tokens: [[Int32]]

    init(_ histories: some Collection<LiveHistory>) {
        var (tokens, numbers): ([[Int32]], [Int32]) = ([], [])
        for query in histories.lazy.flatMap(\.queries) {
            numbers.append(query.isEmpty ? -1 : Int32(tokens.count))
            if !query.isEmpty { tokens.append(query) }
        }
        events = EventTable(
            items: Column(histories.flatMap(\.items)),
            times: Column(histories.flatMap(\.times)),
            actions: Column(histories.flatMap(\.actions)),
            queries: Column(numbers)
        )
        var end = 0
        rows = histories.map { history in
            end += history.count
            return end - history.count..<end
        }
        self.tokens = tokens
    }
}

extension HostBatch {
    /// Lays out histories of requests that came in, one a row; there are no targets.
    public init(_ histories: some Collection<LiveHistory>, padding: Padding) {
        let joined = JoinedHistories(histories)
        self.init(
            zip(histories, joined.rows).map { Window(user: $0.user, inputs: $1, target: nil, moment: $0.moment) },
            of: joined.events,
            padding: padding,
            causal: false
        )
    }
}

extension CTRHostBatch {
    /// Lays out requests that came in; shorter lists are padded on the right, no label is known.
    public init(_ requests: [LiveRequest], padding: Padding) {
        let width = requests.reduce(1) { max($0, $1.candidates.count) }
        var candidates = [Int32](repeating: 0, count: requests.count * width)
        for (row, request) in requests.enumerated() {
            for (place, item) in request.candidates.enumerated() {
                candidates[row * width + place] = Int32(item.rawValue) + 1
            }
        }
        self.init(
            history: HostBatch(requests.map(\.history), padding: padding),
            width: width,
            candidates: candidates,
            labels: [Float](repeating: 0, count: candidates.count),
            times: requests.map(\.time)
        )
    }
}

extension QueryHostBatch {
    /// Lays out requests that came in.
    ///
    /// - Parameters:
    ///   - requests: The requests, their histories with the tokens of queries.
    ///   - shownCount: How many numbers the model reads with every shown item; all are missing.
    ///   - contextCount: How many features of the moment it reads; those that a request lacks are unknown.
    public init(_ requests: [LiveRequest], shownCount: Int, contextCount: Int) {
        let joined = JoinedHistories(requests.map(\.history))
        let rows = zip(requests, joined.rows).map { request, rows in
            QueryRow(
                user: request.history.user,
                history: rows,
                time: request.time,
                query: request.query,
                context: (0..<contextCount).map { $0 < request.context.count ? request.context[$0] : 0 },
                candidates: request.candidates.map { .init(item: Int32($0.rawValue) + 1) }
            )
        }
        self.init(rows, of: joined.events, tokens: joined.tokens, shown: ShownNumbers(missing: shownCount))
    }
}
