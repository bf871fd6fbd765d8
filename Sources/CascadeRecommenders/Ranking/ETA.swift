// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeNN
public import CascadeTorch

/// TWIN whose search goes by the Hamming distance of random projections' signs.
///
/// - Source: Chen et al., End-to-End User Behavior Retrieval in Click-Through Rate Prediction Model, 2021,
///   arXiv:2108.04468.
public struct ETA: TwoStageRanker {
    public static let card = ModelCard(
        name: "eta",
        summary: "lifelong histories, searched by the Hamming distance of hashed embeddings",
        paper: "Chen et al., 2021, arXiv:2108.04468"
    )

    public struct Configuration: TwoStageSettings {
        public var width = 16
        public var length = 200
        public var kept = 20
        public var ages = false
        public var bits = 64  // of a signature
        public var auxiliary = true
        public var spread = 0.01
        public var sparseGradients = true
        public var head = ClickHeadSettings()
        public init() {}

        public func validate() throws {
            try validateStages()
            guard bits > 0 else {
                throw ConfigurationError("model.bits: found \(bits), expected at least 1")
            }
        }
    }

    public let length: Int
    let network: TwoStage

    public init(_ c: Configuration, for data: DatasetShape, using generator: Generator) throws {
        let shared = try BehaviourEncoder(c.shape(data), using: generator)
        network = try TwoStage(
            c,
            for: data,
            sharing: shared,
            search: .hamming(Signature(shared.semanticWidth, bits: c.bits, using: generator)),
            using: generator
        )
        length = c.length
    }
}
