// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeNN
import CascadeTorch

extension T2Diff {
    /// What both halves of the model read: the embedded history, cut into session and past.
    struct History {
        /// Normalized item embeddings, zero at padding: `[B, L, D]`.
        let items: Tensor
        /// Real positions: `[B, L, 1]`, float32.
        let mask: Tensor
        /// bool `[B, k]`.
        let sessionMask: Tensor
        /// bool `[B, L]`.
        let historyMask: Tensor
        /// int64 `[B, L]`.
        let lags: Tensor
        private let size: Int

        /// The last events as the diffusion sees them.
        struct Window {
            let items: Tensor  // [B, w, D]
            let mask: Tensor  // [B, w, 1]
        }

        init(_ batch: Batch, _ table: Embedding, _ c: Configuration) throws {
            let missing = max(0, max(c.window, c.maxSessionLength) - batch.length)
            let ids = try batch.items.padded(before: missing, after: 0)
            let times = try batch.times.padded(before: missing, after: 0)
            let real = try ids.notEqual(0)
            mask = try real.to(.float32).unsqueezed(2)
            items = try T2Diff.normalized(table, ids) * mask
            // A position is in the session when no gap from there to the end is too long (reading T8).
            let recent = try times.sliced(1, from: -c.maxSessionLength)
            let inSession: Tensor
            if c.maxSessionLength > 1 {
                let gaps = try recent.sliced(1, from: 1) - recent.sliced(1, to: -1)
                let breaks = try gaps.greater(Double(c.sessionGapSeconds)).to(.int64)
                let later = try breaks.flipped(1).cumulativeSum(1).flipped(1).padded(before: 0, after: 1)
                inSession = try later.equal(0)
            } else {
                inSession = try Tensor.ones([batch.rows, 1], .bool, on: ids.device)
            }
            sessionMask = try inSession.and(real.sliced(1, from: -c.maxSessionLength))
            let older = try Tensor.ones([batch.rows, ids.size(1) - c.maxSessionLength], .bool, on: ids.device)
            historyMask = try real.and(.concatenated([older, sessionMask.not()], 1))
            let now = c.lagOrigin == .request ? try batch.moments.unsqueezed(1) : try times.sliced(1, from: -1)
            let age = try (now - times).clamped(from: 0)
            lags = try (age.to(.float64) + 1).log2().floor().clamped(to: Double(ActivationUnit.lagBuckets - 1)).to(
                .int64
            )
            size = c.window
        }

        func window(isDetached: Bool) throws -> Window {
            let last = try items.sliced(1, from: -size)
            return Window(items: isDetached ? try last.detached() : last, mask: try mask.sliced(1, from: -size))
        }
    }

    /// Item embeddings with mean 0 and variance 1: `[...]` to `[..., D]`.
    ///
    /// Whichever is smaller is normalized, the table or what is looked up; always the latter where the gradient is to stay
    /// sparse.
    static func normalized(_ table: Embedding, _ ids: Tensor) throws(TorchError) -> Tensor {
        table.weight.isRowSparse || ids.count < table.weight.value.size(0)
            ? try table(ids).layerNorm()
            : try table.weight.value.layerNorm().embedding(ids)
    }
}
