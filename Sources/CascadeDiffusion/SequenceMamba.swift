// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeNN
public import CascadeTorch

/// Selective state-space blocks over a sequence, told the diffusion step, which is added to the input.
///
/// - Source: Gu & Dao 2023, arXiv:2312.00752; read in both directions after Zhu et al. 2024, arXiv:2401.09417.
public struct SequenceMamba: SequenceDenoiser {
    let step: StepEmbedding
    let input: Linear
    let blocks: [MambaBlock]
    let norm: LayerNorm
    let output: Linear

    /// Creates the network.
    ///
    /// - Parameters:
    ///   - input: Features per position of what comes in.
    ///   - channels: Features per position inside; even.
    ///   - output: Features per position of what goes out.
    ///   - depth: Number of blocks.
    ///   - stateSize: Numbers that each feature's state holds.
    ///   - isBidirectional: Whether a position learns of those after it too.
    ///   - generator: Where the randomness comes from.
    public init(
        _ input: Int,
        channels: Int,
        _ output: Int,
        depth: Int,
        stateSize: Int,
        isBidirectional: Bool = true,
        using generator: Generator
    ) throws(TorchError) {
        step = try StepEmbedding(width: channels, using: generator)
        self.input = try Linear(input, channels, using: generator)
        var blocks: [MambaBlock] = []
        for _ in 0..<depth {
            let mixer = try SelectiveStateSpace(
                width: channels,
                stateSize: stateSize,
                directions: isBidirectional ? 2 : 1,
                using: generator
            )
            blocks.append(MambaBlock(norm: try LayerNorm(channels, on: generator.device), mixer: mixer))
        }
        self.blocks = blocks
        norm = try LayerNorm(channels, on: generator.device)
        self.output = try Linear(channels, output, using: generator)
    }

    /// `[B, L, input]`, int64 `[B]` and `[B, L, 1]` to `[B, L, output]`; the mask is 1 at real positions, 0 at padding.
    public func callAsFunction(_ x: Tensor, steps: Tensor, mask: Tensor) throws(TorchError) -> Tensor {
        // Inside, positions come first, because the scan takes them one after the other.
        let real = try mask.transposed(0, 1)
        var y = try input(x.transposed(0, 1)) + step(steps)
        for block in blocks { y = try y + block.mixer(block.norm(y), mask: real) }
        return try (output(norm(y)) * real).transposed(0, 1)
    }
}

/// A mixer of positions, normalized before and added to its input.
struct MambaBlock: Module {
    let norm: LayerNorm
    let mixer: SelectiveStateSpace
}
