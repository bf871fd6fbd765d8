// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeNN
import CascadeTorch

/// The two stages of a lifelong click model: search the history for a candidate, then attend to what was kept.
///
/// - Source: DARE, sections 2.1 and 3, eq 1 (reading A1); the sizes of its released code.
struct TwoStage: Module {
    /// Weighs behaviours for candidates.
    enum Attention: Module {
        /// Scaled dot products of meaning and of time, each by its own size.
        case products
        /// A small network over each pair.
        case unit(TargetUnit)
    }

    /// What varies besides the encoders.
    struct Options {
        var kept = 20
        var isTargetAware = true
        /// Scales the attention's gradient on shared tables to the norm of the representation's.
        var isBalanced = false
        /// Behaviours to a stretch of time within which those of one category are read as one; nil reads each.
        var span: Int?
        /// How exactly the attention's rows are kept at inference.
        var precision = TablePrecision.float32
    }

    let categoryOf: ItemCategories
    let keys: BehaviourEncoder  // of behaviours, for attention
    let queries: BehaviourEncoder  // of candidates, for attention
    let values: BehaviourEncoder  // of behaviours, for representation
    let targets: BehaviourEncoder  // of candidates, for representation
    let attention: Attention
    let search: SearchStage
    let head: ClickHead
    let auxiliary: ClickHead?
    let options: Options

    /// Builds the stages around encoders; those that are the same object share their tables.
    init(
        _ categoryOf: ItemCategories,
        keys: BehaviourEncoder,
        queries: BehaviourEncoder,
        values: BehaviourEncoder,
        targets: BehaviourEncoder,
        attention: Attention = .products,
        search: SearchStage = .attention,
        options: Options,
        head settings: ClickHeadSettings,
        hasAuxiliary: Bool,
        using generator: Generator
    ) throws {
        (self.categoryOf, self.keys, self.queries, self.values) = (categoryOf, keys, queries, values)
        (self.targets, self.attention, self.search, self.options) = (targets, attention, search, options)
        let features = (values.semanticWidth + values.timeWidth) * (options.isTargetAware ? 3 : 2)
        head = try ClickHead(features, settings, using: generator)
        let first = Array(settings.hidden.prefix(1))
        auxiliary = hasAuxiliary ? try ClickHead(features, settings, hidden: first, using: generator) : nil
    }

