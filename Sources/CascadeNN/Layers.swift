// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeTorch

/// Affine map of the last dimension: `x weight^T + bias`.
public struct Linear: Module {
    /// `[output, input]`.
    public let weight: Parameter
    /// `[output]`.
    public let bias: Parameter?

    /// Creates the layer with fresh weights and zero bias.
    ///
    /// - Parameters:
    ///   - input: Size of the last dimension of what comes in, in features.
    ///   - output: Size of the last dimension of what goes out, in features.
    ///   - bias: Whether a constant is added.
    ///   - initialization: How the weight is drawn.
    ///   - generator: Where the randomness comes from.
    public init(
        _ input: Int,
        _ output: Int,
        bias: Bool = true,
        _ initialization: Initialization = .xavierUniform,
        using generator: Generator
    ) throws(TorchError) {
        weight = try Parameter(initialization([output, input], using: generator))
        self.bias = bias ? try Parameter(.zeros([output], on: generator.device)) : nil
    }

    /// `[..., input]` to `[..., output]`.
    public func callAsFunction(_ x: Tensor) throws(TorchError) -> Tensor { try x.linear(weight.value, bias?.value) }
}

/// A table of vectors, looked up by number.
public struct Embedding: Module {
    /// `[count, width]`.
    public let weight: Parameter

    /// Creates the table.
    ///
    /// - Parameters:
    ///   - count: Number of rows.
    ///   - width: Features per row.
    ///   - initialization: How the rows are drawn.
    ///   - isRowSparse: Whether gradients name only the rows that were looked up.
    ///   - isDecayed: Whether weight decay acts on a table with dense gradients; as a rule it does not.
    ///   - generator: Where the randomness comes from.
    public init(
        _ count: Int,
        _ width: Int,
        _ initialization: Initialization,
        isRowSparse: Bool = false,
        isDecayed: Bool = false,
        using generator: Generator
    ) throws(TorchError) {
        let rows = try initialization([count, width], using: generator)
        weight = try Parameter(rows, isRowSparse: isRowSparse, isDecayed: isDecayed)
    }

    /// A table of given rows.
    public init(weight: Parameter) { self.weight = weight }

    /// int32 or int64 `[...]` to `[..., width]`.
    ///
    /// - Throws: ``TorchError`` when a number is outside the table.
    public func callAsFunction(_ index: Tensor) throws(TorchError) -> Tensor {
        try weight.value.embedding(index, sparse: weight.isRowSparse)
    }

    /// Rows of several tables side by side, without a copy of each: the tables' widths together are the last dimension.
    ///
    /// - Parameter lookUps: Tables that all have row-sparse gradients or all have not, each with an index `[...]` of one shape.
    /// - Throws: ``TorchError`` when a number is outside its table.
    public static func sideBySide(_ lookUps: [(table: Embedding, index: Tensor)]) throws(TorchError) -> Tensor {
        let isSparse = lookUps[0].table.weight.isRowSparse
        precondition(
            lookUps.allSatisfy { $0.table.weight.isRowSparse == isSparse },
            "row-sparse and dense tables are mixed"
        )
        return try .embeddings(lookUps.map(\.table.weight.value), lookUps.map(\.index), sparse: isSparse)
    }
}

/// Normalization of the last dimension with a learned scale and shift.
///
/// - Source: Ba, Kiros & Hinton 2016, arXiv:1607.06450.
public struct LayerNorm: Module {
    /// `[width]`.
    public let weight: Parameter
    /// `[width]`.
    public let bias: Parameter

    /// Creates the layer: scale 1, shift 0.
    public init(_ width: Int, on device: Device = .cpu) throws(TorchError) {
        weight = try Parameter(.ones([width], on: device))
        bias = try Parameter(.zeros([width], on: device))
    }

    /// `[..., width]` to the same shape.
    public func callAsFunction(_ x: Tensor) throws(TorchError) -> Tensor { try x.layerNorm(weight.value, bias.value) }
}

/// Normalization of every feature over the rows of a batch; at inference by running averages of what training saw.
///
/// - Source: Ioffe & Szegedy 2015, arXiv:1502.03167.
public struct BatchNorm: Module {
    /// `[width]`.
    public let weight: Parameter
    /// `[width]`.
    public let bias: Parameter
    /// `[width]`: running mean.
    public let mean: Buffer
    /// `[width]`: running variance.
    public let variance: Buffer

    /// Creates the layer: scale 1, shift 0, running mean 0, running variance 1.
    public init(_ width: Int, on device: Device = .cpu) throws(TorchError) {
        weight = try Parameter(.ones([width], on: device))
        bias = try Parameter(.zeros([width], on: device))
        mean = try Buffer(.zeros([width], on: device))
        variance = try Buffer(.ones([width], on: device))
    }

    /// `[M, width]` to the same shape.
    ///
    /// - Throws: ``TorchError`` when a training batch has a single row, which has no variance.
    public func callAsFunction(_ x: Tensor, _ mode: Mode) throws(TorchError) -> Tensor {
        try x.batchNorm(
            weight.value,
            bias.value,
            mean: mean.value,
            variance: variance.value,
            training: mode == .training
        )
    }
}

