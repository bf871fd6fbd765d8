// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Cascade

/// Averages the embeddings of the latest items, then maps the average to where the next item should be.
struct AverageOfEmbeddings: VectorRetriever {
    static let card = ModelCard(
        name: "average-of-embeddings",
        summary: "the mean of the history's item vectors, and one linear map",
        paper: "an example of a model in a package of its own"
    )
    static let padding = Padding.left
    static let examples = ExampleKind.prefixes

    struct Configuration: Settings {
        var width = 64  // features per item
        var length = 50  // latest events that are read
        var dropout = 0.1  // probability

        func validate() throws {
            guard width > 0, length > 0, (0..<1).contains(dropout) else {
                throw ConfigurationError("model: width and length must be at least 1, dropout in 0..<1")
            }
        }
    }

    let length: Int
    let items: Embedding
    let output: Linear
    let rate: Double

    init(_ c: Configuration, for data: DatasetShape, using generator: Generator) throws {
        items = try Embedding(data.items + 1, c.width, .normal(0.02), using: generator)  // row 0 is padding
        output = try Linear(c.width, c.width, using: generator)
        (length, rate) = (c.length, c.dropout)
    }

    func itemVectors() throws -> Tensor { try items.weight.value.sliced(0, from: 1) }

    func userVectors(_ batch: Batch) throws -> Tensor {
        try encode(batch, .inference).unsqueezed(1)  // [B, Q, D] with Q = 1
    }

    func trainingOutput(_ batch: Batch) throws -> TrainingOutput {
        TrainingOutput(vectors: try encode(batch, .training))
    }

    /// `[B, L]` to `[B, D]`.
    private func encode(_ batch: Batch, _ mode: Mode) throws -> Tensor {
        let isReal = try batch.items.notEqual(0).to(.float32).unsqueezed(2)  // [B, L, 1]
        let sum = try (items(batch.items) * isReal).sum(1)
        let mean = try sum / batch.lengths.to(.float32).unsqueezed(1)
        return try output(dropout(mean, rate, mode))
    }
}
