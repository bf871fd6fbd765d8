// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeNN
import CascadeTorch

/// How a token's features are brought to one scale before a layer.
enum TokenNorm: Module {
    /// One normalization for every token.
    case same(LayerNorm)
    /// One for each kind of token: what is known of the person, what happened, what is scored.
    case byGroup([LayerNorm])

    /// The kinds of tokens.
    enum Group: Int { case person, history, candidate }

    init(_ width: Int, byGroup: Bool, on device: Device) throws {
        self =
            byGroup
            ? .byGroup(try (0..<3).map { _ in try LayerNorm(width, on: device) })
            : .same(try LayerNorm(width, on: device))
    }

    func callAsFunction(_ x: Tensor, _ group: Group) throws -> Tensor {
        switch self {
        case .same(let norm): try norm(x)
        case .byGroup(let norms): try norms[group.rawValue](x)
        }
    }
}

/// The tokens of a request as HSTU reads them: first the person's, then the history and the query; beside them candidates, each
/// of which sees all of those and itself, and no other candidate.
struct PointwiseTokens {
    var person: Tensor  // [B, P, D]; P may be 0
    var history: Tensor  // [B, L, D]
    var candidates: Tensor  // [B, C, D]
}

/// What a layer may look at, worked out once for all layers.
struct PointwiseScope {
    /// 1 where a token of the sequence may look at another: `[B, 1, S, S]`.
    let sequence: Tensor
    /// 1 where candidates may look: `[B, 1, 1, S]`.
    let keys: Tensor
    /// The number of real tokens, at least 1: `[B, 1, 1, 1]`.
    let counts: Tensor
    /// Buckets of the time between tokens: int64 `[B, S, S]` and `[B, S]` from the candidates.
    let gaps: (within: Tensor, toNow: Tensor)
    /// Distances between places, from 0: int64 `[S, S]` and `[S]`.
    let distances: (within: Tensor, toNow: Tensor)
    /// Leading tokens that tell who asks.
    let persons: Int

    /// - Parameters:
    ///   - mask: 1 where there is a token, `[B, S]`; the first `persons` are the person's, seen by all.
    ///   - times: When each token happened, in seconds, int64 `[B, S]`; the request's own for the person and the query.
    ///   - now: The request's time, int64 `[B]`.
    init(mask: Tensor, times: Tensor, now: Tensor, persons: Int, limit: Int) throws {
        let (rows, length) = (mask.size(0), mask.size(1))
        let columns = try Tensor.range(0..<length, on: mask.device)
        let (from, to) = (try columns.unsqueezed(1), try columns.unsqueezed(0))
        // The person's tokens see one another; everything else sees them and what came before.
        let causal = try to.less(from + 1).or(to.less(Double(persons))).to(.float32)
        let real = try mask.reshaped(rows, 1, 1, length)
        sequence = try causal.reshaped(1, 1, length, length) * real * mask.reshaped(rows, 1, length, 1)
        keys = real
        counts = try mask.sum(1).clamped(from: 1).reshaped(rows, 1, 1, 1)
        gaps = (
            try Self.buckets(times.unsqueezed(2) - times.unsqueezed(1)),
            try Self.buckets(now.unsqueezed(1) - times)
        )
        // The person stands at no place: from there everything is as far as can be, however much padding lies between.
        let isPerson = try columns.less(Double(persons))
        distances = (
            try (from - to).clamped(from: 0, to: Double(limit))
                .filled(where: isPerson.unsqueezed(0).or(isPerson.unsqueezed(1)), with: Double(limit)),
            try (Double(length) - columns).clamped(from: 0, to: Double(limit)).to(.int64)
                .filled(where: isPerson, with: Double(limit))
        )
        self.persons = persons
    }

    /// Seconds in buckets of doubling size, from 0.
    private static func buckets(_ seconds: Tensor) throws -> Tensor {
        try (seconds.clamped(from: 0).to(.float64) + 1).log2().floor().clamped(to: Double(bucketCount - 1)).to(.int64)
    }

    static let bucketCount = 40
}

/// HSTU's layer: attention by SiLU instead of softmax, divided by the number of tokens, with a bias for distance in place and in
/// time, gated by the token itself.
///
/// `U, V, Q, K = SiLU(W x)`; `A = SiLU(Q K^T + bias) / n`; `y = W' (norm(A V) * U) + x`.
///
/// - Source: Zhai et al., ICML 2024, arXiv:2402.17152, section 3.2, eqs 1-3; candidates as in section 4.2.
struct PointwiseAttentionLayer: Module {
    let norm: TokenNorm
    let projection: Linear
    let places: Embedding
    let gaps: Embedding
    let mixedNorm: TokenNorm
    let output: Linear
    let heads: Int
    let rate: Double
    let isLast: Bool

