// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
import CascadeNN
import CascadeTorch

/// How requests become vectors; the same for every query-aware ranking model.
public struct TokenEmbeddingSettings: Settings, Equatable {
    /// Features of each feature of items, users and the context.
    public var featureEmbeddingSize = 16
    /// Standard deviation of fresh vectors.
    public var initializerStd = 0.1
    /// Probability that a feature of a token is zeroed while training.
    public var dropout = 0.1
    /// Whether users have vectors of their own beside their profile.
    public var userIDs = false
    /// Whether the query that led to an event is part of its token.
    public var queries = true
    /// How a query is cut into tokens.
    public var text = QueryTokenizer()
    /// Whether the optimizer touches only the rows that a batch names.
    public var sparseGradients = true
    /// Whether a candidate is told how often it, and what it shares with others, occurs in the history (reading G15).
    public var crossFeatures = false
    /// The defaults.
    public init() { self.init(crossFeatures: false) }

    /// The defaults, with or without cross features.
    public init(crossFeatures: Bool) { self.crossFeatures = crossFeatures }

    public static var bounds: [Bound<Self>] {
        [.atLeast(1, \.featureEmbeddingSize), .above(0, \.initializerStd), .unit(\.dropout)]
    }

    public static var formerNames: [String: String] { ["side": "featureEmbeddingSize", "spread": "initializerStd"] }
}

extension QueryTokenizer: Settings {
    /// 32,768 rows, 32 tokens.
    public init() { self.init(buckets: 1 << 15) }
}

/// The settings that every query-aware ranking model has; in files beside its own.
public struct QuerySettings: InlinedSettings, Equatable {
    /// Features of a token.
    public var embeddingSize = 64
    /// Latest events that are read.
    public var maxSequenceLength = 100
    /// Weight of the loss on purchases.
    public var purchaseLossWeight = 1.0
    /// How requests become vectors.
    public var tokens = TokenEmbeddingSettings()
    /// What scores a candidate.
    public var head = QueryHeadSettings()
    /// The defaults.
    public init() { self.init(crossFeatures: false) }

    init(crossFeatures: Bool) { tokens = TokenEmbeddingSettings(crossFeatures: crossFeatures) }

    public static var bounds: [Bound<Self>] {
        [
            .atLeast(2, \.embeddingSize), .multiple(\.embeddingSize, of: 2), .atLeast(1, \.maxSequenceLength),
            .atLeast(0, \.purchaseLossWeight),
        ]
    }

    public static var formerNames: [String: String] {
        ["width": "embeddingSize", "length": "maxSequenceLength", "purchases": "purchaseLossWeight"]
    }
}

/// The settings of a stack of attention layers; in files beside a model's own.
public struct AttentionStackSettings: InlinedSettings, Equatable {
    /// Layers.
    public var numLayers = 4
    /// Attention heads of each.
    public var numHeads = 2
    /// Probability that a feature is zeroed while training.
    public var dropout = 0.1
    /// The defaults.
    public init() {}

    init(numLayers: Int) { self.numLayers = numLayers }

    public static var bounds: [Bound<Self>] { [.atLeast(1, \.numLayers, \.numHeads), .unit(\.dropout)] }
    public static var formerNames: [String: String] {
        ["layers": "numLayers", "blocks": "numLayers", "heads": "numHeads"]
    }
}

/// The settings of a query-aware ranking model.
protocol QueryRankerSettings: Settings {
    /// What all of them have.
    var base: QuerySettings { get set }
}

extension QueryRankerSettings {
    /// Features of a token.
    public var embeddingSize: Int {
        get { base.embeddingSize }
        set { base.embeddingSize = newValue }
    }
    /// Latest events that are read.
    public var maxSequenceLength: Int {
        get { base.maxSequenceLength }
        set { base.maxSequenceLength = newValue }
    }
    /// Weight of the loss on purchases.
    public var purchaseLossWeight: Double {
        get { base.purchaseLossWeight }
        set { base.purchaseLossWeight = newValue }
    }
    /// How requests become vectors.
    public var tokens: TokenEmbeddingSettings {
        get { base.tokens }
        set { base.tokens = newValue }
    }
    /// What scores a candidate.
    public var head: QueryHeadSettings {
        get { base.head }
        set { base.head = newValue }
    }
}

/// A feature of items or users: what everyone has, and a vector for each value.
struct ValueTable: Module {
    let codes: Buffer  // by number from 1, the value from 1; 0 for who is not known: int64 [N + 1]
    let vectors: Embedding

