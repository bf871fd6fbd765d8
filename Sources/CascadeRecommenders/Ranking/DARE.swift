// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeNN
public import CascadeTorch

/// Two-stage click model whose attention and representation have embeddings of their own.
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
        public var width = 16  // K_R: features of each of item, category and time in the representation
        public var attentionWidth = 0  // K_A: the same in the attention; 0: as many as K_R
        public var length = 200
        public var kept = 20
        public var ages = false
        public var targetAware = true  // the interest is crossed with the candidate (section 3.2)
        public var auxiliary = true
        public var spread = 0.01
        public var sparseGradients = true
        public var head = ClickHeadSettings()
        public var precision = TablePrecision.float32  // of the attention's rows; can be changed without retraining
        public init() {}

        public func validate() throws {
            try validateStages()
            guard attentionWidth >= 0 else {
                throw ConfigurationError("model.attentionWidth: found \(attentionWidth), expected at least 0")
            }
        }
    }

    public let length: Int
    let network: TwoStage

    public init(_ c: Configuration, for data: DatasetShape, using generator: Generator) throws {
        let own = c.attentionWidth > 0 ? c.attentionWidth : c.width
        let attention = try BehaviourEncoder(c.shape(data, width: own), using: generator)
        let representation = try BehaviourEncoder(c.shape(data), using: generator)
        network = try TwoStage(
            ItemCategories(data, on: generator.device),
            keys: attention,
            queries: attention,
            values: representation,
            targets: representation,
            options: .init(kept: c.kept, isTargetAware: c.targetAware, precision: c.precision),
            head: c.head,
            hasAuxiliary: c.auxiliary,
            using: generator
        )
        length = c.length
    }
}
