// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeTorch

/// A trained tensor.
///
/// A reference, so that a layer and an optimizer share it, and a tied weight is one object.
public final class Parameter {
    /// The weights; a leaf that records gradients.
    public let value: Tensor
    /// Whether gradients name only the rows that were looked up; the optimizer then touches only those.
    public let isRowSparse: Bool
    /// Whether weight decay acts on it: on matrices, and as a rule neither on biases and scales nor on tables of embeddings,
    /// whose rows would shrink as often as others are looked up.
    public let isDecayed: Bool

    /// Takes over a freshly made tensor as a trained weight.
    ///
    /// - Parameters:
    ///   - value: The weight.
    ///   - isRowSparse: Whether gradients name only rows.
    ///   - isDecayed: Whether weight decay acts on it; nil: where it has two dimensions or more.
    /// - Throws: ``TorchError`` when the elements are whole numbers.
    public init(_ value: Tensor, isRowSparse: Bool = false, isDecayed: Bool? = nil) throws(TorchError) {
        self.value = try value.detached()
        self.isRowSparse = isRowSparse
        self.isDecayed = isDecayed ?? (value.rank > 1)
        try self.value.setRequiresGradient(true)
    }
}

/// A tensor that is saved with a model but not trained: counts, tables, running statistics.
public final class Buffer {
    /// The values; change them with the in-place operations.
    public let value: Tensor

    /// Keeps a tensor.
    public init(_ value: Tensor) { self.value = value }
}