    init(_ feature: FeatureCodes, _ c: TokenEmbeddingSettings, using generator: Generator) throws {
        codes = Buffer(try Tensor([0] + feature.codes.map { Int64($0) + 1 }, on: generator.device))
        vectors = try Embedding(
            feature.count + 1,
            c.featureEmbeddingSize,
            .normal(c.initializerStd),
            isRowSparse: c.sparseGradients,
            using: generator
        )
    }

    /// int64 `[...]` to the values' numbers of the same shape.
    func values(_ numbers: Tensor) throws -> Tensor {
        try codes.value.rows(numbers.reshaped(-1)).reshaped(numbers.shape)
    }

    /// int64 `[...]` to `[..., side]`.
    func callAsFunction(_ numbers: Tensor) throws -> Tensor { try vectors(values(numbers)) }
}

/// Turns items, queries, people and moments into vectors of one width.
///
/// An event is its item and the item's features through a network, the action, the query that led to it, its place counted
/// from the end, its age at the request, and the hour and day of the week when it happened. Items, queries and people are
/// layer-normalized: a query of many hashed words would otherwise be far smaller than what it is to guide.
///
/// - Source: DiffusionGS, section 4.1, eqs 1-2, table 1 (reading G8).
struct QueryEncoder: Module {
    let items: Embedding
    let features: [ValueTable]
    let fusion: FeedForward
    let itemNorm: LayerNorm
    let actions: Embedding
    let places: Embedding
    let ages: Embedding
    let hours: Embedding
    let days: Embedding
    let words: Embedding
    let query: FeedForward
    let queryNorm: LayerNorm
    let eventQuery: Linear?
    let userIDs: Embedding?
    let profiles: [ValueTable]
    let contexts: [Embedding]
    let profile: FeedForward
    let profileNorm: LayerNorm
    let shown: Linear?
    let cross: Linear?
    let settings: TokenEmbeddingSettings
    let length: Int
    let inputs: (shown: Int, contexts: Int)

    init(_ c: some QueryRankerSettings, for data: DatasetShape, using generator: Generator) throws {
        let t = c.tokens
        func table(_ count: Int, _ width: Int) throws -> Embedding {
            try Embedding(count, width, .normal(t.initializerStd), isRowSparse: t.sparseGradients, using: generator)
        }
        items = try table(data.items + 1, c.embeddingSize)
        features = try data.itemFeatures.map { try ValueTable($0, t, using: generator) }
        let item = c.embeddingSize + t.featureEmbeddingSize * data.itemFeatures.count
        fusion = try FeedForward(item, hidden: 2 * c.embeddingSize, c.embeddingSize, dropout: 0, using: generator)
        itemNorm = try LayerNorm(c.embeddingSize, on: generator.device)
        actions = try Embedding(Action.historyCount + 1, c.embeddingSize, .normal(t.initializerStd), using: generator)
        places = try Embedding(c.maxSequenceLength + 1, c.embeddingSize, .normal(t.initializerStd), using: generator)
        ages = try Embedding(Behaviors.ageBuckets + 1, c.embeddingSize, .normal(t.initializerStd), using: generator)
        hours = try Embedding(24, c.embeddingSize, .normal(t.initializerStd), using: generator)
        days = try Embedding(7, c.embeddingSize, .normal(t.initializerStd), using: generator)
        words = try table(t.text.buckets + 1, c.embeddingSize)
        query = try FeedForward(
            c.embeddingSize,
            hidden: 2 * c.embeddingSize,
            c.embeddingSize,
            dropout: 0,
            using: generator
        )
        queryNorm = try LayerNorm(c.embeddingSize, on: generator.device)
        eventQuery = t.queries ? try Linear(c.embeddingSize, c.embeddingSize, bias: false, using: generator) : nil
        userIDs = t.userIDs ? try table(data.users + 1, c.embeddingSize) : nil
        profiles = try data.userFeatures.map { try ValueTable($0, t, using: generator) }
        contexts = try data.contextSizes.map {
            try Embedding($0 + 1, t.featureEmbeddingSize, .normal(t.initializerStd), using: generator)
        }
        let person =
            t.featureEmbeddingSize * (profiles.count + contexts.count) + 2 * c.embeddingSize
            + (t.userIDs ? c.embeddingSize : 0)
        profile = try FeedForward(person, hidden: 2 * c.embeddingSize, c.embeddingSize, dropout: 0, using: generator)
        profileNorm = try LayerNorm(c.embeddingSize, on: generator.device)
        inputs = (data.shownFeatures.count, data.contextSizes.count)
        shown = inputs.shown > 0 ? try Linear(inputs.shown, c.embeddingSize, using: generator) : nil
        let counts = 2 * (data.itemFeatures.count + 1)
        cross = t.crossFeatures ? try Linear(counts, c.embeddingSize, bias: false, using: generator) : nil
        (settings, length) = (t, c.maxSequenceLength)
    }

