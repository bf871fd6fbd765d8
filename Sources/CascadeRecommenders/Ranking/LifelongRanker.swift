// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeNN
public import CascadeTorch

/// The settings that every lifelong click model has.
public protocol LifelongSettings: Settings {
    /// Features of each of item, category and time.
    var width: Int { get }
    /// Latest events that are searched.
    var length: Int { get }
    /// Whether the age of a behaviour is read beside its distance.
    var ages: Bool { get }
    /// Standard deviation of fresh vectors.
    var spread: Double { get }
    /// Whether the optimiser touches only the rows that a batch names.
    var sparseGradients: Bool { get }
    /// What judges the interest that was found.
    var head: ClickHeadSettings { get }
}

/// The settings of a model with a search stage.
public protocol TwoStageSettings: LifelongSettings {
    /// Behaviours that the search keeps for each candidate.
    var kept: Int { get }
    /// Whether attention to the whole history is trained beside the kept part.
    var auxiliary: Bool { get }
}

extension TwoStageSettings {
    /// Refuses impossible numbers.
    public func validate() throws { try validateStages() }

    /// Refuses what no two stages can work with.
    func validateStages() throws {
        guard kept > 0 else { throw ConfigurationError("model.kept: found \(kept), expected at least 1") }
        try validateHistory()
    }
}

extension LifelongSettings {
    /// Refuses what no lifelong model can use.
    func validateHistory() throws {
        guard width > 0, length > 0, spread > 0 else {
            throw ConfigurationError(
                "model: width (\(width)) and length (\(length)) must be at least 1, spread (\(spread)) above 0"
            )
        }
        try head.validate()
    }

    /// The shape of the tables for some data.
    func shape(_ data: DatasetShape, width other: Int? = nil) -> BehaviourEncoder.Shape {
        BehaviourEncoder.Shape(
            data: data,
            width: other ?? width,
            length: length,
            spread: spread,
            readsAges: ages,
            isRowSparse: sparseGradients
        )
    }
}

/// A click model that searches the history, for those who want to see what it finds there.
public protocol LifelongRanker: CTRRanker {
    /// What the search stage keeps, in inference mode.
    ///
    /// - Returns: Columns of the history, best first, int64 `[B, C, k]`; which of them are real, bool `[B, C, k]`; and the
    ///   attention's scores of the whole history before the softmax, `[B, C, L]`.
    func searched(_ batch: CTRBatch) throws -> (columns: Tensor, real: Tensor, attention: Tensor)
    /// What the history means to each candidate, which the head judges, in inference mode: `[B, C, D]`.
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

/// A click model with a search stage and an attention stage; a model file says what they are made of.
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
