// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeNN
public import CascadeTorch

/// TWIN over clusters of behaviors instead of behaviors, each weighed by its size.
///
/// - Source: Si et al., TWIN V2, CIKM 2024, arXiv:2407.16357; clusters from time and category, as there is no play
///   time (DARE, appendix A.2).
/// - Deviation: A9: see `Documentation/paper-readings.md`.
public struct TWINV2: TwoStageRanker {
    public static let card = ModelCard(
        name: "twin-v2",
        summary: "TWIN over clusters of behaviors, for histories too long to read one by one",
        paper: "Si et al., CIKM 2024, arXiv:2407.16357"
    )

    public struct Configuration: TwoStageSettings {
        public var history = BehaviorSettings()
        public var stages = StageSettings()
        /// Behaviors to a stretch of time, within which a category is one cluster.
        public var clusterSpan = 20
        public init() {}

        public static var bounds: [Bound<Self>] {
            [
                .atLeast(1, \.clusterSpan)
            ]
        }

        public static var formerNames: [String: String] {
            ["span": "clusterSpan"]
        }
    }

    public let length: Int
    let network: TwoStage

    public init(_ c: Configuration, for data: DatasetShape, using generator: Generator) throws {
        let shared = try BehaviorEncoder(c.shape(data), using: generator)
        network = try TwoStage(
            c,
            for: data,
            sharing: shared,
            span: c.clusterSpan,
            using: generator
        )
        length = c.maxSequenceLength
    }
}
