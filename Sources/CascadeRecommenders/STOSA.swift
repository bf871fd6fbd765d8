// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
import CascadeNN
public import CascadeTorch

/// Stochastic self-attention: items are normal distributions, which attend to each other, and are ranked, by their
/// Wasserstein distance.
///
/// - Source: Fan et al. 2022, arXiv:2201.06035.
/// - Deviation: V1-V3: see `Documentation/paper-readings.md`.
public struct STOSA: VectorRetriever {
    public static let card = ModelCard(
        name: "stosa",
        summary: "items as normal distributions, self-attention by their Wasserstein distance",
        paper: "Fan et al., WWW 2022, arXiv:2201.06035"
    )
    // The state of a real position never sees padding on the right.
    public static let padding = Padding.right
    public static let examples = ExampleKind.causal

    public struct Configuration: Settings {
        /// Features of the mean, and of the covariance, of each item.
        public var embeddingSize = 64
        /// Latest events that are read.
        public var maxSequenceLength = 100
        /// Attention blocks.
        public var numLayers = 1
        /// Attention heads of each block.
        public var numHeads = 4
        /// Features inside the feed-forward networks.
        public var ffnSize = 256
        /// Probability that a feature is zeroed while training.
        public var dropout = 0.3
        /// Weight of the loss that keeps a negative farther from the target than the user is.
        public var pvnLossWeight = 0.005
        /// Whether the item tables' gradients name rows, for sampled losses on large catalogs.
        public var sparseGradients = false
        public init() {}

        public static var bounds: [Bound<Self>] {
            [
                .atLeast(1, \.embeddingSize, \.maxSequenceLength, \.numLayers, \.numHeads, \.ffnSize),
                .multiple(\.embeddingSize, of: \.numHeads), .unit(\.dropout), .atLeast(0, \.pvnLossWeight),
            ]
        }
    }

    public let length: Int
    /// Their means; row 0 is padding.
    let items: Embedding
    let itemCovariances: Embedding
    let positionMeans: Embedding
    let positionCovariances: Embedding
    let inputNorm: LayerNorm
    let blocks: [WassersteinBlock]
    let rate: Double
    let regularization: Double

    public init(_ c: Configuration, for data: DatasetShape, using generator: Generator) throws {
        func table() throws -> Embedding {
            try Embedding(
                data.items + 1,
                c.embeddingSize,
                .normal(0.02),
                isRowSparse: c.sparseGradients,
                using: generator
            )
        }
        func positions() throws -> Embedding {
            try Embedding(c.maxSequenceLength, c.embeddingSize, .normal(0.02), using: generator)
        }
        (items, itemCovariances) = (try table(), try table())
        (positionMeans, positionCovariances) = (try positions(), try positions())
        inputNorm = try LayerNorm(c.embeddingSize, on: generator.device)
        blocks = try (0..<c.numLayers).map { _ in
            try WassersteinBlock(
                width: c.embeddingSize,
                heads: c.numHeads,
                hidden: c.ffnSize,
                dropout: c.dropout,
                using: generator
            )
        }
        (length, rate, regularization) = (c.maxSequenceLength, c.dropout, c.pvnLossWeight)
    }

    public func itemVectors() throws -> Tensor {
        func rows(_ table: Embedding) throws -> Tensor { try table.weight.value.sliced(0, from: 1) }
        return try Gaussian(rows(items), positive(rows(itemCovariances))).keys()
    }

    public func itemVectors(_ numbers: Tensor) throws -> Tensor { try distributions(numbers).keys() }

    public func userVectors(_ batch: Batch) throws -> Tensor {
        let states = try encode(batch.items, .inference)
        return try Gaussian(batch.last(of: states.mean), batch.last(of: states.covariance)).queries().unsqueezed(1)
    }

    public func trainingOutput(_ batch: Batch) throws -> TrainingOutput {
        let states = try encode(batch.items, .training)
        func targeted(_ x: Tensor) throws -> Tensor { try x.reshaped(-1, x.size(2)).rows(batch.positions) }
        let users = try Gaussian(targeted(states.mean), targeted(states.covariance))
        guard regularization > 0 else { return TrainingOutput(vectors: try users.queries()) }
        let drawn = try batch.noise.integers(rows: batch.targets.size(0), in: 0..<items.weight.value.size(0) - 1)
        let (positives, negatives) = (try distributions(batch.targets), try distributions(drawn))
        let excess = try (users.distance(to: positives) - positives.distance(to: negatives)).relu()
        let isNegative = try drawn.equal(batch.targets).not().to(.float32)
        let term = try (excess * isNegative).mean() * regularization
        return TrainingOutput(vectors: try users.queries(), terms: [("pvn", term)])
    }

    /// The items of an int64 tensor `[...]`, numbered from 0, as they are ranked.
    private func distributions(_ numbers: Tensor) throws -> Gaussian {
        try Gaussian(items(numbers + 1), positive(itemCovariances(numbers + 1)))
    }

    /// int32 `[B, L]` to the distributions of the next items.
    func encode(_ history: Tensor, _ mode: Mode) throws -> Gaussian {
        func placed(_ items: Embedding, _ positions: Embedding) throws -> Tensor {
            let places = try positions.weight.value.sliced(0, to: history.size(1))
            return try positive(dropout(inputNorm(items(history) + places), rate, mode))
        }
        let start = try Gaussian(placed(items, positionMeans) - 1, placed(itemCovariances, positionCovariances))
        return try blocks.reduce(start) { try $1($0, mode) }
    }
}

