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

/// The selective state-space layer ("Mamba"): a gated recurrence whose step, input and output maps depend on the input.
///
/// Each of K directions (1: forwards, 2: also backwards) has its own recurrence; projections and gate are common.
///
/// - Source: Gu & Dao 2023, arXiv:2312.00752, algorithm 2 and section 3.4; the initial values of section 3.6.
/// - Deviation: S3 (the input's discretization is `Delta B`, as in the paper's released form).
struct SelectiveStateSpace: Module {
    /// To the recurrence's input and the gate.
    let input: Linear
    /// Causal, one filter per feature: `[K, E, 4]`.
    let convolution: Parameter
    let convolutionBias: Parameter  // [K, E]
    /// To the low-rank step (R), the input map B and the output map C (N each): `[K, R + 2N, E]`.
    let selection: Parameter
    let rate: Parameter  // [K, E, R]
    let rateBias: Parameter  // [K, E]
    /// `A = -exp(logDecay)`: `[K, N, E]`.
    let logDecay: Parameter
    /// D, the direct way: `[K, E]`.
    let skip: Parameter
    let output: Linear
    let stateSize: Int

    /// Creates the layer: E is twice the width, R a sixteenth of it.
    init(width: Int, stateSize: Int, directions: Int, using generator: Generator) throws(TorchError) {
        let (inner, rank) = (2 * width, (width + 15) / 16)
        func each(_ make: () throws(TorchError) -> Tensor) throws(TorchError) -> Parameter {
            var drawn: [Tensor] = []
            for _ in 0..<directions { drawn.append(try make()) }
            return try Parameter(.stacked(drawn))
        }
        func drawn(_ shape: Int...) throws(TorchError) -> Tensor { try Initialization.fanIn(shape, using: generator) }
        input = try Linear(width, 2 * inner, bias: false, using: generator)
        convolution = try each { () throws(TorchError) in try drawn(inner, 1, 4).squeezed(1) }
        convolutionBias = try each { () throws(TorchError) in try .zeros([inner], on: generator.device) }
        selection = try each { () throws(TorchError) in try drawn(rank + 2 * stateSize, inner) }
        rate = try each { () throws(TorchError) in try drawn(inner, rank) }
        // Steps between 0.001 and 0.1, evenly in the logarithm, through the inverse of the softplus.
        rateBias = try each { () throws(TorchError) in
            let steps = try Tensor.uniform([inner], from: -6.907755, to: -2.302585, using: generator).exp()
            return try (steps.exp() - 1).log()
        }
        logDecay = try each { () throws(TorchError) in
            try Tensor.range(1..<(stateSize + 1), .float32, on: generator.device).log().unsqueezed(1)
                .repeated(1, inner)
        }
        skip = try each { () throws(TorchError) in try .ones([inner], on: generator.device) }
        output = try Linear(inner, width, bias: false, using: generator)
        self.stateSize = stateSize
    }

    /// `[L, B, width]` and `[L, B, 1]` to `[L, B, width]`; padding neither enters a state nor lets it fade.
    func callAsFunction(_ x: Tensor, mask: Tensor) throws(TorchError) -> Tensor {
        let (length, rows, inner) = (x.size(0), x.size(1), output.weight.value.size(1))
        let directions = skip.value.size(0)
        func directed(_ y: Tensor) throws(TorchError) -> Tensor {
            directions == 1 ? try y.unsqueezed(1) : try .stacked([y, y.flipped(0)], 1)
        }
        let both = try input(x)
        let entering = try directed(both.sliced(-1, to: inner) * mask)  // [L, K, B, E]
        let edge = try Tensor.zeros([3, directions, rows, inner], x.dtype, on: x.device)
        let padded = try Tensor.concatenated([edge, entering])
        var shifts: [Tensor] = []
        for offset in 0..<4 { shifts.append(try padded.sliced(0, from: offset, to: offset + length)) }
        let filters = try convolution.value.permuted(2, 0, 1).reshaped(4, 1, directions, 1, inner)
        let u = try ((Tensor.stacked(shifts) * filters).sum(0) + convolutionBias.value.unsqueezed(1)).silu()

        let selected = try u.matmul(selection.value.transposed())  // [L, K, B, R + 2N]
        let rank = rate.value.size(2)
        let low = try selected.sliced(-1, to: rank).matmul(rate.value.transposed())
        let delta = try (low + rateBias.value.unsqueezed(1)).softplus() * directed(mask)  // [L, K, B, E]
        let b = try selected.sliced(-1, from: rank, to: rank + stateSize).unsqueezed(-1)  // [L, K, B, N, 1]
        let c = try selected.sliced(-1, from: rank + stateSize).unsqueezed(-2)  // [L, K, B, 1, N]
        let decay = try -logDecay.value.exp().unsqueezed(1)  // [K, 1, N, E]
        let states = try scanned((delta.unsqueezed(-2) * decay).exp(), (delta * u).unsqueezed(-2) * b)
        let y = try c.matmul(states).squeezed(-2) + u * skip.value.unsqueezed(1)  // [L, K, B, E]
        let merged =
            directions == 1 ? try y.squeezed(1) : try y.selected(1, 0) + y.selected(1, 1).flipped(0)
        return try output(merged * both.sliced(-1, from: inner).silu())
    }
}

/// The recurrence `h_i = factors_i h_{i-1} + inputs_i` from 0 along the first dimension; all of `[L, ...]`.
func scanned(_ factors: Tensor, _ inputs: Tensor) throws(TorchError) -> Tensor {
    var states: [Tensor] = []
    for (factor, input) in zip(try factors.unbound(), try inputs.unbound()) {
        states.append(try states.last.map { (state) throws(TorchError) in try factor * state + input } ?? input)
    }
    return try .stacked(states)
}
