// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeNN
public import CascadeTorch

/// Attention by a small network over each pair of behaviour and candidate, with a search stage before it.
///
/// - Source: Zhou et al., Deep Interest Network, KDD 2018, arXiv:1706.06978; the search stage as in DARE, appendix A.2.
/// - Deviation: A7: see `Documentation/paper-readings.md`.
public struct DIN: TwoStageRanker {
    public static let card = ModelCard(
        name: "din",
        summary: "a small network weighs each behaviour for the candidate; the heaviest are kept",
        paper: "Zhou et al., KDD 2018, arXiv:1706.06978"
    )

    public struct Configuration: TwoStageSettings {
        public var width = 16
        public var length = 200
        public var kept = 20
        public var ages = false
        public var unit = 36  // hidden features of the activation unit
        public var auxiliary = true
        public var spread = 0.01
        public var sparseGradients = true
        public var head = ClickHeadSettings()
        public init() {}

        public func validate() throws {
            try validateStages()
            guard unit > 0 else {
                throw ConfigurationError("model.unit: found \(unit), expected at least 1")
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
            attention: .unit(TargetUnit(shared.semanticWidth, hidden: c.unit, using: generator)),
            using: generator
        )
        length = c.length
    }
}
