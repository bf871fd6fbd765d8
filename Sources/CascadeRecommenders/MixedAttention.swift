// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeNN
import CascadeTorch

/// T2Diff's user tower: a Transformer over the session and the predicted next item, then target attention over the
/// older history, then a feed-forward network.
///
/// - Source: T2Diff section 4.3, eqs 19-22; the activation unit after Zhou et al. 2018, arXiv:1706.06978.
struct MixedAttention: Module {
    let sessionPositions: Embedding
    let blocks: [TransformerBlock]
    let norm: LayerNorm
    let unit: ActivationUnit
    let user: FeedForward
    let session: Int
    let isResidual: Bool
    let readout: T2Diff.SessionReadout
    let rate: Double

    init(_ c: T2Diff.Configuration, using generator: Generator) throws {
        let spread = Initialization.normal(1 / Double(c.embeddingSize).squareRoot())
        sessionPositions = try Embedding(c.maxSessionLength + 1, c.embeddingSize, spread, using: generator)
        blocks = try (0..<c.numLayers).map { _ in
            try TransformerBlock(
                width: c.embeddingSize,
                heads: c.numHeads,
                hidden: 4 * c.embeddingSize,
                dropout: c.dropout,
                using: generator
            )
        }
        norm = try LayerNorm(c.embeddingSize, on: generator.device)
        unit = try ActivationUnit(
            width: c.embeddingSize,
            hidden: c.attentionHiddenSize,
            weights: c.attentionWeights,
            spread,
            using: generator
        )
        user = try FeedForward(
            2 * c.embeddingSize,
            hidden: 4 * c.embeddingSize,
            c.embeddingSize,
            dropout: 0,
            using: generator
        )
        (session, isResidual, readout, rate) = (c.maxSessionLength, c.residual, c.sessionReadout, c.dropout)
    }

    /// The user vector.
    ///
    /// - Parameters:
    ///   - x: `[B, L, D]`, zero at padding, the most recent event last; L at least the session's limit.
    ///   - prediction: The predicted next item, `[B, D]`; nil leaves its token out.
    ///   - sessionMask: bool `[B, k]`, which of the last k events belong to the session.
    ///   - historyMask: bool `[B, L]`, which events are older than the session.
    ///   - lags: int64 `[B, L]`, age of each event in buckets.
    ///   - mode: Whether dropout applies.
    /// - Returns: `[B, D]`.
    func callAsFunction(
        _ x: Tensor,
        prediction: Tensor?,
        sessionMask: Tensor,
        historyMask: Tensor,
        lags: Tensor,
        _ mode: Mode
    ) throws -> Tensor {
        var tokens = try x.sliced(1, from: -session)
        var valid = sessionMask
        var places = sessionPositions.weight.value
        if let prediction {
            tokens = try .concatenated([tokens, prediction.unsqueezed(1)], 1)
            valid = try .concatenated([valid, .ones([x.size(0), 1], .bool, on: x.device)], 1)
        } else {
            places = try places.sliced(0, to: session)
        }
        let start = try dropout(tokens + places, rate, mode)
        let states = try norm(blocks.reduce(start) { try $1($0, .keys(valid), mode) })
        let current: Tensor  // h_s, eq 19
        switch readout {
        case .mean:
            let share = try valid.to(.float32).unsqueezed(2)
            current = try (states * share).sum(1) / share.sum(1)
        case .last: current = try states.selected(1, -1)
        }
        let past = try unit(x, about: current, lags: lags, mask: historyMask)  // h_l, eq 21
        let vector = try user(.concatenated([past, current], -1), mode)  // eq 22
        return isResidual ? try vector + current : vector
    }
}

/// Weighs the history by a small network over each past item, the current interest, their product and the item's age.
///
/// The network's first layer is applied without ever building its `4 D` wide input: its four column blocks act on
/// `x`, `x - h`, `x * h` and `h`, so that `x`'s share is one batched product with `W_x + W_d + W_p diag(h)`.
///
/// - Source: T2Diff eqs 20-21, figure 3; the time lag from section 4.3.
/// - Deviation: T7 (softmax by default instead of the printed ratio).
struct ActivationUnit: Module {
    let hidden: Linear
    let output: Linear
    let lags: Embedding
    let weights: T2Diff.AttentionWeights

    /// Ages fall into this many buckets, by the whole part of the logarithm to base 2 of the seconds.
    static let lagBuckets = 40
    static let lagWidth = 16

    init(
        width: Int,
        hidden: Int,
        weights: T2Diff.AttentionWeights = .softmax,
        _ initialization: Initialization,
        using generator: Generator
    ) throws {
        self.hidden = try Linear(4 * width + Self.lagWidth, hidden, using: generator)
        output = try Linear(hidden, 1, using: generator)
        lags = try Embedding(Self.lagBuckets, Self.lagWidth, initialization, using: generator)
        self.weights = weights
    }

    /// `[B, L, D]`, `[B, D]`, int64 `[B, L]`, bool `[B, L]` to `[B, D]`; zero where the history is empty.
    func callAsFunction(_ x: Tensor, about h: Tensor, lags buckets: Tensor, mask: Tensor) throws -> Tensor {
        let (width, weight) = (x.size(2), hidden.weight.value)
        func block(_ i: Int) throws -> Tensor { try weight.sliced(1, from: i * width, to: (i + 1) * width) }
        let perItem = try (block(0) + block(1)).unsqueezed(0) + block(2).unsqueezed(0) * h.unsqueezed(1)  // [B, U, D]
        let fixed = try h.linear(block(3) - block(1), hidden.bias?.value).unsqueezed(1)  // [B, 1, U]
        let age = try lags.weight.value.linear(weight.sliced(1, from: 4 * width)).embedding(buckets)  // [B, L, U]
        let scores = try output((x.matmul(perItem.transposed()) + fixed + age).gelu()).squeezed(2)  // [B, L]
        return try shares(scores, mask).unsqueezed(1).matmul(x).squeezed(1)
    }

    /// Weights `[B, L]` of outputs, zero where there is no history.
    private func shares(_ scores: Tensor, _ mask: Tensor) throws -> Tensor {
        let real = try mask.to(.float32)
        if weights == .softmax { return try scores.filled(where: mask.not(), with: -1e9).softmax() * real }
        let parts = try (weights == .sigmoid ? scores.sigmoid() : scores) * real
        let sum = try parts.sum(1, keep: true)
        return try parts / sum.filled(where: sum.equal(0), with: 1)
    }
}
