// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeNN
public import CascadeTorch

/// Two-stage click model that searches and attends by the same scores, from embeddings that also represent.
///
/// Its settings are the attempts at telling the two apart that DARE reports as failed.
///
/// - Source: Chang et al., TWIN, KDD 2023, arXiv:2302.02352; variants: DARE, sections 2.3 and 4.1, appendix C.1.
/// - Deviation: A1, A6: see `Documentation/paper-readings.md`.
public struct TWIN: TwoStageRanker {
    public static let card = ModelCard(
        name: "twin",
        summary: "lifelong histories, searched and attended to by the same scores of shared embeddings",
        paper: "Chang et al., KDD 2023, arXiv:2302.02352"
    )

    /// What the search stage goes by.
    public enum Search: String, Codable, Sendable, CaseIterable {
        /// The attention's scores.
        case soft
        /// The candidate's category.
        case hard
    }

    public struct Configuration: TwoStageSettings {
        public var width = 16
        public var length = 200
        public var kept = 20
        public var ages = false
        public var search = Search.soft
        public var targetAware = true  // the interest is crossed with the candidate
        public var projection = Projection.none  // of attention and of representation, each its own
        public var tableWidth = 0  // features of each table's rows before a projection; 0: width
        public var balanced = false  // scales the attention's gradient to the norm of the representation's
        public var auxiliary = true
        public var spread = 0.01
        public var sparseGradients = true
        public var head = ClickHeadSettings()
        public var precision = TablePrecision.float32  // of the attention's rows; can be changed without retraining
        public init() {}

        public func validate() throws {
            try validateStages()
            guard tableWidth >= 0, tableWidth == 0 || tableWidth == width || projection == .linear || projection == .mlp
            else {
                throw ConfigurationError(
                    "model.tableWidth: \(tableWidth) differs from width, which needs projection linear or mlp"
                )
            }
            guard !balanced || projection == .none else {
                throw ConfigurationError("model.balanced: works on shared embeddings, so projection must be none")
            }
        }
    }

    public let length: Int
    let network: TwoStage

    public init(_ c: Configuration, for data: DatasetShape, using generator: Generator) throws {
        let width = c.tableWidth == 0 ? c.width : c.tableWidth
        let shared = try BehaviourEncoder(c.shape(data, width: width), using: generator)
        let attention = try shared.mapped(c.projection, to: c.width, using: generator)
        let representation = try shared.mapped(c.projection, to: c.width, using: generator)
        network = try TwoStage(
            ItemCategories(data, on: generator.device),
            keys: attention,
            queries: attention,
            values: representation,
            targets: representation,
            search: c.search == .hard ? .category : .attention,
            options: .init(kept: c.kept, isTargetAware: c.targetAware, isBalanced: c.balanced, precision: c.precision),
            head: c.head,
            hasAuxiliary: c.auxiliary,
            using: generator
        )
        length = c.length
    }
}
