// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeTorch

/// Which positions a query may look at.
public enum AttentionScope {
    /// Position i sees positions up to i.
    case causal
    /// Every query sees the keys where this bool mask `[B, L]` holds; at least one in each row.
    case keys(Tensor)
    /// Every query has a row of its own: what is added to its logits, `[B, L, L]`, queries first.
    case pairs(Tensor)
    /// Everything.
    case all
}

/// Multi-head self-attention.
///
/// - Source: Vaswani et al. 2017, arXiv:1706.03762, section 3.2.
public struct SelfAttention: Module {
    /// Query, key and value maps, stacked: `[3 width, width]`.
    public let projection: Linear
    /// `[width, width]`.
    public let output: Linear
    let heads: Int

    /// Creates the layer; `heads` must divide `width`.
    public init(width: Int, heads: Int, using generator: Generator) throws(TorchError) {
        precondition(width % heads == 0, "\(heads) heads must divide the width \(width)")
        // Drawn as three square maps, so that stacking does not change their scale.
        projection = try Linear(width, 3 * width, .normal((1 / Double(width)).squareRoot()), using: generator)
        output = try Linear(width, width, using: generator)
        self.heads = heads
    }

    /// `[B, L, width]` to the same shape.
    public func callAsFunction(_ x: Tensor, _ scope: AttentionScope) throws(TorchError) -> Tensor {
        let (rows, length, width) = (x.size(0), x.size(1), x.size(2))
        // [3, B, H, L, D / H]
        let parts = try projection(x).reshaped(rows, length, 3, heads, width / heads).permuted(2, 0, 3, 1, 4)
        let (q, k, v) = try (parts.selected(0, 0), parts.selected(0, 1), parts.selected(0, 2))
        let mixed: Tensor
        switch scope {
        case .causal: mixed = try q.attention(k, v, causal: true)
        case .keys(let mask): mixed = try q.attention(k, v, mask: mask.reshaped(rows, 1, 1, length))
        case .pairs(let logits): mixed = try q.attention(k, v, mask: logits.unsqueezed(1))
        case .all: mixed = try q.attention(k, v)
        }
        return try output(mixed.transposed(1, 2).reshaped(rows, length, width))
    }
}

/// Position-wise feed-forward network: `down(gelu(up(x)))`.
///
/// - Source: Vaswani et al. 2017, arXiv:1706.03762, section 3.3, with GELU instead of ReLU.
public struct FeedForward: Module {
    let up: Linear
    let down: Linear
    let rate: Double

    /// Creates the network.
    ///
    /// - Parameters:
    ///   - input: Size of the last dimension of what comes in, in features.
    ///   - hidden: Size of the hidden layer, in features.
    ///   - output: Size of the last dimension of what goes out, in features.
    ///   - rate: Probability that a hidden feature is zeroed while training.
    ///   - generator: Where the randomness comes from.
    public init(_ input: Int, hidden: Int, _ output: Int, dropout rate: Double, using generator: Generator)
        throws(TorchError)
    {
        up = try Linear(input, hidden, using: generator)
        down = try Linear(hidden, output, using: generator)
        self.rate = rate
    }

    /// `[..., input]` to `[..., output]`.
    public func callAsFunction(_ x: Tensor, _ mode: Mode) throws(TorchError) -> Tensor {
        try self(x) { (hidden) throws(TorchError) in try dropout(hidden, rate, mode) }
    }

    /// `[..., input]` to `[..., output]`, with the caller's own way to zero hidden features.
    public func callAsFunction(_ x: Tensor, dropping: (Tensor) throws(TorchError) -> Tensor) throws(TorchError)
        -> Tensor
    {
        try down(dropping(up(x).gelu()))
    }
}

/// Attention and a feed-forward network, each normalized before and added to its input.
///
/// - Source: Vaswani et al. 2017, arXiv:1706.03762, figure 1; pre-normalization after Xiong et al. 2020, arXiv:2002.04745.
public struct TransformerBlock: Module {
    let attentionNorm: LayerNorm
    let attention: SelfAttention
    let feedForwardNorm: LayerNorm
    let feedForward: FeedForward
    let rate: Double

    /// Creates the block.
    ///
    /// - Parameters:
    ///   - width: Features per position.
    ///   - heads: Attention heads; must divide `width`.
    ///   - hidden: Hidden features of the feed-forward network.
    ///   - rate: Dropout probability.
    ///   - generator: Where the randomness comes from.
    public init(width: Int, heads: Int, hidden: Int, dropout rate: Double, using generator: Generator)
        throws(TorchError)
    {
        attentionNorm = try LayerNorm(width, on: generator.device)
        attention = try SelfAttention(width: width, heads: heads, using: generator)
        feedForwardNorm = try LayerNorm(width, on: generator.device)
        feedForward = try FeedForward(width, hidden: hidden, width, dropout: rate, using: generator)
        self.rate = rate
    }

    /// `[B, L, width]` to the same shape.
    public func callAsFunction(_ x: Tensor, _ scope: AttentionScope, _ mode: Mode) throws(TorchError) -> Tensor {
        try self(x, scope) { (y) throws(TorchError) in try dropout(y, rate, mode) }
    }

    /// `[B, L, width]` to the same shape, with the caller's own way to zero features.
    public func callAsFunction(
        _ x: Tensor,
        _ scope: AttentionScope,
        dropping: (Tensor) throws(TorchError) -> Tensor
    ) throws(TorchError) -> Tensor {
        let y = try x + dropping(attention(attentionNorm(x), scope))
        return try y + dropping(feedForward(feedForwardNorm(y), dropping: dropping))
    }
}