    /// Items by number, without what happened to them: int64 `[...]` to `[..., D]`.
    func item(_ numbers: Tensor) throws -> Tensor {
        try itemNorm(fusion(.concatenated([items(numbers)] + features.map { try $0(numbers) }, -1), .inference))
    }

    /// The mean vector of each query's tokens through a network; without tokens, what that network makes of 0: `[Q, D]`.
    private func queryTable(_ tokens: Tensor) throws -> Tensor {
        let real = try tokens.greater(0).to(.float32).unsqueezed(-1)
        let sum = try (words(tokens) * real).sum(1)
        return try queryNorm(query(sum / real.sum(1).clamped(from: 1), .inference))
    }

    private func moment(_ times: Tensor) throws -> (hour: Tensor, day: Tensor) {
        let hours = try (times.to(.float64) / 3_600).floor()
        let days = try (times.to(.float64) / 86_400).floor()
        let weekday = try days - (days / 7).floor() * 7
        return (try self.hours((hours - days * 24).to(.int64)), try self.days(weekday.to(.int64)))
    }

    /// How often the candidate, and each value of its features, occurs in the history, and among events of the same query:
    /// `[B, C, 2 (F + 1)]`, logarithms of one more.
    private func crossFeatures(_ batch: QueryBatch) throws -> Tensor {
        let real = try batch.items.greater(0).unsqueezed(1)
        let asked = try batch.historyQueries.equal(batch.queries.unsqueezed(1)).and(batch.historyQueries.greater(0))
            .unsqueezed(1)
        let pairs =
            try [(batch.candidates, batch.items)]
            + features.map { (try $0.values(batch.candidates), try $0.values(batch.items)) }
        var counts: [Tensor] = []
        for (candidate, behavior) in pairs {
            let same = try candidate.unsqueezed(-1).equal(behavior.unsqueezed(1)).and(real)
            counts += [try same.to(.float32).sum(-1), try same.and(asked).to(.float32).sum(-1)]
        }
        return try Tensor.stacked(counts, -1).log1p()
    }

    /// Encodes requests.
    func callAsFunction(_ batch: QueryBatch, _ mode: Mode) throws -> EncodedRequests {
        let length = batch.length
        guard length <= self.length else {
            throw TorchError("search", "a history has \(length) events, the model reads \(self.length)")
        }
        let queries = try queryTable(batch.tokens)
        let mask = try batch.items.greater(0).to(.float32).unsqueezed(-1)
        let columns = try Tensor((0..<length).map { Int64(length - $0) }, on: batch.items.device)
        let buckets = try bucketsOfAge(batch.times, at: batch.requestTimes)
        let (hour, day) = try moment(batch.times)
        var tokens = try item(batch.items) + actions(batch.actions) + places(columns).unsqueezed(0)
        tokens = try tokens + ages(buckets) + hour + day
        if let eventQuery { tokens = try tokens + eventQuery(queries).embedding(batch.historyQueries) }
        tokens = try dropout(tokens, settings.dropout, mode) * mask
        let (nowHour, nowDay) = try moment(batch.requestTimes)
        var person = [nowHour, nowDay]
        if let userIDs { person.append(try userIDs(batch.users)) }
        person += try profiles.map { try $0(batch.users) }
        for (place, context) in contexts.enumerated() { person.append(try context(batch.context.selected(1, place))) }
        var targets = try item(batch.candidates)
        if let shown { targets = try targets + shown(batch.shown) }
        if let cross { targets = try targets + cross(crossFeatures(batch)) }
        return EncodedRequests(
            tokens: tokens,
            mask: mask,
            counts: try mask.sum(1, keep: true).clamped(from: 1),
            query: try queries.embedding(batch.queries),
            profile: try profileNorm(profile(.concatenated(person, -1), .inference)),
            targets: targets
        )
    }
}

/// Requests as vectors of one width, D.
struct EncodedRequests {
    /// Events of history, 0 at padding: `[B, L, D]`.
    let tokens: Tensor
    /// 1 where there is an event: `[B, L, 1]`.
    let mask: Tensor
    /// The number of events, at least 1: `[B, 1, 1]`.
    let counts: Tensor
    /// What is asked for: `[B, D]`.
    let query: Tensor
    /// Who asks, and when: `[B, D]`.
    let profile: Tensor
    /// Candidates: `[B, C, D]`.
    let targets: Tensor

    /// The mean over events: `[B, L, D]` to `[B, D]`.
    func mean(_ x: Tensor) throws -> Tensor { try ((x * mask).sum(1, keep: true) / counts).squeezed(1) }
}
