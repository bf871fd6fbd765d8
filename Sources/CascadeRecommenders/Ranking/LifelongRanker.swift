// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeNN
public import CascadeTorch

/// The settings that every model of lifelong histories has; in files beside its own.
public struct BehaviorSettings: InlinedSettings, Equatable {
    /// Features of each of item, category and time.
    public var embeddingSize = 16
    /// Latest events that are read.
    public var maxSequenceLength = 200
    /// Whether the age of a behavior is read beside its position.
    public var timeDeltas = false
    /// Standard deviation of fresh vectors.
    public var initializerStd = 0.01
    /// Whether the optimizer touches only the rows that a batch names.
    public var sparseGradients = true
    /// What scores the interest that was found.
    public var head = ClickHeadSettings()
    /// The defaults.
    public init() { self.init(timeDeltas: false) }

    init(timeDeltas: Bool) { self.timeDeltas = timeDeltas }

    public static var bounds: [Bound<Self>] {
        [.atLeast(1, \.embeddingSize, \.maxSequenceLength), .above(0, \.initializerStd)]
    }

    public static var formerNames: [String: String] {
        ["width": "embeddingSize", "length": "maxSequenceLength", "ages": "timeDeltas", "spread": "initializerStd"]
    }
}

/// The settings that every model with a retrieval stage has; in files beside its own.
public struct StageSettings: InlinedSettings, Equatable {
    /// Behaviors that the retrieval stage keeps for each candidate.
    public var topK = 20
    /// Whether attention to the whole history is trained beside the kept part.
    public var auxiliaryLoss = true
    /// The defaults.
    public init() {}

    public static var bounds: [Bound<Self>] { [.atLeast(1, \.topK)] }
    public static var formerNames: [String: String] { ["kept": "topK", "auxiliary": "auxiliaryLoss"] }
}

/// The settings of a model of lifelong histories.
public protocol LifelongSettings: Settings {
    /// What all of them have.
    var history: BehaviorSettings { get set }
}

/// The settings of a model with a retrieval stage.
public protocol TwoStageSettings: LifelongSettings {
    /// What all of them have.
    var stages: StageSettings { get set }
}

extension TwoStageSettings {
    /// Behaviors that the retrieval stage keeps for each candidate.
    public var topK: Int {
        get { stages.topK }
        set { stages.topK = newValue }
    }
    /// Whether attention to the whole history is trained beside the kept part.
    public var auxiliaryLoss: Bool {
        get { stages.auxiliaryLoss }
        set { stages.auxiliaryLoss = newValue }
    }
}

extension LifelongSettings {
    /// Features of each of item, category and time.
    public var embeddingSize: Int {
        get { history.embeddingSize }
        set { history.embeddingSize = newValue }
    }
    /// Latest events that are read.
    public var maxSequenceLength: Int {
        get { history.maxSequenceLength }
        set { history.maxSequenceLength = newValue }
    }
    /// What scores the interest that was found.
    public var head: ClickHeadSettings {
        get { history.head }
        set { history.head = newValue }
    }

    /// The shape of the tables for some data.
    func shape(_ data: DatasetShape, width other: Int? = nil) -> BehaviorEncoder.Shape {
        BehaviorEncoder.Shape(
            data: data,
            width: other ?? embeddingSize,
            length: maxSequenceLength,
            initializerStd: history.initializerStd,
            readsTimeDeltas: history.timeDeltas,
            isRowSparse: history.sparseGradients
        )
    }
}

/// A CTR model that searches the history, for those who want to see what it finds there.
public protocol LifelongRanker: CTRRanker {
    /// What the search stage keeps, in inference mode.
    ///
    /// - Returns: Columns of the history, best first, int64 `[B, C, k]`; which of them are real, bool `[B, C, k]`; and the
    ///   attention's scores of the whole history before the softmax, `[B, C, L]`.
    func searched(_ batch: CTRBatch) throws -> (columns: Tensor, real: Tensor, attention: Tensor)
    /// What the history means to each candidate, which the head scores, in inference mode: `[B, C, D]`.
    func representation(_ batch: CTRBatch) throws -> Tensor
    /// The gradients that one training batch sends to each feature's table through attention and through representation.
    ///
    /// - Throws: ``ConfigurationError`` when attention and representation do not share their tables.
    func sharedGradients(_ batch: CTRBatch) throws -> [SharedGradient]
}

/// The gradients of one shared table: `[rows, D]` each.
public struct SharedGradient {
    /// The feature: `items`, `categories` or `places`.
    public let feature: String
    /// Through the attention.
    public let attention: Tensor
    /// Through the representation.
    public let representation: Tensor
}

/// A CTR model with a search stage and an attention stage; a model file says what they are made of.
protocol TwoStageRanker: LifelongRanker where Configuration: TwoStageSettings {
    var network: TwoStage { get }
}

extension LifelongRanker {
    public static var capabilities: Capabilities<Self> {
        Capabilities(catalogScorer: { $0 }, ctrRanker: { $0 }, lifelongRanker: { $0 })
    }
}

extension TwoStageRanker {
    public func attentionScorer(_ precision: TablePrecision) throws -> AttentionScorer {
        try AttentionScorer(network, of: Self.card.name, precision)
    }

    public func searched(_ batch: CTRBatch) throws -> (columns: Tensor, real: Tensor, attention: Tensor) {
        let (kept, attention) = try network.searched(batch)
        return (kept.columns, kept.mask, attention)
    }

    public func representation(_ batch: CTRBatch) throws -> Tensor { try network.representation(batch) }

    public func sharedGradients(_ batch: CTRBatch) throws -> [SharedGradient] {
        guard network.keys.items.table.weight === network.values.items.table.weight else {
            throw ConfigurationError(
                "\(Self.card.name): attention and representation have tables of their own, so no gradients meet; take twin"
            )
        }
        // The same weights in tables of their own: what reaches them is what either path sends to the shared ones.
        let (first, second) = (try network.keys.copied(), try network.values.copied())
        let apart = network.with(attention: first, representation: second)
        let terms = try apart(batch, .training).terms(batch)
        try terms.dropFirst().reduce(terms[0].loss) { try $0 + $1.loss }.backward()
        return try zip(first.tables, second.tables).compactMap { a, b in
            guard let attention = try a.table.table.weight.value.gradient(),
                let representation = try b.table.table.weight.value.gradient()
            else { return nil }
            return SharedGradient(feature: a.name, attention: attention, representation: representation)
        }
    }

    public var dependsOnBatch: Bool { network.head.usesBatchStatistics }
    public var itemCount: Int { network.keys.items.table.weight.value.size(0) - 1 }
    public func logits(_ batch: CTRBatch) throws -> Tensor { try network(batch, .inference).logits }
    public func trainingOutput(_ batch: CTRBatch) throws -> CTROutput { try network(batch, .training) }
}
