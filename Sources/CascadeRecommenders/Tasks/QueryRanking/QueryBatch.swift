// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
public import CascadeNN
public import CascadeTorch

/// Search requests as tensors.
///
/// `B` requests, `L` events of history (padded on the left), `C` candidates (padded on the right), `Q` distinct queries of at
/// most `T` tokens, `F` numbers a candidate, `K` features of the moment.
public struct QueryBatch {
    /// Item numbers from 1, 0 at padding: int64 `[B, L]`.
    public let items: Tensor
    /// Seconds since 1970-01-01 UTC, 0 at padding: int64 `[B, L]`.
    public let times: Tensor
    /// What was done, from 1, 0 at padding: int64 `[B, L]`.
    public let actions: Tensor
    /// The row in ``tokens`` of the query that led to an event, 0 without one: int64 `[B, L]`.
    public let historyQueries: Tensor
    /// Users from 1, 0 for one who is not known: int64 `[B]`.
    public let users: Tensor
    /// When the request was made, in seconds since 1970-01-01 UTC: int64 `[B]`.
    public let requestTimes: Tensor
    /// The row in ``tokens`` of the request's query, 0 without one: int64 `[B]`.
    public let queries: Tensor
    /// The tokens of each query, 0 at padding; row 0 is no query: int64 `[Q, T]`.
    public let tokens: Tensor
    /// Item numbers from 1, 0 at padding: int64 `[B, C]`.
    public let candidates: Tensor
    /// 1 where the candidate was chosen: float32 `[B, C]`.
    public let clicks: Tensor
    /// 1 where the candidate was bought: float32 `[B, C]`.
    public let purchases: Tensor
    /// Standardised numbers of the list: float32 `[B, C, F]`.
    public let shown: Tensor
    /// Features of the moment, values from 1: int64 `[B, K]`.
    public let context: Tensor
    /// Where noise comes from.
    public let noise: Noise

    /// Number of requests, B.
    public var rows: Int { items.size(0) }
    /// Events of history, L.
    public var length: Int { items.size(1) }
    /// Candidates, C.
    public var width: Int { candidates.size(1) }

    /// Moves requests to a device.
    public init(_ host: QueryHostBatch, on device: Device = .cpu, noise: Noise) throws {
        let (history, list) = ([host.rows, host.length], [host.rows, host.width])
        func whole(_ values: [Int32], _ shape: [Int]) throws -> Tensor {
            try Tensor(values.map(Int64.init), shape: shape, on: device)
        }
        items = try whole(host.items, history)
        times = try Tensor(host.times, shape: history, on: device)
        actions = try whole(host.actions, history)
        historyQueries = try whole(host.historyQueries, history)
        users = try whole(host.users.map { $0 + 1 }, [host.rows])
        requestTimes = try Tensor(host.requestTimes, on: device)
        queries = try whole(host.queries, [host.rows])
        tokens = try whole(host.tokens, [host.queryCount, host.queryLength])
        candidates = try whole(host.candidates, list)
        clicks = try Tensor(host.clicks, shape: list, on: device)
        purchases = try Tensor(host.purchases, shape: list, on: device)
        shown = try Tensor(host.shown, shape: list + [host.shown.count / max(host.candidates.count, 1)], on: device)
        context = try whole(host.context, [host.rows, host.context.count / host.rows])
        self.noise = noise
    }

    /// Requests for inference; each draws its noise by its user and time, so that nobody's answer depends on who else asks.
    public init(_ host: QueryHostBatch, on device: Device = .cpu, noiseSeed: UInt64 = 0) throws {
        let keys = zip(host.users, host.requestTimes).map { user, time in
            Int64(bitPattern: SplitMix64.mix(noiseSeed, UInt64(bitPattern: Int64(user)), UInt64(bitPattern: time)))
        }
        try self.init(host, on: device, noise: .keyed(Tensor(keys, on: device)))
    }

