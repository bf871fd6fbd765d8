// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeNN
import CascadeTorch

/// A retriever that reads from left to right, whose state at every position is where the next item should be.
///
/// It supplies its table of items and what it makes of a history.
protocol CausalEncoder: VectorRetriever {
    /// Row 0 is padding.
    var items: Embedding { get }
    /// States of a history, padded on the right: int32 `[B, L]` to `[B, L, D]`.
    func encode(_ history: Tensor, _ mode: Mode) throws -> Tensor
}

extension CausalEncoder {
    // The state of a real position never sees padding on the right.
    public static var padding: Padding { .right }
    public static var examples: ExampleKind { .causal }

    public func itemVectors() throws -> Tensor { try items.weight.value.sliced(0, from: 1) }

    public func itemVectors(_ numbers: Tensor) throws -> Tensor { try items(numbers + 1) }

    public func userVectors(_ batch: Batch) throws -> Tensor {
        try batch.last(of: encode(batch.items, .inference)).unsqueezed(1)
    }

    public func trainingOutput(_ batch: Batch) throws -> TrainingOutput {
        let states = try encode(batch.items, .training)
        return TrainingOutput(vectors: try states.reshaped(-1, states.size(2)).rows(batch.positions))
    }
}
