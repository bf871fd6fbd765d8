// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeNN
public import CascadeTorch

/// Two-stage CTR model that searches and attends by the same scores, from embeddings that also represent.
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

    /// What the retrieval stage goes by.
    public enum Retrieval: String, Codable, Sendable, CaseIterable {
        /// The attention's scores.
        case soft
        /// The candidate's category.
        case hard
    }

    public struct Configuration: TwoStageSettings {
        public var history = BehaviorSettings()
        public var stages = StageSettings()
        /// What the retrieval stage (general search unit) goes by.
        public var retrieval = Retrieval.soft
        /// Whether the interest is crossed with the candidate (DARE, section 3.2).
        public var targetAware = true
        /// Which features attention and representation map, each with maps of its own.
        public var projection = Projection.none
        /// Features of each table's rows before a projection; 0: `embedding_size`.
        public var tableEmbeddingSize = 0
        /// Scales the attention's gradient to the norm of the representation's.
        public var balancedGradients = false
        /// How exactly the attention's rows are kept; can be changed without retraining.
        public var precision = TablePrecision.float32
        public init() {}

        public static var bounds: [Bound<Self>] {
            [
                .atLeast(0, \.tableEmbeddingSize)
            ]
        }

        public static var formerNames: [String: String] {
            ["search": "retrieval", "tableWidth": "tableEmbeddingSize", "balanced": "balancedGradients"]
        }

        public func validate() throws {
            guard
                tableEmbeddingSize == 0 || tableEmbeddingSize == embeddingSize || projection == .linear
                    || projection == .mlp
            else {
                throw ConfigurationError(
                    "model.table_embedding_size: \(tableEmbeddingSize) differs from embedding_size, which needs projection linear or mlp"
                )
            }
            guard !balancedGradients || projection == .none else {
                throw ConfigurationError(
                    "model.balanced_gradients: works on shared embeddings, so projection must be none"
                )
            }
        }
    }

    public let length: Int
    let network: TwoStage

    public init(_ c: Configuration, for data: DatasetShape, using generator: Generator) throws {
        let width = c.tableEmbeddingSize == 0 ? c.embeddingSize : c.tableEmbeddingSize
        let shared = try BehaviorEncoder(c.shape(data, width: width), using: generator)
        let attention = try shared.mapped(c.projection, to: c.embeddingSize, using: generator)
        let representation = try shared.mapped(c.projection, to: c.embeddingSize, using: generator)
        network = try TwoStage(
            ItemCategories(data, on: generator.device),
            keys: attention,
            queries: attention,
            values: representation,
            targets: representation,
            retrieval: c.retrieval == .hard ? CategoryRetrieval() : AttentionRetrieval(),
            options: .init(
                kept: c.topK,
                isTargetAware: c.targetAware,
                isBalanced: c.balancedGradients,
                precision: c.precision
            ),
            head: c.head,
            hasAuxiliary: c.auxiliaryLoss,
            using: generator
        )
        length = c.maxSequenceLength
    }
}
