// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import NN
import Torch

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

/// A click model with a search stage and an attention stage; a model file says what they are made of.
protocol TwoStageRanker: Ranker where Configuration: TwoStageSettings {
    var network: TwoStage { get }
}

extension TwoStageRanker {
    public var itemCount: Int { network.keys.items.table.weight.value.size(0) - 1 }
    public func logits(_ batch: RankingBatch) throws -> Tensor { try network(batch, .inference).logits }
    public func trainingOutput(_ batch: RankingBatch) throws -> RankingOutput { try network(batch, .training) }
}
