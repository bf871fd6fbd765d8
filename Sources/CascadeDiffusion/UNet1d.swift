// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeNN
public import CascadeTorch

/// A one-dimensional U-Net over a sequence, told the diffusion step: two halvings, a middle, two doublings.
///
/// Channels come last. Normalization is per position and padding is masked before every convolution, so that a padded
/// position never changes a real one (reading T9). A causal network sees no position after the one that it answers for.
///
/// - Source: Ronneberger et al. 2015, arXiv:1505.04597; T2Diff section 4.2.1, whose sizes are not printed.
public struct UNet1d: SequenceDenoiser {
    let step: StepEmbedding
    let input: Conv1d
    let down: [ResidualBlock]
    let middle: ResidualBlock
    let up: [ResidualBlock]
    let output: Linear
    let isCausal: Bool

    /// The length of the sequence must be a multiple of this.
    public static let lengthMultiple = 4

    /// Creates the network.
    ///
    /// - Parameters:
    ///   - input: Features per position of what comes in.
    ///   - channels: Features per position inside; even.
    ///   - output: Features per position of what goes out.
    ///   - isCausal: Whether a position learns of those before it alone.
    ///   - generator: Where the randomness comes from.
    public init(_ input: Int, channels: Int, _ output: Int, isCausal: Bool = false, using generator: Generator)
        throws(TorchError)
    {
        func block(_ input: Int) throws(TorchError) -> ResidualBlock {
            try ResidualBlock(input, channels, step: channels, isCausal: isCausal, using: generator)
        }
        step = try StepEmbedding(width: channels, using: generator)
        self.input = try Conv1d(input, channels, size: 3, isCausal: isCausal, using: generator)
        down = [try block(channels), try block(channels)]
        middle = try block(channels)
        up = [try block(2 * channels), try block(2 * channels)]
        self.output = try Linear(channels, output, using: generator)
        self.isCausal = isCausal
    }

    /// Applies the network.
    ///
    /// - Parameters:
    ///   - x: `[B, L, input]`, zero at padding; L a multiple of ``lengthMultiple``.
    ///   - steps: int64 `[B]`.
    ///   - mask: `[B, L, 1]` float32, 1 at real positions, 0 at padding.
    /// - Returns: `[B, L, output]`, zero at padding.
    public func callAsFunction(_ x: Tensor, steps: Tensor, mask: Tensor) throws(TorchError) -> Tensor {
        guard x.size(1) % Self.lengthMultiple == 0 else {
            throw TorchError("UNet1d(\(x.shape))", "the length must be a multiple of \(Self.lengthMultiple)")
        }
        let s = try step(steps)
        let masks = try [mask, halvedMask(mask), halvedMask(halvedMask(mask))]
        let top = try down[0](input(x) * masks[0], s, masks[0])
        let half = try down[1](halved(top), s, masks[1])
        let bottom = try middle(halved(half), s, masks[2])
        let rising = try up[0](.concatenated([doubled(bottom, masks[1]), half], -1), s, masks[1])
        let full = try up[1](.concatenated([doubled(rising, masks[0]), top], -1), s, masks[0])
        return try output(full) * masks[0]
    }

    private func halved(_ x: Tensor) throws(TorchError) -> Tensor {
        try x.reshaped(x.size(0), x.size(1) / 2, 2, x.size(2)).mean(2)
    }

    private func halvedMask(_ mask: Tensor) throws(TorchError) -> Tensor {
        try mask.reshaped(mask.size(0), mask.size(1) / 2, 2, 1).max(2)
    }

    /// A position at the edge of the padding has a real and a padded half: hence the mask of the doubled length.
    private func doubled(_ x: Tensor, _ mask: Tensor) throws(TorchError) -> Tensor {
        let (rows, length, channels) = (x.size(0), x.size(1), x.size(2))
        var twice = try x.unsqueezed(2).expanded([rows, length, 2, channels]).reshaped(rows, 2 * length, channels)
        if isCausal {
            // A pair's mean knows its second position: that one and the next may have it, the first may not.
            let edge = try Tensor.zeros([rows, 1, channels], x.dtype, on: x.device)
            twice = try .concatenated([edge, twice.sliced(1, to: -1)], 1)
        }
        return try twice * mask
    }
}

/// Two convolutions with normalization, the step added between them, around a skip connection.
struct ResidualBlock: Module {
    let conv1: Conv1d
    let norm1: LayerNorm
    let step: Linear
    let conv2: Conv1d
    let norm2: LayerNorm
    let skip: Conv1d?

    init(_ input: Int, _ output: Int, step width: Int, isCausal: Bool, using generator: Generator) throws(TorchError) {
        conv1 = try Conv1d(input, output, size: 3, isCausal: isCausal, using: generator)
        norm1 = try LayerNorm(output, on: generator.device)
        step = try Linear(width, output, using: generator)
        conv2 = try Conv1d(output, output, size: 3, isCausal: isCausal, using: generator)
        norm2 = try LayerNorm(output, on: generator.device)
        skip = input == output ? nil : try Conv1d(input, output, size: 1, using: generator)
    }

    /// `[B, L, input]`, zero at padding, `[B, width]` and `[B, L, 1]` to `[B, L, output]`, zero at padding.
    func callAsFunction(_ x: Tensor, _ s: Tensor, _ mask: Tensor) throws(TorchError) -> Tensor {
        let y = try norm1(conv1(x)).silu() + step(s).unsqueezed(1)
        let z = try norm2(conv2(y * mask)).silu()
        let around = if let skip { try skip(x) } else { x }
        return try (z + around) * mask
    }
}