    /// Builds the stages around one encoder for everything.
    init(
        _ c: some TwoStageSettings,
        for data: DatasetShape,
        sharing encoder: BehaviourEncoder,
        attention: Attention = .products,
        search: SearchStage = .attention,
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
            search: search,
            options: Options(kept: c.kept, span: span),
            head: c.head,
            hasAuxiliary: c.auxiliary,
            using: generator
        )
    }

    private init(_ other: TwoStage, attention: BehaviourEncoder, representation: BehaviourEncoder) {
        (keys, queries, values, targets) = (attention, attention, representation, representation)
        (categoryOf, self.attention, search) = (other.categoryOf, other.attention, other.search)
        (head, auxiliary, options) = (other.head, other.auxiliary, other.options)
    }

    /// The same stages around other encoders.
    func with(attention: BehaviourEncoder, representation: BehaviourEncoder) -> TwoStage {
        TwoStage(self, attention: attention, representation: representation)
    }

    /// Log-odds of every candidate, and while training those of the attention to the whole history beside it.
    func callAsFunction(_ batch: CTRBatch, _ mode: Mode) throws -> CTROutput {
        let b = try Behaviours(batch, categoryOf)
        let vectors = try Vectors(b, self, mode)
        let scores = try attentionScores(b, vectors)
        let (ranking, soft) = try searchScores(b, vectors, scores)
        let kept = try KeptBehaviours(best: options.kept, of: ranking)
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

    /// The search stage alone, for serving and analysis: what it keeps of each history, and how it scores all of it.
    func searched(_ batch: CTRBatch) throws -> (kept: KeptBehaviours, attention: Tensor) {
        let b = try Behaviours(batch, categoryOf)
        let vectors = try Vectors(b, self, .inference)
        let scores = try attentionScores(b, vectors)
        return (try KeptBehaviours(best: options.kept, of: searchScores(b, vectors, scores).ranking), scores)
    }

    /// What the history means to each candidate, before the head: `[B, C, D]`, times the candidate's own vector when
    /// that is part of the model.
    func representation(_ batch: CTRBatch) throws -> Tensor {
        let b = try Behaviours(batch, categoryOf)
        let vectors = try Vectors(b, self, .inference)
        let scores = try attentionScores(b, vectors)
        let kept = try KeptBehaviours(best: options.kept, of: searchScores(b, vectors, scores).ranking)
        let weights = try maskedSoftmax(scores.gathered(2, kept.columns), kept.mask)
        let interest = try keptInterest(b, vectors, kept, weights)
        return options.isTargetAware ? try interest * targetVector(b, vectors) : interest
    }

    // MARK: - Attention

    /// `[B, C, L]`; ``KeptBehaviours/nothing`` at padding.
    private func attentionScores(_ b: Behaviours, _ v: Vectors) throws -> Tensor {
        let scores: Tensor
        switch attention {
        case .unit(let unit): scores = try unit(v.keys, v.queries)
        case .products:
            let meaning = try pairProducts(v.queries, v.keys) / Double(keys.semanticWidth).squareRoot()
            let now = try queries.now(on: b.items.device).unsqueezed(1)
            let time = try keys.times(b).matmul(now).squeezed(2) / Double(keys.timeWidth).squareRoot()  // [1 or B, L]
            scores = try meaning + time.unsqueezed(1)
        }
        guard let clusters = v.clusters else {
            return try scores.filled(where: b.mask.not().unsqueezed(1), with: KeptBehaviours.nothing)
        }
        return try (scores + clusters.logSizes.unsqueezed(1))
            .filled(where: clusters.representatives.not().unsqueezed(1), with: KeptBehaviours.nothing)
    }

    /// By what is kept: `[B, C, L]`; and for a search that is trained beside the model, its weights.
    private func searchScores(_ b: Behaviours, _ v: Vectors, _ scores: Tensor) throws -> (
        ranking: Tensor, weights: Tensor?
    ) {
        let padding = try b.mask.not().unsqueezed(1)
        let recency = try b.places.to(.float32).reshaped(1, 1, -1) * -1
        switch search {
        case .attention:
            guard case .unit = attention else { return (scores, nil) }
            return (try scores + recency * 1e-6, nil)  // it knows no time, so the same item always ties: the latest
        case .category:
            guard let own = b.categories, let wanted = b.candidateCategories else { return (scores, nil) }
            let isOther = try own.unsqueezed(1).equal(wanted.unsqueezed(2)).not().or(padding)
            let places = try recency.expanded([b.rows, b.width, b.length])
            return (try places.filled(where: isOther, with: KeptBehaviours.nothing), nil)
        case .product(let soft):
            let products = try soft(v.keys, v.queries)
            let masked = try products.filled(where: padding, with: KeptBehaviours.nothing)
            let real = try b.mask.to(.float32).unsqueezed(1)
            return (masked, try products * real / real.sum(2, keep: true).clamped(from: 1))
        case .hamming(let signature):
            let bits = try Signature.agreement(signature(v.keys), signature(v.queries))
            let ranking = try bits + recency / Double(4 * b.length)  // of equal ones the latest
            return (try ranking.filled(where: padding, with: KeptBehaviours.nothing), nil)
        }
    }

    // MARK: - Representation

    /// `[B, C, D]`: item, category and time of the request.
    private func targetVector(_ b: Behaviours, _ v: Vectors) throws -> Tensor {
        let now = try targets.now(on: b.items.device).reshaped(1, 1, -1)
        return try .concatenated([v.targets, now.expanded([b.rows, b.width, targets.timeWidth])], -1)
    }

    /// The values of all behaviours: meaning before linear maps `[B, L, D]` and time `[1 or B, L, D_t]`.
    private func wholeValues(_ b: Behaviours, _ v: Vectors) throws -> (Tensor, Tensor) {
        (try v.values ?? values.rows(b.items, b.categories), try values.times(b))
    }

    /// Weighted sums of all values: weights `[B, C, L]` to `[B, C, D]`.
    private func interest(_ weights: Tensor, _ whole: (meaning: Tensor, time: Tensor)) throws -> Tensor {
        try .concatenated([values.finished(weights.matmul(whole.meaning)), weights.matmul(whole.time)], -1)
    }

    /// Weights of kept behaviours at their places in the history: `[B, C, k]` to `[B, C, L]`.
    private func spread(_ weights: Tensor, _ kept: KeptBehaviours, _ b: Behaviours) throws -> Tensor {
        try .zeros([b.rows, b.width, b.length], on: weights.device).scattered(2, kept.columns, weights)
    }

    /// Weighted sums of the kept behaviours' values, of which alone rows are looked up: `[B, C, D]`.
    private func keptInterest(_ b: Behaviours, _ v: Vectors, _ kept: KeptBehaviours, _ weights: Tensor) throws
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

    /// What the head judges: the candidate, the interest, and their product when the model is target-aware.
    private func features(_ target: Tensor, _ interest: Tensor) throws -> Tensor {
        try .concatenated(options.isTargetAware ? [target, interest, interest * target] : [target, interest], -1)
    }
}

