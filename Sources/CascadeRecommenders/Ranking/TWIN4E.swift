// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeNN
public import CascadeTorch

/// TWIN with embeddings of their own for behaviors and candidates, in attention and in representation: four sets.
///
/// - Source: DARE, section 3.4, figure 7.
public struct TWIN4E: TwoStageRanker {
    public static let card = ModelCard(
        name: "twin-4e",
        summary: "TWIN with four sets of embeddings: attention and representation, of behaviors and of candidates",
        paper: "Feng et al., ICLR 2025, arXiv:2410.02604, section 3.4"
    )

    public struct Configuration: TwoStageSettings {
        public var history = BehaviorSettings()
        public var stages = StageSettings()
        public init() {}
    }

    public let length: Int
    let network: TwoStage

    public init(_ c: Configuration, for data: DatasetShape, using generator: Generator) throws {
        network = try TwoStage(
            ItemCategories(data, on: generator.device),
            keys: BehaviorEncoder(c.shape(data), using: generator),
            queries: BehaviorEncoder(c.shape(data), using: generator),
            values: BehaviorEncoder(c.shape(data), using: generator),
            targets: BehaviorEncoder(c.shape(data), using: generator),
            options: .init(kept: c.topK),
            head: c.head,
            hasAuxiliary: c.auxiliaryLoss,
            using: generator
        )
        length = c.maxSequenceLength
    }
}
