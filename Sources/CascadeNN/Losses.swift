// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeTorch

/// Cross-entropy of a softmax over the whole catalog, without ever holding all scores at once.
///
/// The scores of a block of rows, their softmax and both gradients are computed while the block is still in the cache,
/// so that memory is `block * N` instead of `M * N` and nothing is kept for the backward pass.
///
/// - Parameters:
///   - vectors: `[M, D]`, float32.
///   - catalog: `[N, D]`, float32; when it records no gradient none is computed.
///   - targets: int64 `[M]`, each in `0..<N`.
///   - block: Rows at a time; by default as many as give about a million scores.
/// - Returns: The mean over rows, a scalar.
/// - Throws: ``TorchError`` when the shapes do not fit or a target is outside the catalog.
public func catalogCrossEntropy(
    _ vectors: Tensor,
    _ catalog: Tensor,
    targets: Tensor,
    block: Int? = nil
) throws(TorchError) -> Tensor {
    let count = vectors.size(0)
    guard count > 0, targets.shape == [count], catalog.size(0) > 0 else {
        throw TorchError(
            "catalogCrossEntropy(\(vectors.shape), \(catalog.shape), targets \(targets.shape))",
            "needs at least one row, one target for each, and one item"
        )
    }
    let rows = block ?? min(max((1 << 20) / catalog.size(0), 32), 4096)
    let isTableTrained = catalog.requiresGradient
    let (loss, inputGradient, catalogGradient) = try withoutGradients { () throws(TorchError) in
        let table = try catalog.detached().contiguous()
        let across = try table.transposed(0, 1)
        let scale = 1 / Double(count)
        let tableGradient = try Tensor.zeros(table.shape, on: table.device)
        var gradients: [Tensor] = []
        var total = try Tensor.scalar(0, .float64, on: table.device)
        for start in stride(from: 0, to: count, by: rows) {
            let part = try vectors.detached().sliced(0, from: start, to: min(start + rows, count))
            let wanted = try targets.sliced(0, from: start, to: min(start + rows, count)).unsqueezed(1)
            let scores = try part.matmul(across).logSoftmax(-1)
            total = try total - scores.gathered(1, wanted).sum().to(.float64)
            try scores.exponentiate()  // now the probabilities; less 1 at the target it is the gradient of the scores
            try scores.scatterAdd(1, wanted, -1)
            gradients.append(try scores.matmul(table))
            if isTableTrained { try tableGradient.addProduct(scores.transposed(0, 1), part) }
        }
        let vectorGradient = try Tensor.concatenated(gradients)
        try vectorGradient.scale(scale)
        try tableGradient.scale(scale)
        return (try total.item() * scale, vectorGradient, tableGradient)
    }
    return isTableTrained
        ? try .scalar(loss, inputs: [vectors, catalog], gradients: [inputGradient, catalogGradient])
        : try .scalar(loss, inputs: [vectors], gradients: [inputGradient])
}

/// Losses that compare the score of what was chosen with the scores of a sample of what was not.
///
/// Everywhere `positives` is `[M]`, `negatives` is `[M, K]`, both scores (logits); the result is the mean over rows.
/// A negative that is the target itself should come in as `-infinity`: it then counts for nothing.
public enum SampledLoss {
    /// Cross-entropy of a softmax over the target and the sample.
    ///
    /// - Parameters:
    ///   - positives: `[M]`.
    ///   - negatives: `[M, K]`.
    ///   - correction: Log of the expected number of draws of each negative, `[K]` or `[M, K]`, subtracted from its
    ///     score so that the sample stands for the whole catalog.
    /// - Source: Jean et al. 2015, arXiv:1412.2007, section 3; Bengio & Senécal 2008.
    public static func softmax(
        _ positives: Tensor,
        _ negatives: Tensor,
        correction: Tensor? = nil
    ) throws(TorchError) -> Tensor {
        let others = if let correction { try negatives - correction } else { negatives }
        let all = try Tensor.concatenated([positives.unsqueezed(1), others], 1)
        return try (all.logSumExp(1) - positives).mean()
    }

    /// Binary cross-entropy: the target against 1, each negative against 0.
    ///
    /// - Source: Kang & McAuley 2018, arXiv:1808.09781, section 3.5.
    public static func binary(_ positives: Tensor, _ negatives: Tensor) throws(TorchError) -> Tensor {
        try generalizedBinary(positives, negatives, exponent: 1)
    }

    /// gBCE: binary cross-entropy with the positive probability raised to a power below 1.
    ///
    /// - Parameters:
    ///   - positives: `[M]`.
    ///   - negatives: `[M, K]`.
    ///   - exponent: beta of the paper; see ``exponent(calibration:negatives:catalog:)``.
    /// - Source: Petrov & Macdonald 2023, arXiv:2308.07192, eqs 9-10.
    public static func generalizedBinary(
        _ positives: Tensor,
        _ negatives: Tensor,
        exponent: Double
    ) throws(TorchError) -> Tensor {
        let positive = try positives.logSigmoid() * exponent
        let negative = try negatives.softplus().sum(1)
        return try (negative - positive).mean() / Double(negatives.size(1) + 1)
    }

    /// beta of gBCE from its calibration t in 0...1: 0 is plain binary cross-entropy, 1 fully calibrated.
    ///
    /// - Source: Petrov & Macdonald 2023, arXiv:2308.07192, eq 13: `alpha (t (1 - 1 / alpha) + 1 / alpha)` with the
    ///   sampling rate `alpha = K / (N - 1)`.
    public static func exponent(calibration: Double, negatives: Int, catalog: Int) -> Double {
        let rate = Double(negatives) / Double(max(catalog - 1, 1))
        return rate * (calibration * (1 - 1 / rate) + 1 / rate)
    }

    /// Bayesian personalised ranking: every negative should score below the target.
    ///
    /// - Source: Rendle et al. 2009, arXiv:1205.2618, section 4.1.
    public static func pairwise(_ positives: Tensor, _ negatives: Tensor) throws(TorchError) -> Tensor {
        try (negatives - positives.unsqueezed(1)).softplus().mean()
    }
}
