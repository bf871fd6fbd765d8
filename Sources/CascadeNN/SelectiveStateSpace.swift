// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeTorch

/// The selective state-space layer ("Mamba"): a gated recurrence whose step, input and output maps depend on the input.
///
/// Each of K directions (1: forwards, 2: also backwards) has its own recurrence; projections and gate are common.
///
/// - Source: Gu & Dao 2023, arXiv:2312.00752, algorithm 2 and section 3.4; the initial values of section 3.6.
/// - Deviation: S3 (the input's discretization is `Delta B`, as in the paper's released form).
public struct SelectiveStateSpace: Module {
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
    ///
    /// - Parameters:
    ///   - width: Features per position.
    ///   - stateSize: N: numbers that each feature's state holds.
    ///   - directions: K: 1, or 2 for a layer that reads backwards too.
    ///   - generator: Where the randomness comes from.
    public init(width: Int, stateSize: Int, directions: Int, using generator: Generator) throws(TorchError) {
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

    /// Applies the layer; padding neither enters a state nor lets it fade.
    ///
    /// - Parameters:
    ///   - x: `[L, B, width]`, positions first.
    ///   - mask: `[L, B, 1]`, 1 at real positions, 0 at padding; nil when nothing real is read after padding.
    /// - Returns: `[L, B, width]`.
    public func callAsFunction(_ x: Tensor, mask: Tensor? = nil) throws(TorchError) -> Tensor {
        let (length, rows, inner) = (x.size(0), x.size(1), output.weight.value.size(1))
        let directions = skip.value.size(0)
        func directed(_ y: Tensor) throws(TorchError) -> Tensor {
            directions == 1 ? try y.unsqueezed(1) : try .stacked([y, y.flipped(0)], 1)
        }
        func masked(_ y: Tensor) throws(TorchError) -> Tensor { if let mask { try y * mask } else { y } }
        let both = try input(x)
        let entering = try directed(masked(both.sliced(-1, to: inner)))  // [L, K, B, E]
        let edge = try Tensor.zeros([3, directions, rows, inner], x.dtype, on: x.device)
        let padded = try Tensor.concatenated([edge, entering])
        let filters = try convolution.value.unsqueezed(1).unbound(3)  // 4 of [K, 1, E]
        var u = try convolutionBias.value.unsqueezed(1)
        for (offset, filter) in filters.enumerated() {
            u = try padded.sliced(0, from: offset, to: offset + length) * filter + u
        }
        u = try u.silu()

        let selected = try u.matmul(selection.value.transposed())  // [L, K, B, R + 2N]
        let rank = rate.value.size(2)
        let low = try selected.sliced(-1, to: rank).matmul(rate.value.transposed())
        var delta = try (low + rateBias.value.unsqueezed(1)).softplus()  // [L, K, B, E]
        if let mask { delta = try delta * directed(mask) }
        let y = try u.selectiveScan(
            steps: delta,
            decay: -logDecay.value.exp(),
            input: selected.sliced(-1, from: rank, to: rank + stateSize),
            output: selected.sliced(-1, from: rank + stateSize)
        )
        let direct = try y + u * skip.value.unsqueezed(1)
        let merged =
            directions == 1 ? try direct.squeezed(1) : try direct.selected(1, 0) + direct.selected(1, 1).flipped(0)
        return try output(merged * both.sliced(-1, from: inner).silu())
    }
}
