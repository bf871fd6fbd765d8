// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeNN
public import CascadeTorch

/// TWIN over clusters of behaviours instead of behaviours, each weighed by its size.
///
/// - Source: Si et al., TWIN V2, CIKM 2024, arXiv:2407.16357; clusters from time and category, as there is no play
///   time (DARE, appendix A.2).
/// - Deviation: A9: see `Documentation/paper-readings.md`.
public struct TWINV2: TwoStageRanker {
    public static let card = ModelCard(
        name: "twin-v2",
        summary: "TWIN over clusters of behaviours, for histories too long to read one by one",
        paper: "Si et al., CIKM 2024, arXiv:2407.16357"
    )

    public struct Configuration: TwoStageSettings {
        public var width = 16
        public var length = 200
        public var kept = 20
        public var ages = false
        public var span = 20  // behaviours to a stretch of time, within which a category is one cluster
        public var auxiliary = true
        public var spread = 0.01
        public var sparseGradients = true
        public var head = ClickHeadSettings()
        public init() {}

        public func validate() throws {
            try validateStages()
            guard span > 0 else { throw ConfigurationError("model.span: found \(span), expected at least 1") }
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
            span: c.span,
            using: generator
        )
        length = c.length
    }
}