extension TwoStage {
    /// The vectors of one batch, each looked up once.
    fileprivate struct Vectors {
        let keys: Tensor  // [B, L, D]; before linear maps, which the queries bear, unless they are rounded
        let queries: Tensor  // [B, C, D]
        let targets: Tensor  // [B, C, D_s]
        let values: Tensor?  // [B, L, D], before linear maps; nil where attention and representation do not share rows
        let clusters: Clusters?

        init(_ b: Behaviours, _ model: TwoStage, _ mode: Mode) throws {
            let isShared =
                model.keys.items.table.weight === model.values.items.table.weight
                && !model.keys.hasDeepMaps && !model.values.hasDeepMaps
            clusters = try model.options.span.map { try Clusters(b, span: $0) }
            let precision = mode == .inference ? model.options.precision : .float32
            // Where tables are shared, one look-up serves attention and representation.
            let rows = try model.keys.rows(b.items, b.categories)
            let behaviours = try clusters?.means(rows) ?? rows
            let candidates = try model.queries.rows(b.candidates, b.candidateCategories)
            if isShared, model.options.isBalanced, mode == .training {
                (keys, values) = try behaviours.balancedFork()
                (queries, targets) = try candidates.balancedFork()
                return
            }
            let wanted = try model.queries.finished(candidates)
            if precision == .float32 {
                // Linear maps of both sides on the candidates' side: there are fewer of them.
                (keys, queries) = (behaviours, try model.keys.pulledBack(wanted))
            } else {
                keys = try precision.rounded(model.keys.finished(behaviours))
                queries = try precision.rounded(wanted)
            }
            values = isShared ? behaviours : nil
            targets =
                try isShared
                ? model.targets.finished(candidates) : model.targets.semantics(b.candidates, b.candidateCategories)
        }
    }
}

/// Weighs behaviours by a small network over the pair, its difference and its product.
///
/// The first layer is applied without building its `4 D` wide input: its column blocks act on the candidate, the
/// behaviour, their difference and their product, so that one batched product does the work of each pair.
///
/// - Source: DIN, Zhou et al. 2018, arXiv:1706.06978, figure 2; DARE's released code (36 features, PReLU, over D).
struct TargetUnit: Module {
    let hidden: Linear
    let rectifier: PReLU
    let output: Linear

    init(_ width: Int, hidden size: Int, using generator: Generator) throws {
        hidden = try Linear(4 * width, size, using: generator)
        rectifier = try PReLU(size, initial: 0.1, on: generator.device)
        output = try Linear(size, 1, using: generator)
    }

    /// `[B, L, D]`, `[B, C, D]` to `[B, C, L]`.
    func callAsFunction(_ behaviours: Tensor, _ candidates: Tensor) throws -> Tensor {
        let (width, weight) = (behaviours.size(2), hidden.weight.value)
        func block(_ i: Int) throws -> Tensor { try weight.sliced(1, from: i * width, to: (i + 1) * width) }
        // [B C, U, D]
        let perPair = try (block(1) - block(2)).scaledWeights(block(3), by: candidates.reshaped(-1, width))
        let fixed = try candidates.linear(block(0) + block(2), hidden.bias?.value)  // [B, C, U]
        let shape = [candidates.size(0), behaviours.size(1), candidates.size(1), weight.size(0)]
        let flat = try perPair.reshaped([shape[0], shape[2] * shape[3], width])
        let products = try behaviours.matmul(flat.transposed()).reshaped(shape)  // [B, L, C, U]
        let scores = try products.pairScores(
            fixed,
            slope: rectifier.slope.value,
            weight: output.weight.value.squeezed(0)
        )
        return try (output.bias.map { try scores + $0.value } ?? scores) / Double(width)
    }
}
