// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeNN
public import CascadeTorch

/// Two-stage CTR model whose attention and representation have embeddings of their own.
///
/// - Source: Feng et al., Long-Sequence Recommendation Models Need Decoupled Embeddings, ICLR 2025, arXiv:2410.02604.
/// - Deviation: A1-A5: see `Documentation/paper-readings.md`.
public struct DARE: TwoStageRanker {
    public static let card = ModelCard(
        name: "dare",
        summary: "lifelong histories, searched and weighed by one set of embeddings, represented by another",
        paper: "Feng et al., ICLR 2025, arXiv:2410.02604"
    )

    public struct Configuration: TwoStageSettings {
        public var history = BehaviorSettings()
        public var stages = StageSettings()
        /// K_A: features of each of item, category and time in the attention; 0: as many as in the representation.
        public var attentionEmbeddingSize = 0
        /// Whether the interest is crossed with the candidate (DARE, section 3.2).
        public var targetAware = true
        /// How exactly the attention's rows are kept; can be changed without retraining.
        public var precision = TablePrecision.float32
        public init() {}

        public static var bounds: [Bound<Self>] {
            [
                .atLeast(0, \.attentionEmbeddingSize)
            ]
        }

        public static var formerNames: [String: String] {
            ["attentionWidth": "attentionEmbeddingSize"]
        }
    }

    public let length: Int
    let network: TwoStage

    public init(_ c: Configuration, for data: DatasetShape, using generator: Generator) throws {
        let own = c.attentionEmbeddingSize > 0 ? c.attentionEmbeddingSize : c.embeddingSize
        let attention = try BehaviorEncoder(c.shape(data, width: own), using: generator)
        let representation = try BehaviorEncoder(c.shape(data), using: generator)
        network = try TwoStage(
            ItemCategories(data, on: generator.device),
            keys: attention,
            queries: attention,
            values: representation,
            targets: representation,
            options: .init(kept: c.topK, isTargetAware: c.targetAware, precision: c.precision),
            head: c.head,
            hasAuxiliary: c.auxiliaryLoss,
            using: generator
        )
        length = c.maxSequenceLength
    }
}
