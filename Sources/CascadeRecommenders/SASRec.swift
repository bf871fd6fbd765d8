// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
import CascadeNN
public import CascadeTorch

/// Self-attentive sequential recommendation: a causal Transformer that predicts the next item at every position.
///
/// - Deviation: pre-normalised blocks with GELU; the default objective is the full softmax (Klenitskiy & Vasilev 2023,
///   arXiv:2309.07602); short histories are padded on the right, so that positions count from the start.
public struct SASRec: VectorRetriever {
    public static let card = ModelCard(
        name: "sasrec",
        summary: "causal Transformer over the history, next item at every position",
        paper: "Kang & McAuley, ICDM 2018, arXiv:1808.09781"
    )
    public static let padding = Padding.right
    public static let examples = ExampleKind.everyPosition

    public struct Configuration: Settings {
        public var width = 64  // features per item
        public var length = 200  // latest events that are read
        public var blocks = 2
        public var heads = 2  // must divide width
        public var hidden = 256  // features inside the feed-forward network
        public var dropout = 0.2  // probability
        public var sparseGradients = false  // of the item table: for sampled losses on large catalogues
        public init() {}

        public func validate() throws {
            guard width > 0, heads > 0, width % heads == 0 else {
                throw ConfigurationError("model.width (\(width)) must be a multiple of model.heads (\(heads))")
            }
            guard length > 0, blocks > 0, hidden > 0, (0..<1).contains(dropout) else {
                throw ConfigurationError("model: length, blocks and hidden must be at least 1, dropout in 0..<1")
            }
        }
    }

    public let length: Int
    let items: Embedding
    let positions: Embedding
    let blocks: [TransformerBlock]
    let norm: LayerNorm
    let rate: Double

    public init(_ c: Configuration, for data: DatasetShape, using generator: Generator) throws {
        // Row 0 is padding.
        items = try Embedding(data.items + 1, c.width, .normal(0.02), isRowSparse: c.sparseGradients, using: generator)
        positions = try Embedding(c.length, c.width, .normal(0.02), using: generator)
        blocks = try (0..<c.blocks).map { _ in
            try TransformerBlock(width: c.width, heads: c.heads, hidden: c.hidden, dropout: c.dropout, using: generator)
        }
        norm = try LayerNorm(c.width, on: generator.device)
        (length, rate) = (c.length, c.dropout)
    }

    public func itemVectors() throws -> Tensor { try items.weight.value.sliced(0, from: 1) }

    public func itemVectors(_ numbers: Tensor) throws -> Tensor { try items(numbers + 1) }

    public func userVectors(_ batch: Batch) throws -> Tensor {
        try batch.last(of: encode(batch.items, .inference)).unsqueezed(1)
    }

    public func trainingOutput(_ batch: Batch) throws -> TrainingOutput {
        let states = try encode(batch.items, .training)
        return TrainingOutput(vectors: try states.reshaped(-1, states.size(2)).rows(batch.positions))
    }

    /// int32 `[B, L]` to `[B, L, D]`.
    func encode(_ history: Tensor, _ mode: Mode) throws -> Tensor {
        let width = Double(items.weight.value.size(1))
        let places = try positions.weight.value.sliced(0, to: history.size(1))
        let x = try dropout(items(history) * width.squareRoot() + places, rate, mode)
        return try norm(blocks.reduce(x) { try $1($0, .causal, mode) })
    }
}
