// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
import CascadeNN
public import CascadeTorch
import Foundation

/// The loss that a vector retriever is trained with.
///
/// Every model can use every one.
public struct Objective: Settings, Equatable {
    /// The losses.
    public enum Kind: String, Codable, Sendable, CaseIterable {
        /// Softmax over the whole catalog.
        case crossEntropy = "cross-entropy"
        /// Softmax over the target and sampled items, corrected for how they were sampled.
        case sampledSoftmax = "sampled-softmax"
        /// Generalized binary cross-entropy.
        case gbce
        /// Binary cross-entropy.
        case bce
        /// Bayesian personalized ranking.
        case bpr
    }

    /// How negatives are drawn.
    public enum Sampling: String, Codable, Sendable, CaseIterable {
        case uniform, popularity
    }

    /// The loss.
    public var kind = Kind.crossEntropy
    /// Negatives per batch (`sampled-softmax`) or per target (`gbce`, `bce`, `bpr`).
    public var negatives = 256
    /// How they are drawn.
    public var sampling = Sampling.uniform
    /// Power of the popularity, for `popularity`.
    public var exponent = 0.75
    /// Calibration t of `gbce`, in 0...1.
    public var calibration = 0.75
    /// Scores are divided by this before the loss.
    public var temperature = 1.0

    /// Full softmax.
    public init() {}

    public static var bounds: [Bound<Self>] {
        [.atLeast(1, \.negatives), .above(0, \.temperature), .within(0...1, \.calibration)]
    }

    public static var formerValues: [String: [String: String]] { ["kind": ["full": "cross-entropy"]] }

    /// The sampler that the settings ask for.
    public func sampler(itemCounts: [Int]) throws -> any NegativeSampler {
        switch sampling {
        case .uniform: UniformNegatives(itemCount: itemCounts.count)
        case .popularity: try PopularityNegatives(counts: itemCounts, exponent: exponent)
        }
    }

    /// Every term of a model's loss by name, weighted, each a scalar: the objective on its predictions, then its own.
    ///
    /// - Parameters:
    ///   - output: What the model made of a batch.
    ///   - model: Has the items' vectors.
    ///   - targets: The batch's, int64 `[M]`, for predictions without targets of their own.
    ///   - sampler: Draws negatives; unused by `cross-entropy`.
    ///   - random: Its randomness.
    public func terms(
        _ output: TrainingOutput,
        of model: any VectorRetriever,
        targets: Tensor,
        sampler: any NegativeSampler,
        using random: inout SplitMix64
    ) throws -> [(name: String, loss: Tensor)] {
        guard !output.predictions.isEmpty else { return output.terms }
        let catalog = try model.itemVectors()
        var terms: [(name: String, loss: Tensor)] = []
        for prediction in output.predictions {
            let targets = prediction.targets ?? targets
            let loss = try self(prediction.vectors, catalog, targets: targets, sampler: sampler, using: &random) {
                try model.itemVectors($0)
            }
            terms.append((prediction.name, prediction.weight == 1 ? loss : try loss * prediction.weight))
        }
        return terms + output.terms
    }

    /// The loss of a batch: a scalar, the mean over targets.
    ///
    /// - Parameters:
    ///   - vectors: `[M, D]`.
    ///   - catalog: `[N, D]`.
    ///   - targets: int64 `[M]` in `0..<N`.
    ///   - sampler: Draws negatives; unused by `cross-entropy`.
    ///   - random: Its randomness.
    ///   - lookUp: Vectors of the items of an int64 tensor, when the model has a better way than through `catalog`.
    public func callAsFunction(
        _ vectors: Tensor,
        _ catalog: Tensor,
        targets: Tensor,
        sampler: any NegativeSampler,
        using random: inout SplitMix64,
        lookUp: ((Tensor) throws -> Tensor)? = nil
    ) throws -> Tensor {
        let lookUp = lookUp ?? { try catalog.embedding($0) }
        let users = temperature == 1 ? vectors : try vectors / temperature
        guard kind != .crossEntropy else { return try catalogCrossEntropy(users, catalog, targets: targets) }
        let (rows, items) = (vectors.size(0), catalog.size(0))
        let positives = try (users * lookUp(targets)).sum(1)
        let isShared = kind == .sampledSoftmax
        let numbers = sampler.sample(isShared ? negatives : rows * negatives, using: &random).map { Int64($0) - 1 }
        let drawn = try Tensor(numbers, shape: isShared ? [1, negatives] : [rows, negatives], on: vectors.device)
        let table = try lookUp(drawn)
        let scores =
            isShared
            ? try users.matmul(table.squeezed(0).transposed())
            : try table.matmul(users.unsqueezed(2)).squeezed(2)
        let hits = try drawn.equal(targets.unsqueezed(1))
        let others = try scores.filled(where: hits, with: -.infinity)
        switch kind {
        case .crossEntropy, .sampledSoftmax:
            let logs = numbers.map { Float(log(Double(negatives) * sampler.probability(of: Int($0) + 1))) }
            return try SampledLoss.softmax(positives, others, correction: Tensor(logs, on: vectors.device))
        case .gbce:
            let beta = SampledLoss.exponent(calibration: calibration, negatives: negatives, catalog: items)
            return try SampledLoss.generalizedBinary(positives, others, exponent: beta)
        case .bce: return try SampledLoss.binary(positives, others)
        case .bpr: return try SampledLoss.pairwise(positives, others)
        }
    }
}
