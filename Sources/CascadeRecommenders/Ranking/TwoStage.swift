// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeNN
import CascadeTorch

/// The two stages of a lifelong CTR model: retrieve for a candidate from the history, then attend to what was kept.
///
/// - Source: DARE, sections 2.1 and 3, eq 1 (reading A1); the sizes of its released code.
struct TwoStage: Module {
    /// What varies besides the encoders.
    struct Options {
        var kept = 20
        var isTargetAware = true
        /// Scales the attention's gradient on shared tables to the norm of the representation's.
        var isBalanced = false
        /// Behaviors to a stretch of time within which those of one category are read as one; nil reads each.
        var span: Int?
        /// How exactly the attention's rows are kept at inference.
        var precision = TablePrecision.float32
    }

    let categoryOf: ItemCategories
    let keys: BehaviorEncoder  // of behaviors, for attention
    let queries: BehaviorEncoder  // of candidates, for attention
    let values: BehaviorEncoder  // of behaviors, for representation
    let targets: BehaviorEncoder  // of candidates, for representation
    let attention: any HistoryAttention
    let search: any HistoryRetrieval
    let head: ClickHead
    let auxiliary: ClickHead?
    let options: Options

    /// Builds the stages around encoders; those that are the same object share their tables.
    init(
        _ categoryOf: ItemCategories,
        keys: BehaviorEncoder,
        queries: BehaviorEncoder,
        values: BehaviorEncoder,
        targets: BehaviorEncoder,
        attention: any HistoryAttention = ProductAttention(),
        retrieval: any HistoryRetrieval = AttentionRetrieval(),
        options: Options,
        head settings: ClickHeadSettings,
        hasAuxiliary: Bool,
        using generator: Generator
    ) throws {
        (self.categoryOf, self.keys, self.queries, self.values) = (categoryOf, keys, queries, values)
        (self.targets, self.attention, search, self.options) = (targets, attention, retrieval, options)
        let features = (values.semanticWidth + values.timeWidth) * (options.isTargetAware ? 3 : 2)
        head = try ClickHead(features, settings, using: generator)
        let first = Array(settings.hiddenUnits.prefix(1))
        auxiliary = hasAuxiliary ? try ClickHead(features, settings, hidden: first, using: generator) : nil
    }

    /// Builds the stages around one encoder for everything.
    init(
        _ c: some TwoStageSettings,
        for data: DatasetShape,
        sharing encoder: BehaviorEncoder,
        attention: any HistoryAttention = ProductAttention(),
        retrieval: any HistoryRetrieval = AttentionRetrieval(),
        span: Int? = nil,
        using generator: Generator
    ) throws {
        try self.init(
            ItemCategories(data, on: generator.device),
            keys: encoder,
            queries: encoder,
            values: encoder,
            targets: encoder,
            attention: attention,
            retrieval: retrieval,
            options: Options(kept: c.topK, span: span),
            head: c.head,
            hasAuxiliary: c.auxiliaryLoss,
            using: generator
        )
    }

    private init(_ other: TwoStage, attention: BehaviorEncoder, representation: BehaviorEncoder) {
        (keys, queries, values, targets) = (attention, attention, representation, representation)
        (categoryOf, self.attention, search) = (other.categoryOf, other.attention, other.search)
        (head, auxiliary, options) = (other.head, other.auxiliary, other.options)
    }

    /// The same stages around other encoders.
    func with(attention: BehaviorEncoder, representation: BehaviorEncoder) -> TwoStage {
        TwoStage(self, attention: attention, representation: representation)
    }

    /// Log-odds of every candidate, and while training those of the attention to the whole history beside it.
    func callAsFunction(_ batch: CTRBatch, _ mode: Mode) throws -> CTROutput {
        let b = try Behaviors(batch, categoryOf)
        let vectors = try Vectors(b, self, mode)
        let scores = try attentionScores(b, vectors)
        let (ranking, soft) = try search.ranking(b, vectors, attention: scores)
        let kept = try KeptBehaviors(best: options.kept, of: ranking)
        let weights = try maskedSoftmax(scores.gathered(2, kept.columns), kept.mask)
        let target = try targetVector(b, vectors)
        guard mode == .training, let auxiliary else {
            return CTROutput(logits: try head(features(target, keptInterest(b, vectors, kept, weights)), mode))
        }
        let whole = try wholeValues(b, vectors)
        let everything = try soft ?? maskedSoftmax(scores, (vectors.clusters?.representatives ?? b.mask).unsqueezed(1))
        // Kept and whole history are read in one pass over the values, which are most of a step's memory.
        let both = try interest(.concatenated([spread(weights, kept, b), everything], 1), whole)
        let logits = try head(features(target, both.sliced(1, to: b.width)), mode)
        let others = try auxiliary(features(target, both.sliced(1, from: b.width)), mode)
        return CTROutput(logits: logits, auxiliary: [("auxiliary", others, 1)])
    }

    /// The retrieval stage alone, for serving and analysis: what it keeps of each history, and how it scores all of it.
    func searched(_ batch: CTRBatch) throws -> (kept: KeptBehaviors, attention: Tensor) {
        let b = try Behaviors(batch, categoryOf)
        let vectors = try Vectors(b, self, .inference)
        let scores = try attentionScores(b, vectors)
        return (
            try KeptBehaviors(best: options.kept, of: search.ranking(b, vectors, attention: scores).ranking), scores
        )
    }