/// The exponential linear unit plus one, which is above 0.
private func positive(_ x: Tensor) throws(TorchError) -> Tensor { try x.relu() + x.clamped(to: 0).exp() }

/// Normal distributions of independent features.
struct Gaussian {
    /// `[..., D]`.
    let mean: Tensor
    /// `[..., D]`: the variance of each feature.
    let covariance: Tensor

    init(_ mean: Tensor, _ covariance: Tensor) { (self.mean, self.covariance) = (mean, covariance) }

    /// Means and standard deviations side by side: `[..., 2 D]`.
    ///
    /// The distance of two of these is the 2-Wasserstein distance.
    private func points() throws(TorchError) -> Tensor {
        try .concatenated([mean, covariance.clamped(from: 1e-24).sqrt()], -1)
    }

    /// The squared distance to others of the same shape: `[...]`.
    func distance(to other: Gaussian) throws(TorchError) -> Tensor { try (points() - other.points()).square().sum(-1) }

    /// `[..., 2 D + 2]`, whose product with one of ``keys()`` is minus the squared distance.
    func queries() throws(TorchError) -> Tensor {
        let points = try points()
        let size = try points.square().sum(-1, keep: true)
        return try .concatenated([points * 2, -size, .ones(size.shape, on: size.device)], -1)
    }

    /// `[..., 2 D + 2]`; see ``queries()``.
    func keys() throws(TorchError) -> Tensor {
        let points = try points()
        let size = try points.square().sum(-1, keep: true)
        return try .concatenated([points, .ones(size.shape, on: size.device), -size], -1)
    }
}

/// Wasserstein self-attention and feed-forward networks, each added to its input and then normalized.
///
/// A weighted mean of independent normal distributions has the mean of their means, and of their covariances with the
/// squares of the weights.
///
/// - Source: Fan et al. 2022, arXiv:2201.06035; one normalization serves means and covariances after the attention, as
///   in the authors' code.
struct WassersteinBlock: Module {
    /// Query, key and value maps of the means, stacked: `[3 D, D]`.
    let meanProjection: Linear
    /// The same of the covariances.
    let covarianceProjection: Linear
    let meanOutput: Linear
    let covarianceOutput: Linear
    let attentionNorm: LayerNorm
    let mean: ExponentialLinearNetwork
    let covariance: ExponentialLinearNetwork
    let heads: Int
    let rate: Double

    init(width: Int, heads: Int, hidden: Int, dropout rate: Double, using generator: Generator) throws {
        // Drawn as square maps, so that stacking does not change their scale.
        let spread = Initialization.normal((1 / Double(width)).squareRoot())
        meanProjection = try Linear(width, 3 * width, spread, using: generator)
        covarianceProjection = try Linear(width, 3 * width, spread, using: generator)
        meanOutput = try Linear(width, width, using: generator)
        covarianceOutput = try Linear(width, width, using: generator)
        attentionNorm = try LayerNorm(width, on: generator.device)
        mean = try ExponentialLinearNetwork(width, hidden: hidden, dropout: rate, using: generator)
        covariance = try ExponentialLinearNetwork(width, hidden: hidden, dropout: rate, using: generator)
        (self.heads, self.rate) = (heads, rate)
    }

    /// Distributions `[B, L, D]` to the same shape; position i sees positions up to i.
    func callAsFunction(_ x: Gaussian, _ mode: Mode) throws -> Gaussian {
        let (rows, length, width) = (x.mean.size(0), x.mean.size(1), x.mean.size(2))
        func split(_ projected: Tensor) throws -> Tensor {  // [3, B, H, L, D / H]
            try projected.reshaped(rows, length, 3, heads, width / heads).permuted(2, 0, 3, 1, 4)
        }
        func merged(_ mixed: Tensor) throws -> Tensor { try mixed.transposed(1, 2).reshaped(rows, length, width) }
        let means = try split(meanProjection(x.mean))
        let covariances = try split(positive(covarianceProjection(x.covariance)))
        func part(_ i: Int) throws -> Gaussian { try Gaussian(means.selected(0, i), covariances.selected(0, i)) }
        let scores = try part(0).queries().matmul(part(1).keys().transposed())  // [B, H, L, L]
        let future = try Tensor.ones([length, length], on: scores.device).upperTriangle(1).equal(1)
        let scaled = try scores / Double(width / heads).squareRoot()
        let weights = try scaled.filled(where: future, with: -.infinity).softmax()
        let values = try part(2)
        let meanMix = try merged(weights.matmul(values.mean))
        let covarianceMix = try merged(weights.square().matmul(values.covariance))
        return try Gaussian(
            mean(attentionNorm(x.mean + dropout(meanOutput(meanMix), rate, mode)), mode),
            positive(
                covariance(attentionNorm(x.covariance + dropout(covarianceOutput(covarianceMix), rate, mode)), mode)
            )
        )
    }
}

/// Two linear maps with an exponential linear unit between them, added to the input, then normalized.
struct ExponentialLinearNetwork: Module {
    let up: Linear
    let down: Linear
    let norm: LayerNorm
    let rate: Double

    init(_ width: Int, hidden: Int, dropout rate: Double, using generator: Generator) throws {
        up = try Linear(width, hidden, using: generator)
        down = try Linear(hidden, width, using: generator)
        norm = try LayerNorm(width, on: generator.device)
        self.rate = rate
    }

    /// `[..., D]` to the same shape.
    func callAsFunction(_ x: Tensor, _ mode: Mode) throws -> Tensor {
        try norm(x + dropout(down(positive(up(x)) - 1), rate, mode))
    }
}
