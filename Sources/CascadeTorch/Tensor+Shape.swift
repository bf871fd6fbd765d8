// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CTorch

// Dimensions may be negative: -1 is the last. Results share storage where libtorch can.

extension Tensor {
    /// The same elements in another shape; one size may be -1.
    public func reshaped(_ shape: [Int]) throws(TorchError) -> Tensor {
        try Tensor(ct_reshape(raw, shape.map(Int64.init), Int32(shape.count)), "reshaped(\(self.shape) to \(shape))")
    }
    /// The same elements in another shape; one size may be -1.
    public func reshaped(_ shape: Int...) throws(TorchError) -> Tensor { try reshaped(shape) }

    /// The dimensions in another order.
    public func permuted(_ order: Int...) throws(TorchError) -> Tensor {
        try Tensor(ct_permute(raw, order.map(Int64.init), Int32(order.count)), "permuted(\(shape), \(order))")
    }
    /// Two dimensions exchanged.
    public func transposed(_ a: Int = -2, _ b: Int = -1) throws(TorchError) -> Tensor {
        try Tensor(ct_transpose(raw, Int64(a), Int64(b)), "transposed(\(shape), \(a), \(b))")
    }
    /// A new dimension of size 1.
    public func unsqueezed(_ dimension: Int) throws(TorchError) -> Tensor {
        try Tensor(ct_unsqueeze(raw, Int64(dimension)), "unsqueezed(\(shape), \(dimension))")
    }
    /// Without a dimension of size 1.
    public func squeezed(_ dimension: Int) throws(TorchError) -> Tensor {
        try Tensor(ct_squeeze(raw, Int64(dimension)), "squeezed(\(shape), \(dimension))")
    }
    /// The elements from `start` to before `end` along a dimension; negative positions count from the end.
    public func sliced(_ dimension: Int, from start: Int = 0, to end: Int = .max, by step: Int = 1) throws(TorchError)
        -> Tensor
    {
        try Tensor(
            ct_slice(raw, Int64(dimension), Int64(start), Int64(end), Int64(step)),
            "sliced(\(shape), \(dimension), \(start)..<\(end))"
        )
    }
    /// One element along a dimension, which disappears.
    public func selected(_ dimension: Int, _ index: Int) throws(TorchError) -> Tensor {
        try Tensor(ct_select(raw, Int64(dimension), Int64(index)), "selected(\(shape), \(dimension), \(index))")
    }
    /// Dimensions of size 1 repeated without copying; -1 keeps a size.
    public func expanded(_ shape: [Int]) throws(TorchError) -> Tensor {
        try Tensor(ct_expand(raw, shape.map(Int64.init), Int32(shape.count)), "expanded(\(self.shape) to \(shape))")
    }
    /// Copies laid side by side along every dimension.
    public func repeated(_ times: Int...) throws(TorchError) -> Tensor {
        try Tensor(ct_repeat(raw, times.map(Int64.init), Int32(times.count)), "repeated(\(shape), \(times))")
    }
    /// Element i of a dimension `times[i]` times in a row.
    public func repeated(each times: Tensor, along dimension: Int) throws(TorchError) -> Tensor {
        try Tensor(ct_repeat_interleave(raw, times.raw, Int64(dimension)), "repeated(\(shape), each \(times.shape))")
    }
    /// The other way round along a dimension.
    public func flipped(_ dimension: Int) throws(TorchError) -> Tensor {
        try Tensor(ct_flip(raw, Int64(dimension)), "flipped(\(shape), \(dimension))")
    }
    /// Moved along a dimension, what falls out returning at the other end.
    public func rolled(by shift: Int, along dimension: Int) throws(TorchError) -> Tensor {
        try Tensor(ct_roll(raw, Int64(shift), Int64(dimension)), "rolled(\(shape), \(shift))")
    }
    /// Tensors one after another along an existing dimension.
    public static func concatenated(_ tensors: [Tensor], _ dimension: Int = 0) throws(TorchError) -> Tensor {
        try withRaw(tensors, "concatenated(\(tensors.map(\.shape)), \(dimension))") {
            ct_cat($0, $1, Int64(dimension))
        }
    }
    /// Tensors of one shape along a new dimension.
    public static func stacked(_ tensors: [Tensor], _ dimension: Int = 0) throws(TorchError) -> Tensor {
        try withRaw(tensors, "stacked(\(tensors.map(\.shape)), \(dimension))") { ct_stack($0, $1, Int64(dimension)) }
    }
    /// Every element along a dimension, which disappears; the backward pass puts them together in one operation.
    public func unbound(_ dimension: Int = 0) throws(TorchError) -> [Tensor] {
        var raws = [OpaquePointer?](repeating: nil, count: size(dimension))
        try check(ct_unbind(raw, Int64(dimension), &raws, Int32(raws.count)), "unbound(\(shape), \(dimension))")
        var parts: [Tensor] = []
        for raw in raws { parts.append(try Tensor(raw, "unbound")) }
        return parts
    }
    /// A constant before and after the last dimension.
    public func padded(before: Int, after: Int, with value: Double = 0) throws(TorchError) -> Tensor {
        try Tensor(ct_pad(raw, [Int64(before), Int64(after)], 2, value), "padded(\(shape), \(before), \(after))")
    }
    /// The lower triangle; zero above the diagonal.
    public func lowerTriangle(_ diagonal: Int = 0) throws(TorchError) -> Tensor {
        try Tensor(ct_triangle(raw, Int64(diagonal), false), "lowerTriangle(\(shape))")
    }
    /// The upper triangle; zero below the diagonal.
    public func upperTriangle(_ diagonal: Int = 0) throws(TorchError) -> Tensor {
        try Tensor(ct_triangle(raw, Int64(diagonal), true), "upperTriangle(\(shape))")
    }
    /// The same elements laid out in row-major order.
    public func contiguous() throws(TorchError) -> Tensor { try Tensor(ct_contiguous(raw), "contiguous(\(shape))") }

