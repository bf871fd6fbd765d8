// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CTorch

// The functions that layers are made of, as libtorch defines them.

extension Tensor {
    /// Matrix product, batched over leading dimensions.
    public func matmul(_ other: Tensor) throws(TorchError) -> Tensor {
        try Tensor(ct_matmul(raw, other.raw), "matmul(\(shape), \(other.shape))")
    }
    /// `x weight^T + bias`: `[..., in]`, `[out, in]`, `[out]` to `[..., out]`.
    public func linear(_ weight: Tensor, _ bias: Tensor? = nil) throws(TorchError) -> Tensor {
        try Tensor(ct_linear(raw, weight.raw, bias?.raw), "linear(\(shape), weight \(weight.shape))")
    }
    /// Rows of this table: `[N, D]` by an int32 or int64 index `[...]` to `[..., D]`.
    ///
    /// - Parameters:
    ///   - index: Which rows.
    ///   - sparse: Whether the gradient names only these rows.
    /// - Throws: ``TorchError`` when an index is outside `0..<N`.
    public func embedding(_ index: Tensor, sparse: Bool = false) throws(TorchError) -> Tensor {
        try Tensor(ct_embedding(raw, index.raw, sparse), "embedding(\(shape), index \(index.shape))")
    }
    /// Rows of several tables side by side, written and differentiated in one pass.
    ///
    /// - Parameters:
    ///   - tables: `[N_i, D_i]` each.
    ///   - indices: Which rows of each table, int32 or int64 `[...]`, all of one shape.
    ///   - sparse: Whether the gradients name only these rows.
    /// - Returns: `[..., D_1 + ... + D_n]`.
    /// - Throws: ``TorchError`` when an index is outside its table or shapes differ.
    public static func embeddings(_ tables: [Tensor], _ indices: [Tensor], sparse: Bool = false) throws(TorchError)
        -> Tensor
    {
        precondition(tables.count == indices.count && !tables.isEmpty, "an index for each table")
        let what = "embeddings(\(tables.map(\.shape)), indices \(indices.map(\.shape)))"
        return try withExtendedLifetime((tables, indices)) { () throws(TorchError) in
            try Tensor(
                ct_embeddings(tables.map { $0.raw }, indices.map { $0.raw }, Int32(tables.count), sparse),
                what
            )
        }
    }
    /// Normalizes the last dimension to mean 0 and variance 1, then scales and shifts.
    public func layerNorm(_ weight: Tensor? = nil, _ bias: Tensor? = nil, epsilon: Double = 1e-5) throws(TorchError)
        -> Tensor
    {
        try Tensor(ct_layer_norm(raw, weight?.raw, bias?.raw, epsilon), "layerNorm(\(shape))")
    }
    /// Normalizes every feature of `[M, D]` over the rows, or by given statistics, then scales and shifts.
    ///
    /// - Parameters:
    ///   - weight: `[D]`, the scale.
    ///   - bias: `[D]`, the shift.
    ///   - mean: `[D]`, the running mean.
    ///   - variance: `[D]`, the running variance.
    ///   - training: Whether the rows' own statistics are used, and move the running ones in place; needs two rows.
    ///   - momentum: By which share of the way they move.
    ///   - epsilon: Added to the variance.
    public func batchNorm(
        _ weight: Tensor,
        _ bias: Tensor,
        mean: Tensor,
        variance: Tensor,
        training: Bool,
        momentum: Double = 0.1,
        epsilon: Double = 1e-5
    ) throws(TorchError) -> Tensor {
        try Tensor(
            ct_batch_norm(raw, weight.raw, bias.raw, mean.raw, variance.raw, training, momentum, epsilon),
            "batchNorm(\(shape))"
        )
    }
    /// Normalizes groups of channels of `[B, C, L]`.
    public func groupNorm(_ groups: Int, _ weight: Tensor?, _ bias: Tensor?, epsilon: Double = 1e-5) throws(TorchError)
        -> Tensor
    {
        try Tensor(ct_group_norm(raw, Int64(groups), weight?.raw, bias?.raw, epsilon), "groupNorm(\(shape), \(groups))")
    }
    /// Convolution over the last dimension: `[B, C, L]`, weight `[out, C / groups, K]` to `[B, out, L']`.
    public func conv1d(
        _ weight: Tensor,
        _ bias: Tensor? = nil,
        stride: Int = 1,
        padding: Int = 0,
        dilation: Int = 1,
        groups: Int = 1
    ) throws(TorchError) -> Tensor {
        try Tensor(
            ct_conv1d(raw, weight.raw, bias?.raw, Int64(stride), Int64(padding), Int64(dilation), Int64(groups)),
            "conv1d(\(shape), weight \(weight.shape))"
        )
    }
    /// Transposed convolution over the last dimension: weight `[C, out, K]`.
    public func convTransposed1d(_ weight: Tensor, _ bias: Tensor? = nil, stride: Int = 1, padding: Int = 0)
        throws(TorchError) -> Tensor
    {
        try Tensor(
            ct_conv_transpose1d(raw, weight.raw, bias?.raw, Int64(stride), Int64(padding)),
            "convTransposed1d(\(shape), weight \(weight.shape))"
        )
    }
    /// Mean of every `size` neighbors of the last dimension.
    public func averagePooled(_ size: Int) throws(TorchError) -> Tensor {
        try Tensor(ct_avg_pool1d(raw, Int64(size)), "averagePooled(\(shape), \(size))")
    }
    /// Largest of every `size` neighbors of the last dimension.
    public func maxPooled(_ size: Int) throws(TorchError) -> Tensor {
        try Tensor(ct_max_pool1d(raw, Int64(size)), "maxPooled(\(shape), \(size))")
    }
    /// Every element of the last dimension `factor` times in a row.
    public func upsampled(_ factor: Int) throws(TorchError) -> Tensor {
        try Tensor(ct_upsample1d(raw, Int64(factor)), "upsampled(\(shape), \(factor))")
    }
    /// Zeroes elements with the given probability and scales up the rest; draws from the default generator.
    public func dropout(_ rate: Double) throws(TorchError) -> Tensor {
        rate == 0 ? self : try Tensor(ct_dropout(raw, rate), "dropout(\(shape), \(rate))")
    }
    /// Softmax along a dimension.
    public func softmax(_ dimension: Int = -1) throws(TorchError) -> Tensor {
        try Tensor(ct_softmax(raw, Int64(dimension), false), "softmax(\(shape), \(dimension))")
    }
    /// Logarithm of the softmax along a dimension.
    public func logSoftmax(_ dimension: Int = -1) throws(TorchError) -> Tensor {
        try Tensor(ct_softmax(raw, Int64(dimension), true), "logSoftmax(\(shape), \(dimension))")
    }
    /// Scaled dot-product attention, self being the queries: all `[B, H, L, D]`.
    ///
    /// - Parameters:
    ///   - keys: `[B, H, S, D]`.
    ///   - values: `[B, H, S, D]`.
    ///   - mask: Bool, true where a query may look, broadcastable to `[B, H, L, S]`; or float, added to the scores.
    ///   - dropout: Probability of dropping an attention weight.
    ///   - causal: Whether position i sees only positions up to i; not together with a mask.
    public func attention(
        _ keys: Tensor,
        _ values: Tensor,
        mask: Tensor? = nil,
        dropout: Double = 0,
        causal: Bool = false
    ) throws(TorchError) -> Tensor {
        try Tensor(
            ct_attention(raw, keys.raw, values.raw, mask?.raw, dropout, causal),
            "attention(\(shape), \(keys.shape), \(values.shape), mask \(mask?.shape ?? []))"
        )
    }
    /// `max(0, x) + slope * min(0, x)`, with one slope or one per channel (dimension 1).
    public func prelu(_ slope: Tensor) throws(TorchError) -> Tensor {
        try Tensor(ct_prelu(raw, slope.raw), "prelu(\(shape), \(slope.shape))")
    }
    /// Weights that every row scales: `out[n, u, d] = self[u, d] + product[u, d] * x[n, d]`.
    ///
    /// - Parameters:
    ///   - product: `[U, D]`, like these.
    ///   - x: `[N, D]`.
    /// - Returns: `[N, U, D]`.
    public func scaledWeights(_ product: Tensor, by x: Tensor) throws(TorchError) -> Tensor {
        try Tensor(
            ct_scaled_weights(raw, product.raw, x.raw),
            "scaledWeights(\(shape), \(product.shape), by \(x.shape))"
        )
    }
    /// Scores of pairs by a hidden layer with PReLU and one output, whose states are never stored:
    /// `score[b, c, l] = sum_u weight[u] prelu(self[b, l, c, u] + fixed[b, c, u], slope[u])`.
    ///
    /// - Parameters:
    ///   - fixed: `[B, C, U]`, what the second of a pair adds to the state of each unit.
    ///   - slope: `[U]`, of the part below 0.
    ///   - weight: `[U]`, of the output.
    /// - Returns: `[B, L, C, U]` to `[B, C, L]`.
    public func pairScores(_ fixed: Tensor, slope: Tensor, weight: Tensor) throws(TorchError) -> Tensor {
        try Tensor(
            ct_pair_scores(raw, fixed.raw, slope.raw, weight.raw),
            "pairScores(\(shape), \(fixed.shape), slope \(slope.shape), weight \(weight.shape))"
        )
    }
    /// The recurrence of a selective state space, self being its input u: from a state of 0 at every step l
    /// `state = exp(steps[l] decay) state + steps[l] u[l] input[l]`, whose product with `output[l]` is the result.
    ///
    /// - Parameters:
    ///   - steps: `[L, K, B, E]`, like u.
    ///   - decay: `[K, N, E]`.
    ///   - input: `[L, K, B, N]`.
    ///   - output: `[L, K, B, N]`.
    /// - Returns: `[L, K, B, E]`.
    public func selectiveScan(steps: Tensor, decay: Tensor, input: Tensor, output: Tensor) throws(TorchError) -> Tensor
    {
        try Tensor(
            ct_selective_scan(raw, steps.raw, decay.raw, input.raw, output.raw),
            "selectiveScan(\(shape), steps \(steps.shape), decay \(decay.shape), \(input.shape), \(output.shape))"
        )
    }
    /// Mean cross-entropy of logits `[M, C]` against int64 classes `[M]`.
    public func crossEntropy(_ targets: Tensor) throws(TorchError) -> Tensor {
        try Tensor(ct_cross_entropy(raw, targets.raw), "crossEntropy(\(shape), \(targets.shape))")
    }
    /// Mean binary cross-entropy of logits against labels in 0...1, of one shape.
    public func binaryCrossEntropy(_ labels: Tensor) throws(TorchError) -> Tensor {
        try Tensor(ct_bce_with_logits(raw, labels.raw), "binaryCrossEntropy(\(shape), \(labels.shape))")
    }
    /// The solutions `[..., D, K]` of systems of equations whose symmetric positive definite matrices `[..., D, D]` these are.
    ///
    /// - Throws: ``TorchError`` when one is not square, or not positive definite.
    public func positiveDefiniteSolution(of sides: Tensor) throws(TorchError) -> Tensor {
        try Tensor(
            ct_solve_positive_definite(raw, sides.raw),
            "positiveDefiniteSolution(\(shape), of \(sides.shape))"
        )
    }
    /// Mean squared difference.
    public func meanSquaredError(_ other: Tensor) throws(TorchError) -> Tensor {
        try Tensor(ct_mse(raw, other.raw), "meanSquaredError(\(shape), \(other.shape))")
    }
}
