// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeNN
import CascadeTorch

/// Behaviors of one category that lie close together in time, treated as one.
///
/// The history is cut into stretches of equal length, counted from the latest behavior back; within a stretch the
/// behaviors of one category (of one item, without categories) are a cluster. Its latest member stands for it.
struct Clusters {
    /// The members that stand for their clusters: bool `[B, L]`.
    let representatives: Tensor
    /// Logarithm of the size of each behavior's cluster: float32 `[B, L]`.
    let logSizes: Tensor
    /// Shares that average over clusters: `[B, S, span, span]`.
    private let shares: Tensor
    private let span: Int

    init(_ b: Behaviors, span: Int) throws {
        let gap = (span - b.length % span) % span
        let kinds = try (b.categories ?? b.items).padded(before: gap, after: 0).reshaped(b.rows, -1, span)
        let real = try b.mask.to(.float32).padded(before: gap, after: 0).reshaped(b.rows, -1, span)
        let pairs = try real.unsqueezed(3) * real.unsqueezed(2)
        let same = try kinds.unsqueezed(3).equal(kinds.unsqueezed(2)).to(.float32) * pairs  // [B, S, span, span]
        let sizes = try same.sum(3)
        let later = try same.upperTriangle(1).sum(3)
        let isLatest = try later.equal(0).to(.float32) * real
        func flat(_ x: Tensor) throws -> Tensor { try x.reshaped(b.rows, -1).sliced(1, from: gap) }
        representatives = try flat(isLatest).greater(0)
        logSizes = try flat(sizes.clamped(from: 1).log())
        shares = try same / sizes.clamped(from: 1).unsqueezed(3)
        self.span = span
    }

    /// Every behavior's vector replaced by the mean of its cluster: `[B, L, D]` to the same shape.
    func means(_ x: Tensor) throws -> Tensor {
        let gap = (span - x.size(1) % span) % span
        let edge = try Tensor.zeros([x.size(0), gap, x.size(2)], on: x.device)
        let cut = try Tensor.concatenated([edge, x], 1).reshaped([x.size(0), -1, span, x.size(2)])
        return try shares.matmul(cut).reshaped([x.size(0), -1, x.size(2)]).sliced(1, from: gap)
    }
}
