// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeNN
public import CascadeTorch

/// A Transformer over a sequence, told the diffusion step: step and position are added to the input.
///
/// Positions count back from the last real one.
///
/// - Source: Vaswani et al. 2017, arXiv:1706.03762, with normalization before each part.
public struct SequenceTransformer: SequenceDenoiser {
    let step: StepEmbedding
    let input: Linear
    let positions: Embedding
    let blocks: [TransformerBlock]
    let norm: LayerNorm
    let output: Linear
    let isCausal: Bool

    /// Creates the network.
    ///
    /// - Parameters:
    ///   - input: Features per position of what comes in.
    ///   - channels: Features per position inside; even, and a multiple of `heads`.
    ///   - output: Features per position of what goes out.
    ///   - length: The largest number of real positions.
    ///   - depth: Number of blocks.
    ///   - heads: Attention heads.
    ///   - isCausal: Whether a position learns of those before it alone.
    ///   - generator: Where the randomness comes from.
    public init(
        _ input: Int,
        channels: Int,
        _ output: Int,
        length: Int,
        depth: Int,
        heads: Int,
        isCausal: Bool = false,
        using generator: Generator
    ) throws(TorchError) {
        step = try StepEmbedding(width: channels, using: generator)
        self.input = try Linear(input, channels, using: generator)
        positions = try Embedding(length, channels, .normal(0.02), using: generator)
        var blocks: [TransformerBlock] = []
        for _ in 0..<depth {
            blocks.append(
                try TransformerBlock(width: channels, heads: heads, hidden: 4 * channels, dropout: 0, using: generator)
            )
        }
        self.blocks = blocks
        norm = try LayerNorm(channels, on: generator.device)
        self.output = try Linear(channels, output, using: generator)
        self.isCausal = isCausal
    }

    /// `[B, L, input]`, int64 `[B]` and `[B, L, 1]` to `[B, L, output]`; the mask is 1 at real positions, 0 at padding.
    public func callAsFunction(_ x: Tensor, steps: Tensor, mask: Tensor) throws(TorchError) -> Tensor {
        let flat = try mask.squeezed(2)
        let fromEnd = try (flat.flipped(1).cumulativeSum(1).flipped(1) - 1).clamped(from: 0).to(.int64)
        var y = try input(x) + positions(fromEnd) + step(steps).unsqueezed(1)
        // Numbers instead of truth values: a row of padding alone then stays finite.
        let keys = try (flat - 1) * 1e9
        let scope = isCausal ? AttentionScope.pairs(try keys.unsqueezed(1) + future(x)) : .keys(keys)
        for block in blocks { y = try block(y, scope, .inference) }
        return try output(norm(y)) * mask
    }

    /// Large negative numbers where a key comes after its query: `[1, L, L]`.
    private func future(_ x: Tensor) throws(TorchError) -> Tensor {
        let places = try Tensor.range(0..<x.size(1), on: x.device)
        return try places.unsqueezed(0).greater(places.unsqueezed(1)).to(.float32).unsqueezed(0) * -1e9
    }
}