    /// What the history means to each candidate, before the head: `[B, C, D]`, times the candidate's own vector when
    /// that is part of the model.
    func representation(_ batch: CTRBatch) throws -> Tensor {
        let b = try Behaviors(batch, categoryOf)
        let vectors = try Vectors(b, self, .inference)
        let scores = try attentionScores(b, vectors)
        let kept = try KeptBehaviors(best: options.kept, of: search.ranking(b, vectors, attention: scores).ranking)
        let weights = try maskedSoftmax(scores.gathered(2, kept.columns), kept.mask)
        let interest = try keptInterest(b, vectors, kept, weights)
        return options.isTargetAware ? try interest * targetVector(b, vectors) : interest
    }

    // MARK: - Attention

    /// `[B, C, L]`; ``KeptBehaviors/nothing`` at padding.
    private func attentionScores(_ b: Behaviors, _ v: Vectors) throws -> Tensor {
        let scores = try attention.scores(b, v, keys: keys, queries: queries)
        guard let clusters = v.clusters else {
            return try scores.filled(where: b.mask.not().unsqueezed(1), with: KeptBehaviors.nothing)
        }
        return try (scores + clusters.logSizes.unsqueezed(1))
            .filled(where: clusters.representatives.not().unsqueezed(1), with: KeptBehaviors.nothing)
    }

    // MARK: - Representation

    /// `[B, C, D]`: item, category and time of the request.
    private func targetVector(_ b: Behaviors, _ v: Vectors) throws -> Tensor {
        let now = try targets.now(on: b.items.device).reshaped(1, 1, -1)
        return try .concatenated([v.targets, now.expanded([b.rows, b.width, targets.timeWidth])], -1)
    }

    /// The values of all behaviors: meaning before linear maps `[B, L, D]` and time `[1 or B, L, D_t]`.
    private func wholeValues(_ b: Behaviors, _ v: Vectors) throws -> (Tensor, Tensor) {
        (try v.values ?? values.rows(b.items, b.categories), try values.times(b))
    }

    /// Weighted sums of all values: weights `[B, C, L]` to `[B, C, D]`.
    private func interest(_ weights: Tensor, _ whole: (meaning: Tensor, time: Tensor)) throws -> Tensor {
        try .concatenated([values.finished(weights.matmul(whole.meaning)), weights.matmul(whole.time)], -1)
    }

    /// Weights of kept behaviors at their places in the history: `[B, C, k]` to `[B, C, L]`.
    private func spread(_ weights: Tensor, _ kept: KeptBehaviors, _ b: Behaviors) throws -> Tensor {
        try .zeros([b.rows, b.width, b.length], on: weights.device).scattered(2, kept.columns, weights)
    }

    /// Weighted sums of the kept behaviors' values, of which alone rows are looked up: `[B, C, D]`.
    private func keptInterest(_ b: Behaviors, _ v: Vectors, _ kept: KeptBehaviors, _ weights: Tensor) throws
        -> Tensor
    {
        guard v.clusters == nil else { return try interest(spread(weights, kept, b), wholeValues(b, v)) }
        let shape = [b.rows, b.width, b.length]
        func pick(_ numbers: Tensor) throws -> Tensor {
            try numbers.unsqueezed(1).expanded(shape).gathered(2, kept.columns)
        }
        let meaning = try values.rows(pick(b.items), b.categories.map(pick))  // [B, C, k, D]
        let times = try values.times(b).expanded([b.rows, b.length, values.timeWidth])
        let columns = try kept.columns.reshaped(b.rows, -1, 1).expanded([
            b.rows, b.width * weights.size(2), values.timeWidth,
        ])
        let time = try times.gathered(1, columns).reshaped([b.rows, b.width, weights.size(2), values.timeWidth])
        let share = try weights.unsqueezed(2)  // [B, C, 1, k]
        return try .concatenated(
            [values.finished(share.matmul(meaning).squeezed(2)), share.matmul(time).squeezed(2)],
            -1
        )
    }

    /// What the head scores: the candidate, the interest, and their product when the model is target-aware.
    private func features(_ target: Tensor, _ interest: Tensor) throws -> Tensor {
        try .concatenated(options.isTargetAware ? [target, interest, interest * target] : [target, interest], -1)
    }
}

extension TwoStage {
    /// The vectors of one batch, each looked up once.
    struct Vectors {
        let keys: Tensor  // [B, L, D]; before linear maps, which the queries bear, unless they are rounded
        let queries: Tensor  // [B, C, D]
        let targets: Tensor  // [B, C, D_s]
        let values: Tensor?  // [B, L, D], before linear maps; nil where attention and representation do not share rows
        let clusters: Clusters?

        init(_ b: Behaviors, _ model: TwoStage, _ mode: Mode) throws {
            let isShared =
                model.keys.items.table.weight === model.values.items.table.weight
                && !model.keys.hasDeepMaps && !model.values.hasDeepMaps
            clusters = try model.options.span.map { try Clusters(b, span: $0) }
            let precision = mode == .inference ? model.options.precision : .float32
            // Where tables are shared, one look-up serves attention and representation.
            let rows = try model.keys.rows(b.items, b.categories)
            let behaviors = try clusters?.means(rows) ?? rows
            let candidates = try model.queries.rows(b.candidates, b.candidateCategories)
            if isShared, model.options.isBalanced, mode == .training {
                (keys, values) = try behaviors.balancedFork()
                (queries, targets) = try candidates.balancedFork()
                return
            }
            let wanted = try model.queries.finished(candidates)
            if precision == .float32 {
                // Linear maps of both sides on the candidates' side: there are fewer of them.
                (keys, queries) = (behaviors, try model.keys.pulledBack(wanted))
            } else {
                keys = try precision.rounded(model.keys.finished(behaviors))
                queries = try precision.rounded(wanted)
            }
            values = isShared ? behaviors : nil
            targets =
                try isShared
                ? model.targets.finished(candidates) : model.targets.semantics(b.candidates, b.candidateCategories)
        }
    }
}
