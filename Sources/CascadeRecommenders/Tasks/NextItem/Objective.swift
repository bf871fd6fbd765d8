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
    /// Whether all targets of a batch share the negatives of `sampled-softmax`; else each has as many of its own.
    public var sharedNegatives = true
    /// Whether `sampled-softmax` corrects scores for how often negatives are drawn.
    public var logqCorrection = true
    /// Whether a target's own negatives are drawn again where its user has met them.
    public var excludesKnown = false
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
    ///   - known: Item numbers that each of the batch's targets' users has met, for ``excludesKnown``; nil for none.
    ///   - sampler: Draws negatives; unused by `cross-entropy`.
    ///   - random: Its randomness.
    public func terms(
        _ output: TrainingOutput,
        of model: any VectorRetriever,
        targets: Tensor,
        known: ((_ target: Int) -> Set<Int32>)? = nil,
        sampler: any NegativeSampler,
        using random: inout SplitMix64
    ) throws -> [(name: String, loss: Tensor)] {
        guard !output.predictions.isEmpty else { return output.terms }
        let catalog = try model.itemVectors()
        var terms: [(name: String, loss: Tensor)] = []
        for prediction in output.predictions {
            guard prediction.targets == nil || !excludesKnown else {
                throw ConfigurationError(
                    "training.loss.excludes_known: found true, expected false for a model that names targets of its own"
                )
            }
            let loss = try self(
                prediction.vectors,
                catalog,
                targets: prediction.targets ?? targets,
                known: known,
                sampler: sampler,
                using: &random
            ) { try model.itemVectors($0) }
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
    ///   - known: Item numbers that each target's user has met, for ``excludesKnown``; nil for none.
    ///   - sampler: Draws negatives; unused by `cross-entropy`.
    ///   - random: Its randomness.
    ///   - lookUp: Vectors of the items of an int64 tensor, when the model has a better way than through `catalog`.
    public func callAsFunction(
        _ vectors: Tensor,
        _ catalog: Tensor,
        targets: Tensor,
        known: ((_ target: Int) -> Set<Int32>)? = nil,
        sampler: any NegativeSampler,
        using random: inout SplitMix64,
        lookUp: ((Tensor) throws -> Tensor)? = nil
    ) throws -> Tensor {
        let lookUp = lookUp ?? { try catalog.embedding($0) }
        let users = temperature == 1 ? vectors : try vectors / temperature
        guard kind != .crossEntropy else { return try catalogCrossEntropy(users, catalog, targets: targets) }
        let (rows, items) = (vectors.size(0), catalog.size(0))
        let positives = try (users * lookUp(targets)).sum(1)
        let isShared = kind == .sampledSoftmax && sharedNegatives
        let numbers = sample(isShared ? negatives : rows * negatives, known, sampler, using: &random)
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
            guard logqCorrection else { return try SampledLoss.softmax(positives, others) }
            let logs = numbers.map { Float(log(Double(negatives) * sampler.probability(of: Int($0) + 1))) }
            let shape = isShared ? [negatives] : [rows, negatives]
            return try SampledLoss.softmax(
                positives,
                others,
                correction: Tensor(logs, shape: shape, on: vectors.device)
            )
        case .gbce:
            let beta = SampledLoss.exponent(calibration: calibration, negatives: negatives, catalog: items)
            return try SampledLoss.generalizedBinary(positives, others, exponent: beta)
        case .bce: return try SampledLoss.binary(positives, others)
        case .bpr: return try SampledLoss.pairwise(positives, others)
        }
    }

    /// Draws negatives, from 0; targets with their own draw again what their user has met.
    private func sample(
        _ count: Int,
        _ known: ((Int) -> Set<Int32>)?,
        _ sampler: any NegativeSampler,
        using random: inout SplitMix64
    ) -> [Int64] {
        var numbers = sampler.sample(count, using: &random)
        if let known, excludesKnown {
            for target in 0..<count / negatives {
                let met = known(target)
                for place in target * negatives..<(target + 1) * negatives {
                    // Bounded: somebody may have met whatever can be drawn.
                    for _ in 0..<100 where met.contains(numbers[place]) {
                        numbers[place] = sampler.sample(1, using: &random)[0]
                    }
                }
            }
        }
        return numbers.map { Int64($0) - 1 }
    }

    /// Refuses settings that cannot work together.
    public func validate() throws {
        guard !excludesKnown || (kind != .crossEntropy && !(kind == .sampledSoftmax && sharedNegatives)) else {
            throw ConfigurationError(
                """
                training.loss.excludes_known: found true, but the targets of a batch share their negatives; set shared_negatives to \
                false, or take another kind of loss
                """
            )
        }
    }
}
