// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeNN
import CascadeTorch

/// What decides how much each event of a history is listened to.
public enum AttentionGate: String, Codable, Sendable, CaseIterable {
    /// Who asks and when, together with the event.
    case profile
    /// The event alone.
    case learned
    /// Nothing: every event alike.
    case none
}

/// The user-aware denoising layer: attention without softmax, gated by who asks, then a feed-forward network.
///
/// `H = (Q K^T / n * U) V` with one gate for each event and head, which is `Q (K^T (u * V)) / n`: linear in the length of the
/// history.
///
/// - Source: DiffusionGS, section 4.4, eqs 8-11, table 4.
/// - Deviation: G2, G5: see `Documentation/paper-readings.md`.
struct UserAwareLayer: Module {
    let norm: LayerNorm
    let projection: Linear
    let gate: Linear?
    let output: Linear
    let feedForwardNorm: LayerNorm
    let feedForward: FeedForward
    let heads: Int
    let readsProfile: Bool
    let rate: Double

    init(_ width: Int, heads: Int, _ kind: AttentionGate, dropout rate: Double, using generator: Generator) throws {
        norm = try LayerNorm(width, on: generator.device)
        projection = try Linear(width, 3 * width, .normal((1 / Double(width)).squareRoot()), using: generator)
        readsProfile = kind == .profile
        gate = kind == .none ? nil : try Linear(readsProfile ? 2 * width : width, heads, using: generator)
        output = try Linear(width, width, using: generator)
        feedForwardNorm = try LayerNorm(width, on: generator.device)
        feedForward = try FeedForward(width, hidden: 2 * width, width, dropout: rate, using: generator)
        (self.heads, self.rate) = (heads, rate)
    }

    /// Queries, keys and gated values by head, `[B, H, L, D / H]` each; what the mask hides has no value.
    private func parts(_ x: Tensor, _ profile: Tensor, _ mask: Tensor) throws -> (q: Tensor, k: Tensor, v: Tensor) {
        let (rows, length, width) = (x.size(0), x.size(1), x.size(2))
        let y = try norm(x)
        let split = try projection(y).reshaped(rows, length, 3, heads, width / heads).permuted(2, 0, 3, 1, 4)
        var v = try split.selected(0, 2) * mask.unsqueezed(1)
        if let gate {
            let person = try profile.unsqueezed(1).expanded([rows, length, width])
            let u = try gate(readsProfile ? .concatenated([y, person], -1) : y).sigmoid() * 2
            v = try v * u.transposed(1, 2).unsqueezed(-1)
        }
        return (try split.selected(0, 0), try split.selected(0, 1), v)
    }

    private func finish(_ x: Tensor, _ mixed: Tensor, _ mode: Mode) throws -> Tensor {
        let joined = try mixed.transposed(1, 2).reshaped(x.shape)
        let y = try x + dropout(output(joined), rate, mode)
        return try y + dropout(feedForward(feedForwardNorm(y), mode), rate, mode)
    }

    /// - Parameters:
    ///   - x: `[B, L, D]`.
    ///   - profile: Who asks, `[B, D]`.
    ///   - mask: 1 where there is an event, `[B, L, 1]`.
    ///   - counts: How many there are, at least 1, `[B, 1, 1]`.
    func callAsFunction(_ x: Tensor, _ profile: Tensor, _ mask: Tensor, counts: Tensor, _ mode: Mode) throws -> Tensor {
        let (q, k, v) = try parts(x, profile, mask)
        return try finish(x, q.matmul(k.transposed().matmul(v)) / counts.unsqueezed(1), mode)
    }

    /// Attention of the query to the events, each event keeping its own share of the answer.
    ///
    /// - Source: DiffusionGS, section 5.3.2, "DiffusionGS-cross" (reading G9).
    func crossing(_ x: Tensor, with query: Tensor, _ profile: Tensor, _ mask: Tensor, _ mode: Mode) throws -> Tensor {
        let (_, k, v) = try parts(x, profile, mask)
        let asked = try query.reshaped(query.size(0), heads, 1, -1)
        return try finish(x, (asked * k).sum(-1, keep: true) * v, mode)
    }
}
