// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CTorch

// The only operations that change a tensor: for optimizers, buffers and hand-written gradients. None is recorded.

extension Tensor {
    /// Overwrites the elements, in place, with those of a tensor of the same shape.
    public func assign(_ source: Tensor) throws(TorchError) {
        try check(ct_assign(raw, source.raw), "assign(\(shape), \(source.shape))")
    }
    /// Overwrites every element in place.
    public func fill(_ value: Double) throws(TorchError) { try check(ct_fill(raw, value), "fill(\(shape))") }
    /// Adds `scale * other` in place.
    public func add(_ other: Tensor, scale: Double = 1) throws(TorchError) {
        try check(ct_add_in_place(raw, other.raw, scale), "add(\(shape), \(other.shape))")
    }
    /// Multiplies every element in place.
    public func scale(_ factor: Double) throws(TorchError) {
        try check(ct_scale_in_place(raw, factor), "scale(\(shape))")
    }
    /// Moves every element in place towards another tensor's by a share of the way.
    public func move(towards other: Tensor, by weight: Double) throws(TorchError) {
        try check(ct_lerp_in_place(raw, other.raw, weight), "move(\(shape), \(other.shape))")
    }
    /// Adds a matrix product in place.
    public func addProduct(_ a: Tensor, _ b: Tensor) throws(TorchError) {
        try check(ct_addmm_in_place(raw, a.raw, b.raw), "addProduct(\(shape), \(a.shape), \(b.shape))")
    }
    /// Replaces every element by its exponential in place.
    public func exponentiate() throws(TorchError) { try check(ct_exp_in_place(raw), "exponentiate(\(shape))") }
    /// Replaces a symmetric positive definite matrix by its inverse; takes the memory of one more such matrix.
    ///
    /// - Throws: ``TorchError`` when it is not square, or not positive definite.
    public func invertPositiveDefinite() throws(TorchError) {
        try check(ct_invert_positive_definite(raw), "invertPositiveDefinite(\(shape))")
    }
    /// Adds a number in place where `index` (int64) says along a dimension.
    public func scatterAdd(_ dimension: Int, _ index: Tensor, _ value: Double) throws(TorchError) {
        try check(
            ct_scatter_add_in_place(raw, Int64(dimension), index.raw, value),
            "scatterAdd(\(shape), \(index.shape))"
        )
    }
    /// Overwrites, in place, the elements where a mask holds.
    public func fill(where mask: Tensor, _ value: Double) throws(TorchError) {
        try check(ct_masked_fill_in_place(raw, mask.raw, value), "fill(\(shape), where \(mask.shape))")
    }
    /// Overwrites, in place, the elements at (row, column) pairs of int64 `[K]` indices.
    public func fill(rows: Tensor, columns: Tensor, _ value: Double) throws(TorchError) {
        try check(ct_index_fill_pairs(raw, rows.raw, columns.raw, value), "fill(\(shape), pairs \(rows.shape))")
    }
}

/// The kernels behind optimizers.
public enum Kernels {
    /// The Euclidean norm of all elements of all tensors together, dense or row-sparse.
    public static func globalNorm(_ tensors: [Tensor]) throws(TorchError) -> Double {
        var norm = 0.0
        let status = withRaw(tensors) { ct_global_norm($0, Int32(tensors.count), &norm) }
        try check(status, "globalNorm of \(tensors.count) tensors")
        return norm
    }

    /// Multiplies all elements of all tensors in place.
    public static func scale(_ tensors: [Tensor], by factor: Double) throws(TorchError) {
        try check(withRaw(tensors) { ct_scale_all($0, Int32(tensors.count), factor) }, "scale \(tensors.count) tensors")
    }

    /// The numbers of one Adam step.
    public struct AdamStep: Sendable {
        /// Which step, from 1.
        public var step: Int
        /// Learning rate.
        public var rate: Double
        /// Decay of the mean of gradients.
        public var beta1: Double
        /// Decay of the mean of squared gradients.
        public var beta2: Double
        /// Added to the root.
        public var epsilon: Double
        /// Weight decay.
        public var decay: Double
        /// Whether the decay acts on the weights (AdamW) instead of on the gradient (Adam with L2).
        public var isDecoupled: Bool

        /// Gathers the numbers.
        public init(
            step: Int,
            rate: Double,
            beta1: Double,
            beta2: Double,
            epsilon: Double,
            decay: Double,
            isDecoupled: Bool
        ) {
            (self.step, self.rate, self.beta1, self.beta2) = (step, rate, beta1, beta2)
            (self.epsilon, self.decay, self.isDecoupled) = (epsilon, decay, isDecoupled)
        }
    }

    /// One step of Adam or AdamW on dense gradients, all tensors in one kernel.
    ///
    /// - Source: Kingma & Ba 2015, arXiv:1412.6980, algorithm 1; Loshchilov & Hutter 2019, arXiv:1711.05101.
    public static func adam(
        _ s: AdamStep,
        weights: [Tensor],
        gradients: [Tensor],
        means: [Tensor],
        squares: [Tensor]
    ) throws(TorchError) {
        let status = withRaw(weights) { w in
            withRaw(gradients) { g in
                withRaw(means) { m in
                    withRaw(squares) { v in
                        ct_adam(
                            w,
                            g,
                            m,
                            v,
                            Int32(weights.count),
                            Int64(s.step),
                            s.rate,
                            s.beta1,
                            s.beta2,
                            s.epsilon,
                            s.decay,
                            s.isDecoupled
                        )
                    }
                }
            }
        }
        try check(status, "adam over \(weights.count) tensors")
    }

    /// One step of Adam on the rows that a row-sparse gradient names; other rows and their moments stay as they are.
    ///
    /// - Deviation: the moments of a row decay only in steps that touch it ("lazy" Adam). No weight decay.
    public static func adamRows(
        _ s: AdamStep,
        weight: Tensor,
        gradient: Tensor,
        mean: Tensor,
        square: Tensor
    ) throws(TorchError) {
        try check(
            ct_adam_rows(
                weight.raw,
                gradient.raw,
                mean.raw,
                square.raw,
                Int64(s.step),
                s.rate,
                s.beta1,
                s.beta2,
                s.epsilon
            ),
            "adamRows(\(weight.shape), \(gradient.shape))"
        )
    }

    /// One step of Adagrad on the rows that a row-sparse gradient names; other rows and their sums stay as they are.
    ///
    /// - Source: Duchi et al. 2011, JMLR 12, section 1.1.
    public static func adagradRows(_ weight: Tensor, gradient: Tensor, sum: Tensor, rate: Double, epsilon: Double)
        throws(TorchError)
    {
        try check(
            ct_adagrad_rows(weight.raw, gradient.raw, sum.raw, rate, epsilon),
            "adagradRows(\(weight.shape), \(gradient.shape))"
        )
    }

    /// One step of gradient descent on the rows that a row-sparse gradient names.
    public static func descendRows(_ weight: Tensor, gradient: Tensor, rate: Double) throws(TorchError) {
        try check(ct_sgd_rows(weight.raw, gradient.raw, rate), "descendRows(\(weight.shape), \(gradient.shape))")
    }

    private static func withRaw<R>(_ tensors: [Tensor], _ body: (UnsafePointer<OpaquePointer?>?) -> R) -> R {
        withExtendedLifetime(tensors) {
            tensors.map { Optional($0.raw) }.withUnsafeBufferPointer { body($0.baseAddress) }
        }
    }
}
