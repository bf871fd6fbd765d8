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

/// What the tokens of a sequence may look at among themselves, worked out once for all layers.
struct SequenceScope {
    /// 1 where a token may look at another: `[B, 1, S, S]`, or `[1, 1, S, S]` when it is the same for all rows.
    let mask: Tensor
    /// What attention is divided by, at least 1: `[B, 1, 1, 1]`, or `[1, 1, S, 1]` when it differs between tokens.
    let counts: Tensor
    /// Buckets of the time between tokens: int64 `[B, S, S]`.
    let gaps: Tensor
    /// Distances between places, from 0: int64 `[S, S]`.
    let distances: Tensor

    init(mask: Tensor, counts: Tensor, gaps: Tensor, distances: Tensor) {
        (self.mask, self.counts, self.gaps, self.distances) = (mask, counts, gaps, distances)
    }

    /// Histories with padding on the right, in which every event sees itself and those before it.
    ///
    /// - Parameters:
    ///   - times: When each event happened, in seconds, int64 `[B, S]`.
    ///   - limit: The largest distance between places that is told from larger ones.
    init(causalTimes times: Tensor, limit: Int) throws {
        let length = times.size(1)
        let places = try Tensor.range(0..<length, on: times.device)
        let distances = try places.unsqueezed(1) - places.unsqueezed(0)
        self.init(
            mask: try distances.greater(-1).to(.float32).reshaped(1, 1, length, length),
            counts: try (places + 1).to(.float32).reshaped(1, 1, length, 1),
            gaps: try Self.buckets(times.unsqueezed(2) - times.unsqueezed(1)),
            distances: try distances.clamped(from: 0, to: Double(limit))
        )
    }

    /// Seconds in buckets of doubling size, from 0.
    static func buckets(_ seconds: Tensor) throws -> Tensor {
        try (seconds.clamped(from: 0).to(.float64) + 1).log2().floor().clamped(to: Double(bucketCount - 1)).to(.int64)
    }

    static let bucketCount = 40
}

/// What a layer may look at, worked out once for all layers.
struct PointwiseScope {
    /// What the tokens of the sequence may look at.
    let sequence: SequenceScope
    /// 1 where candidates may look: `[B, 1, 1, S]`.
    let keys: Tensor
    /// Buckets of the time from the candidates back to each token: int64 `[B, S]`.
    let gapsToNow: Tensor
    /// Distances from the candidates back to each place: int64 `[S]`.
    let distancesToNow: Tensor
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
        // The person stands at no place: from there everything is as far as can be, however much padding lies between.
        let isPerson = try columns.less(Double(persons))
        sequence = SequenceScope(
            mask: try causal.reshaped(1, 1, length, length) * real * mask.reshaped(rows, 1, length, 1),
            counts: try mask.sum(1).clamped(from: 1).reshaped(rows, 1, 1, 1),
            gaps: try SequenceScope.buckets(times.unsqueezed(2) - times.unsqueezed(1)),
            distances: try (from - to).clamped(from: 0, to: Double(limit))
                .filled(where: isPerson.unsqueezed(0).or(isPerson.unsqueezed(1)), with: Double(limit))
        )
        keys = real
        gapsToNow = try SequenceScope.buckets(now.unsqueezed(1) - times)
        distancesToNow = try (Double(length) - columns).clamped(from: 0, to: Double(limit)).to(.int64)
            .filled(where: isPerson, with: Double(limit))
        self.persons = persons
    }
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
        gaps = try Embedding(SequenceScope.bucketCount, heads, .normal(0.02), using: generator)
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
        let mixed = try joined(attended(q, k, v, scope.sequence), raw)
        var normed = try mixedNorm(mixed.sliced(1, from: persons), .history)
        if persons > 0 { normed = try .concatenated([mixedNorm(mixed.sliced(1, to: persons), .person), normed], 1) }
        let sequence = try raw + dropout(output(normed * u), rate, mode)
        return PointwiseTokens(
            person: try sequence.sliced(1, to: persons),
            history: try sequence.sliced(1, from: persons),
            candidates: candidates
        )
    }

    /// A sequence without candidates: `[B, S, D]` to the same shape.
    func callAsFunction(_ x: Tensor, _ scope: SequenceScope, _ mode: Mode) throws -> Tensor {
        let (u, v, q, k) = try parts(norm(x, .history))
        let normed = try mixedNorm(joined(attended(q, k, v, scope), x), .history)
        return try x + dropout(output(normed * u), rate, mode)
    }

    /// Attention among the tokens of a sequence, all `[B, H, S, D / H]`.
    private func attended(_ q: Tensor, _ k: Tensor, _ v: Tensor, _ scope: SequenceScope) throws -> Tensor {
        let bias = try byHead(places, scope.distances.unsqueezed(0)) + byHead(gaps, scope.gaps)
        return try ((q.matmul(k.transposed()) + bias).silu() * scope.mask / scope.counts).matmul(v)
    }

    /// Candidates that have seen the whole sequence and themselves.
    private func scored(_ x: Tensor, keys k: Tensor, values v: Tensor, _ scope: PointwiseScope, _ mode: Mode) throws
        -> Tensor
    {
        let (ownU, ownV, ownQ, ownK) = try parts(norm(x, .candidate))
        let ahead = try byHead(places, scope.distancesToNow.unsqueezed(0)) + byHead(gaps, scope.gapsToNow)
        let seen = try (ownQ.matmul(k.transposed()) + ahead.unsqueezed(2)).silu() * scope.keys
        // A token is at no distance from itself, in place and in time.
        let here = try (places.weight.value.selected(0, 0) + gaps.weight.value.selected(0, 0)).reshaped(1, heads, 1, 1)
        let itself = try ((ownQ * ownK).sum(-1, keep: true) + here).silu()
        let found = try (seen.matmul(v) + itself * ownV) / (scope.sequence.counts + 1)
        let gated = try mixedNorm(joined(found, x), .candidate) * ownU
        return try x + dropout(output(gated), rate, mode)
    }
}