    /// Calls C with the raw handles of several tensors, which stay alive meanwhile.
    static func withRaw(
        _ tensors: [Tensor],
        _ operation: @autoclosure () -> String,
        _ body: (UnsafePointer<OpaquePointer?>?, Int32) -> OpaquePointer?
    ) throws(TorchError) -> Tensor {
        let result = withExtendedLifetime(tensors) {
            tensors.map { Optional($0.raw) }.withUnsafeBufferPointer { body($0.baseAddress, Int32($0.count)) }
        }
        return try Tensor(result, operation())
    }
}

// MARK: - Indexing

extension Tensor {
    /// Rows (or other slices) by number: `index` is int32 or int64 `[K]`.
    public func rows(_ index: Tensor, along dimension: Int = 0) throws(TorchError) -> Tensor {
        try Tensor(ct_index_select(raw, Int64(dimension), index.raw), "rows(\(shape), \(index.shape))")
    }
    /// One element per place of `index` (int64) along a dimension.
    public func gathered(_ dimension: Int, _ index: Tensor) throws(TorchError) -> Tensor {
        try Tensor(ct_gather(raw, Int64(dimension), index.raw), "gathered(\(shape), \(dimension), \(index.shape))")
    }
    /// A copy with `source` written, or added, where `index` (int64) says along a dimension.
    public func scattered(_ dimension: Int, _ index: Tensor, _ source: Tensor, adding: Bool = false) throws(TorchError)
        -> Tensor
    {
        try Tensor(
            ct_scatter(raw, Int64(dimension), index.raw, source.raw, adding),
            "scattered(\(shape), \(dimension), \(index.shape), \(source.shape))"
        )
    }
    /// A copy with slices of `source` added to the slices that `index` names.
    public func addingRows(_ index: Tensor, _ source: Tensor, along dimension: Int = 0) throws(TorchError) -> Tensor {
        try Tensor(
            ct_index_add(raw, Int64(dimension), index.raw, source.raw),
            "addingRows(\(shape), \(index.shape), \(source.shape))"
        )
    }
    /// A copy with values put (or added) at the places named by one index tensor (int64) per dimension.
    public func putting(_ values: Tensor, at indices: [Tensor], adding: Bool = false) throws(TorchError) -> Tensor {
        try Tensor.withRaw(indices, "putting(\(shape), \(values.shape))") {
            ct_index_put(raw, $0, $1, values.raw, adding)
        }
    }
    /// The elements where a mask holds, in row-major order: `[count]`.
    public func masked(by mask: Tensor) throws(TorchError) -> Tensor {
        try Tensor(ct_masked_select(raw, mask.raw), "masked(\(shape), by \(mask.shape))")
    }
    /// Where the elements are not zero: int64 `[count, rank]`.
    public func nonzero() throws(TorchError) -> Tensor { try Tensor(ct_nonzero(raw), "nonzero(\(shape))") }
    /// A 1 at the place that each int64 element names: int64 `[..., classes]`.
    public func oneHot(_ classes: Int) throws(TorchError) -> Tensor {
        try Tensor(ct_one_hot(raw, Int64(classes)), "oneHot(\(shape), \(classes))")
    }
}