    /// - Parameter isLast: Whether candidates alone are wanted, since nothing reads the sequence any more.
    init(
        _ width: Int,
        heads: Int,
        limit: Int,
        byGroup: Bool,
        isLast: Bool,
        dropout rate: Double,
        using generator: Generator
    ) throws {
        norm = try TokenNorm(width, byGroup: byGroup, on: generator.device)
        projection = try Linear(width, 4 * width, .normal((1 / Double(width)).squareRoot()), using: generator)
        places = try Embedding(limit + 1, heads, .normal(0.02), using: generator)
        gaps = try Embedding(PointwiseScope.bucketCount, heads, .normal(0.02), using: generator)
        mixedNorm = try TokenNorm(width, byGroup: byGroup && !isLast, on: generator.device)
        output = try Linear(width, width, using: generator)
        (self.heads, self.rate, self.isLast) = (heads, rate, isLast)
    }

    /// U, and V, Q, K by head.
    private func parts(_ x: Tensor) throws -> (u: Tensor, v: Tensor, q: Tensor, k: Tensor) {
        let (rows, length, width) = (x.size(0), x.size(1), x.size(2))
        let y = try projection(x).silu().reshaped(rows, length, 4, width)
        func split(_ place: Int) throws -> Tensor {
            try y.selected(2, place).reshaped(rows, length, heads, width / heads).transposed(1, 2)
        }
        return (try y.selected(2, 0), try split(1), try split(2), try split(3))
    }

    /// A table's numbers by head: int64 `[B, ...]` to `[B, H, ...]`.
    ///
    /// A table this small and asked this often is read element by element: a look-up of rows would spend its backward pass
    /// on adding a pair of numbers to one of forty rows a quarter of a million times.
    private func byHead(_ table: Embedding, _ numbers: Tensor) throws -> Tensor {
        let (rows, weight) = (numbers.size(0), table.weight.value)
        let wanted = try numbers.reshaped(rows, 1, -1)
        return try weight.transposed().unsqueezed(0).expanded([rows, heads, weight.size(0)])
            .gathered(2, wanted.expanded([rows, heads, wanted.size(2)]))
            .reshaped([rows, heads] + numbers.shape.dropFirst())
    }

    private func joined(_ x: Tensor, _ like: Tensor) throws -> Tensor { try x.transposed(1, 2).reshaped(like.shape) }

    func callAsFunction(_ x: PointwiseTokens, _ scope: PointwiseScope, _ mode: Mode) throws -> PointwiseTokens {
        let persons = scope.persons
        let raw = try Tensor.concatenated((persons > 0 ? [x.person] : []) + [x.history], 1)
        let ready = try Tensor.concatenated(
            (persons > 0 ? [norm(x.person, .person)] : []) + [norm(x.history, .history)],
            1
        )
        let (u, v, q, k) = try parts(ready)
        let candidates = try scored(x.candidates, keys: k, values: v, scope, mode)
        guard !isLast else { return PointwiseTokens(person: x.person, history: x.history, candidates: candidates) }
        let bias = try byHead(places, scope.distances.within.unsqueezed(0)) + byHead(gaps, scope.gaps.within)
        let weights = try (q.matmul(k.transposed()) + bias).silu() * scope.sequence / scope.counts
        let mixed = try joined(weights.matmul(v), raw)
        var normed = try mixedNorm(mixed.sliced(1, from: persons), .history)
        if persons > 0 { normed = try .concatenated([mixedNorm(mixed.sliced(1, to: persons), .person), normed], 1) }
        let sequence = try raw + dropout(output(normed * u), rate, mode)
        return PointwiseTokens(
            person: try sequence.sliced(1, to: persons),
            history: try sequence.sliced(1, from: persons),
            candidates: candidates
        )
    }

    /// Candidates that have seen the whole sequence and themselves.
    private func scored(_ x: Tensor, keys k: Tensor, values v: Tensor, _ scope: PointwiseScope, _ mode: Mode) throws
        -> Tensor
    {
        let (ownU, ownV, ownQ, ownK) = try parts(norm(x, .candidate))
        let ahead = try byHead(places, scope.distances.toNow.unsqueezed(0)) + byHead(gaps, scope.gaps.toNow)
        let seen = try (ownQ.matmul(k.transposed()) + ahead.unsqueezed(2)).silu() * scope.keys
        // A token is at no distance from itself, in place and in time.
        let here = try (places.weight.value.selected(0, 0) + gaps.weight.value.selected(0, 0)).reshaped(1, heads, 1, 1)
        let itself = try ((ownQ * ownK).sum(-1, keep: true) + here).silu()
        let found = try (seen.matmul(v) + itself * ownV) / (scope.counts + 1)
        let gated = try mixedNorm(joined(found, x), .candidate) * ownU
        return try x + dropout(output(gated), rate, mode)
    }
}