/// A rectifier whose kink lies where the batch's values lie: `p x + (1 - p) slope x`, with p the sigmoid of the
/// normalized value.
///
/// - Source: Zhou et al. 2018, arXiv:1706.06978, section 5.3.
public struct Dice: Module {
    /// `[width]`.
    public let slope: Parameter
    /// Without scale and shift of its own in the source; here it has both.
    public let norm: BatchNorm

    /// Creates the layer with every slope at 0.
    public init(_ width: Int, on device: Device = .cpu) throws(TorchError) {
        slope = try Parameter(.zeros([width], on: device))
        norm = try BatchNorm(width, on: device)
    }

    /// `[M, width]` to the same shape.
    public func callAsFunction(_ x: Tensor, _ mode: Mode) throws(TorchError) -> Tensor {
        let share = try norm(x, mode).sigmoid()
        return try x * share + (1 - share) * x * slope.value
    }
}

/// Normalization of groups of channels of `[B, C, L]`.
///
/// Sees padding: prefer ``LayerNorm`` for padded sequences.
///
/// - Source: Wu & He 2018, arXiv:1803.08494.
public struct GroupNorm: Module {
    /// `[channels]`.
    public let weight: Parameter
    /// `[channels]`.
    public let bias: Parameter
    let groups: Int

    /// Creates the layer; `groups` must divide `channels`.
    public init(groups: Int, channels: Int, on device: Device = .cpu) throws(TorchError) {
        precondition(channels % groups == 0, "\(groups) groups must divide \(channels) channels")
        weight = try Parameter(.ones([channels], on: device))
        bias = try Parameter(.zeros([channels], on: device))
        self.groups = groups
    }

    /// `[B, C, L]` to the same shape.
    public func callAsFunction(_ x: Tensor) throws(TorchError) -> Tensor {
        try x.groupNorm(groups, weight.value, bias.value)
    }
}

/// Convolution along a sequence, channels last: `[B, L, input]` to `[B, L, output]`, zero-padded at both ends.
///
/// One matrix product over shifted copies, which keeps sequences in the layout that every other layer uses.
public struct Conv1d: Module {
    /// `[output, input, size]`, libtorch's layout.
    public let weight: Parameter
    /// `[output]`.
    public let bias: Parameter
    let size: Int
    let isCausal: Bool

    /// Creates the layer; `size` must be odd.
    ///
    /// A causal layer sees a position and those before it alone.
    public init(_ input: Int, _ output: Int, size: Int, isCausal: Bool = false, using generator: Generator)
        throws(TorchError)
    {
        precondition(size % 2 == 1, "the kernel size (\(size)) must be odd")
        weight = try Parameter(Initialization.fanIn([output, input, size], using: generator))
        bias = try Parameter(.zeros([output], on: generator.device))
        (self.size, self.isCausal) = (size, isCausal)
    }

    /// `[B, L, input]` to `[B, L, output]`.
    public func callAsFunction(_ x: Tensor) throws(TorchError) -> Tensor {
        let shape = weight.value.shape
        guard size > 1 else { return try x.linear(weight.value.reshaped(shape[0], shape[1]), bias.value) }
        let length = x.size(-2)
        func edge(_ width: Int) throws(TorchError) -> Tensor {
            try .zeros([x.size(0), width, shape[1]], x.dtype, on: x.device)
        }
        let reach = size / 2
        let padded = try Tensor.concatenated(isCausal ? [edge(size - 1), x] : [edge(reach), x, edge(reach)], 1)
        var shifts: [Tensor] = []
        for offset in 0..<size { shifts.append(try padded.sliced(1, from: offset, to: offset + length)) }
        return try Tensor.concatenated(shifts, -1)
            .linear(weight.value.permuted(0, 2, 1).reshaped(shape[0], -1), bias.value)
    }
}

/// Rectifier with one learned slope per channel of the last dimension.
///
/// - Source: He et al. 2015, arXiv:1502.01852.
public struct PReLU: Module {
    /// `[width]`.
    public let slope: Parameter

    /// Creates the layer with every slope at `initial`.
    public init(_ width: Int, initial: Double = 0.25, on device: Device = .cpu) throws(TorchError) {
        slope = try Parameter(.full([width], initial, on: device))
    }

    /// `[..., width]` to the same shape.
    public func callAsFunction(_ x: Tensor) throws(TorchError) -> Tensor {
        try x.reshaped(-1, slope.value.count).prelu(slope.value).reshaped(x.shape)
    }
}

/// Zeroes features with the given probability while training.
///
/// The only layer that draws from libtorch's default generator, which training seeds before every step.
public func dropout(_ x: Tensor, _ rate: Double, _ mode: Mode) throws(TorchError) -> Tensor {
    mode == .training ? try x.dropout(rate) : x
}
