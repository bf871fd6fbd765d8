// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeNN
public import CascadeTorch

/// Search first, by category or by a product that an auxiliary loss trains; then attention to what was found.
///
/// - Source: Pi et al., Search-based User Interest Modeling, CIKM 2020, arXiv:2006.05639.
/// - Deviation: A8: see `Documentation/paper-readings.md`.
public struct SIM: TwoStageRanker {
    public static let card = ModelCard(
        name: "sim",
        summary: "lifelong histories, searched by category or by a product trained on the side",
        paper: "Pi et al., CIKM 2020, arXiv:2006.05639"
    )

    public struct Configuration: TwoStageSettings {
        public var width = 16
        public var length = 200
        public var kept = 20
        public var ages = true  // section 3.2 reads the time between behaviour and candidate
        public var search = TWIN.Search.soft
        public var auxiliary = true  // trains the soft search
        public var spread = 0.01
        public var sparseGradients = true
        public var head = ClickHeadSettings()
        public init() {}

        public func validate() throws {
            try validateStages()
            guard auxiliary || search == .hard else {
                throw ConfigurationError(
                    "model.auxiliary: the soft search learns from it alone; set it, or search hard"
                )
            }
        }
    }

    public let length: Int
    let network: TwoStage

    public init(_ c: Configuration, for data: DatasetShape, using generator: Generator) throws {
        let shared = try BehaviourEncoder(c.shape(data), using: generator)
        let soft = c.search == .soft ? try SoftSearch(shared.semanticWidth, using: generator) : nil
        network = try TwoStage(
            c,
            for: data,
            sharing: shared,
            search: soft.map { .product($0) } ?? .category,
            using: generator
        )
        length = c.length
    }
}