    /// A history as CTR models see it, with a list to score and neither a query nor a moment's features.
    ///
    /// Every event counts as a click.
    init(_ batch: Batch, candidates: Tensor, features: Int, contexts: Int) throws {
        items = try batch.items.to(.int64)
        times = batch.times
        actions = try (items.greater(0).to(.float32) * Double(Action.click.rawValue + 1)).to(.int64)
        historyQueries = try .zeros(items.shape, .int64, on: items.device)
        users = try batch.users + 1
        requestTimes = try batch.times.selected(1, batch.length - 1)
        queries = try .zeros([batch.rows], .int64, on: items.device)
        tokens = try .zeros([1, 1], .int64, on: items.device)
        self.candidates = candidates
        clicks = try .zeros(candidates.shape, on: items.device)
        (purchases, noise) = (clicks, batch.noise)
        shown = try .zeros(candidates.shape + [features], on: items.device)
        context = try .zeros([batch.rows, contexts], .int64, on: items.device)
    }
}

/// How likely each candidate is chosen and bought, as log-odds.
public struct QueryPrediction {
    /// Of a click: `[B, C]`.
    public var clicks: Tensor
    /// Of a purchase among all that was shown: `[B, C]`.
    public var purchases: Tensor
    /// Further terms of the loss by name, weighted, each a scalar; none in inference.
    public var terms: [(name: String, loss: Tensor)]

    /// Gathers the scores.
    public init(clicks: Tensor, purchases: Tensor, terms: [(name: String, loss: Tensor)] = []) {
        (self.clicks, self.purchases, self.terms) = (clicks, purchases, terms)
    }

    /// Every term of the loss by name: mean binary cross-entropies over real candidates, then the model's own terms.
    ///
    /// - Source: DiffusionGS, eqs 14-15.
    public func terms(_ batch: QueryBatch, purchaseWeight: Double) throws -> [(name: String, loss: Tensor)] {
        let real = try batch.candidates.greater(0)
        var all = [(name: "click", loss: try clicks.masked(by: real).binaryCrossEntropy(batch.clicks.masked(by: real)))]
        if purchaseWeight > 0 {
            let loss = try purchases.masked(by: real).binaryCrossEntropy(batch.purchases.masked(by: real))
            all.append(("purchase", try loss * purchaseWeight))
        }
        return all + terms
    }
}

/// A model that scores the candidates of a search: who asks, what they did, what they ask for now.
///
/// It can score a whole catalog too, as if nothing had been asked.
public protocol QueryRanker: CatalogScorer where Task == QueryRankingTask {
    /// N, the number of items that it knows.
    var itemCount: Int { get }
    /// Turns queries into tokens as it was trained on them.
    var tokenizer: QueryTokenizer { get }
    /// What the loss on purchases is multiplied with; 0 trains clicks alone.
    var purchaseWeight: Double { get }
    /// What it reads beside history, query and candidates: numbers of the list, features of the moment.
    var inputs: (shown: Int, contexts: Int) { get }
    /// Judges every candidate; in training it adds its own terms of the loss.
    ///
    /// Where a list is padded there are numbers too, which mean nothing: look at real candidates alone.
    func predict(_ batch: QueryBatch, _ mode: Mode) throws -> QueryPrediction
    /// How much each event of the history adds to what is known of the interest in this request: `[B, L]`, 0 at padding;
    /// nil where the model has no such number.
    func contributions(_ batch: QueryBatch) throws -> Tensor?
}

extension QueryRanker {
    public static var capabilities: Capabilities<Self> { Capabilities(catalogScorer: { $0 }, queryRanker: { $0 }) }
    public static var padding: Padding { .left }

    public func task(in context: TaskContext) -> QueryRankingTask { QueryRankingTask(self, context) }

    public func contributions(_ batch: QueryBatch) throws -> Tensor? { nil }

    /// Log-odds that each item is clicked when nothing was asked: `[B, N]`.
    public func scores(_ batch: Batch) throws -> Tensor {
        var parts: [Tensor] = []
        for start in stride(from: 0, to: itemCount, by: 512) {
            let numbers = try Tensor(
                Array(Int64(start + 1)...Int64(min(start + 512, itemCount))),
                on: batch.items.device
            )
            let candidates = try numbers.unsqueezed(0).expanded([batch.rows, numbers.count])
            let list = try QueryBatch(batch, candidates: candidates, features: inputs.shown, contexts: inputs.contexts)
            parts.append(try predict(list, .inference).clicks)
        }
        return try .concatenated(parts, 1)
    }
}
