// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
import CascadeNN
public import CascadeTorch

/// A variational autoencoder of sequences with two views of every history, whose latent states are held together by
/// contrast with other histories.
///
/// - Source: Wang et al. 2022, arXiv:2209.00456.
/// - Deviation: V4-V6: see `Documentation/paper-readings.md`.
public struct ContrastVAE: VectorRetriever {
    public static let card = ModelCard(
        name: "contrast-vae",
        summary: "a variational autoencoder of the history, with two views in contrast to other histories",
        paper: "Wang et al., CIKM 2022, arXiv:2209.00456"
    )
    // The state of a real position never sees padding on the right.
    public static let padding = Padding.right
    public static let examples = ExampleKind.causal

    /// How the second view of a history comes about.
    public enum Augmentation: String, Codable, Sendable, CaseIterable {
        /// Noise whose share is learned.
        case variational
        /// Dropout of the deviation, after that of the encoders.
        case model
        /// A history in which items were left out.
        case data
    }

    public struct Configuration: Settings {
        /// Features of each item and of each latent state.
        public var embeddingSize = 128
        /// Latest events that are read.
        public var maxSequenceLength = 50
        /// Transformer blocks of each of the two encoders, and of the decoder.
        public var numLayers = 1
        /// Attention heads of each block.
        public var numHeads = 4
        /// Features inside the feed-forward network.
        public var ffnSize = 512
        /// Probability that a feature is zeroed while training.
        public var dropout = 0.3
        /// How the second view comes about.
        public var augmentation = Augmentation.variational
        /// Probability that a feature of the second view's deviation is zeroed (`model`, `data`).
        public var reparameterizationDropout = 0.1
        /// Share of the history that a crop keeps (`data`).
        public var cropRatio = 0.6
        /// Probability that an item is masked (`data`).
        public var maskRatio = 0.3
        /// Whether the first view samples its latent states; else they are mean plus deviation (reading V4).
        public var latentNoise = true
        /// Weight of the contrastive loss.
        public var contrastiveLossWeight = 0.3
        /// Cosines of the contrastive loss are divided by it.
        public var temperature = 0.5
        /// The largest weight of the divergence from the prior.
        public var annealCap = 0.2
        /// Training steps in which that weight would rise to 1, were it not for the cap.
        public var totalAnnealSteps = 10_000
        /// Whether the item table's gradients name rows, for sampled losses on large catalogs.
        public var sparseGradients = false
        public init() {}

        public static var bounds: [Bound<Self>] {
            [
                .atLeast(1, \.embeddingSize, \.maxSequenceLength, \.numLayers, \.numHeads, \.ffnSize),
                .multiple(\.embeddingSize, of: \.numHeads), .unit(\.dropout, \.reparameterizationDropout, \.maskRatio),
                .within(0...1, \.cropRatio), .above(0, \.temperature),
                .atLeast(0, \.contrastiveLossWeight, \.annealCap), .atLeast(1, \.totalAnnealSteps),
            ]
        }
    }

    public let length: Int
    let items: Embedding
    let positions: Embedding
    let inputNorm: LayerNorm
    let mean: CausalStack
    let logVariance: CausalStack
    let decoder: CausalStack
    /// The logit of the share of noise in the second view; nil unless it is learned.
    let noiseLogit: Parameter?
    /// Training passes so far, `[1]`.
    let passes: Buffer
    let configuration: Configuration

    public init(_ c: Configuration, for data: DatasetShape, using generator: Generator) throws {
        // Row 0 is padding, and stands for items that a view leaves out.
        items = try Embedding(
            data.items + 1,
            c.embeddingSize,
            .normal(0.02),
            isRowSparse: c.sparseGradients,
            using: generator
        )
        positions = try Embedding(c.maxSequenceLength, c.embeddingSize, .normal(0.02), using: generator)
        inputNorm = try LayerNorm(c.embeddingSize, on: generator.device)
        func stack() throws -> CausalStack {
            try CausalStack(
                width: c.embeddingSize,
                blocks: c.numLayers,
                heads: c.numHeads,
                hidden: c.ffnSize,
                dropout: c.dropout,
                using: generator
            )
        }
        (mean, logVariance, decoder) = (try stack(), try stack(), try stack())
        let isLearned = c.augmentation == .variational
        noiseLogit = isLearned ? try Parameter(.zeros([1], on: generator.device)) : nil
        passes = Buffer(try .zeros([1], on: generator.device))
        (length, configuration) = (c.maxSequenceLength, c)
    }

    public func itemVectors() throws -> Tensor { try items.weight.value.sliced(0, from: 1) }

    public func itemVectors(_ numbers: Tensor) throws -> Tensor { try items(numbers + 1) }

    public func userVectors(_ batch: Batch) throws -> Tensor {
        let latent = try encode(batch.items, .inference)
        let state = try configuration.latentNoise ? latent.mean : latent.mean + latent.deviation()
        return try batch.last(of: decoder(state, .inference)).unsqueezed(1)
    }

    public func trainingOutput(_ batch: Batch) throws -> TrainingOutput {
        let c = configuration
        let weight = min(c.annealCap, try passes.value.item() / Double(c.totalAnnealSteps))
        try passes.value.add(.ones([1], on: passes.value.device))
        let other = c.augmentation == .data ? try augmented(batch) : batch.items
        let latents = [try encode(batch.items, .training), try encode(other, .training)]
        let views = [try first(latents[0], batch.noise), try second(latents[1], batch.noise)]
        func targeted(_ x: Tensor) throws -> Tensor { try x.reshaped(-1, c.embeddingSize).rows(batch.positions) }
        let isReal = try batch.items.notEqual(0).to(.float32).unsqueezed(2)  // [B, L, 1]
        var output = TrainingOutput(
            predictions: try zip(["main", "second"], views).map { name, view in
                TrainingOutput.Prediction(name, try targeted(decoder(view, .training)))
            }
        )
        let divergences = try latents.map { try ($0.divergence() * isReal.squeezed(2)).sum() / isReal.sum() }
        output.terms.append(("divergence", try (divergences[0] + divergences[1]) * weight))
        if let noiseLogit {
            output.terms.append(("noise-prior", try -logUniformDivergence(noiseLogit.value.sigmoid()).mean()))
        }
        if c.contrastiveLossWeight > 0 {
            let users = try views.map { try ($0 * isReal).sum(1) }  // [B, D]
            let loss = try contrast(users[0], users[1], temperature: c.temperature)
            output.terms.append(("contrastive", try loss * c.contrastiveLossWeight))
        }
        return output
    }

    /// Normal distributions of latent states, `[B, L, D]`.
    struct Latent {
        let mean: Tensor
        let logVariance: Tensor

        func deviation() throws(TorchError) -> Tensor { try (logVariance * 0.5).exp() }

        /// The Kullback-Leibler divergence from a standard normal distribution, `[B, L]`.
        func divergence() throws(TorchError) -> Tensor {
            try (mean.square() + logVariance.exp() - logVariance - 1).sum(2) * 0.5
        }
    }

    /// int32 `[B, L]` to the latent state after every item.
    func encode(_ history: Tensor, _ mode: Mode) throws -> Latent {
        let places = try positions.weight.value.sliced(0, to: history.size(1))
        let x = try dropout(inputNorm(items(history) + places), configuration.dropout, mode)
        return Latent(mean: try mean(x, mode), logVariance: try logVariance(x, mode))
    }

    /// Streams of the noise.
    private enum Stream: Int {
        case first, second, kind, crop, mask
    }

    private func normal(_ noise: Noise, _ stream: Stream, like x: Tensor) throws -> Tensor {
        try noise.normal(rows: x.size(0), Array(x.shape.dropFirst()), stream: stream.rawValue)
    }

    private func first(_ latent: Latent, _ noise: Noise) throws -> Tensor {
        let deviation = try latent.deviation()
        if !configuration.latentNoise { return try latent.mean + deviation }
        return try latent.mean + deviation * normal(noise, .first, like: deviation)
    }

    private func second(_ latent: Latent, _ noise: Noise) throws -> Tensor {
        var deviation = try latent.deviation()
        if let noiseLogit {
            return try latent.mean + deviation * noiseLogit.value.sigmoid() * normal(noise, .second, like: deviation)
        }
        if configuration.latentNoise { deviation = try deviation * normal(noise, .second, like: deviation) }
        return try latent.mean + dropout(deviation, configuration.reparameterizationDropout, .training)
    }

    /// The histories, each cropped or masked by equal chance, 0 where an item is left out: int32 `[B, L]`.
    func augmented(_ batch: Batch) throws -> Tensor {
        let c = configuration
        let places = try Tensor((0..<batch.length).map(Float.init), on: batch.items.device)  // [L]
        func drawn(_ stream: Stream, _ width: Int) throws -> Tensor {
            try batch.noise.normal(rows: batch.rows, [width], stream: stream.rawValue)
        }
        let counts = try batch.lengths.to(.float32).unsqueezed(1)  // [B, 1]
        let size = try (counts * c.cropRatio).floor().clamped(from: 1)
        let isLate = try places.greater(counts - size)  // too late for a crop to start
        let start = try drawn(.crop, batch.length).filled(where: isLate, with: -.infinity).argMax(1)
        let begin = try start.to(.float32).unsqueezed(1)  // [B, 1]
        let isCropped = try places.greaterOrEqual(begin).and(places.less(begin + size))
        let isUnmasked = try batch.noise
            .mask(rows: batch.rows, [batch.length], dropping: c.maskRatio, stream: Stream.mask.rawValue).equal(1)
        let isKept = try Tensor.where(drawn(.kind, 1).greater(0), isCropped, isUnmasked)
        return try batch.items * isKept.to(.int32)
    }
}

/// Transformer blocks in which position i sees positions up to i, then a normalization.
struct CausalStack: Module {
    let blocks: [TransformerBlock]
    let norm: LayerNorm

    init(width: Int, blocks: Int, heads: Int, hidden: Int, dropout rate: Double, using generator: Generator) throws {
        self.blocks = try (0..<blocks).map { _ in
            try TransformerBlock(width: width, heads: heads, hidden: hidden, dropout: rate, using: generator)
        }
        norm = try LayerNorm(width, on: generator.device)
    }

    /// `[B, L, D]` to the same shape.
    func callAsFunction(_ x: Tensor, _ mode: Mode) throws -> Tensor {
        try norm(blocks.reduce(x) { try $1($0, .causal, mode) })
    }
}

/// Minus the divergence of a learned share of noise from a log-uniform prior, up to a constant.
///
/// - Source: Kingma, Salimans & Welling 2015, arXiv:1506.02557, the log-uniform prior.
func logUniformDivergence(_ alpha: Tensor) throws(TorchError) -> Tensor {
    let polynomial = try alpha * 1.16145124 + alpha.square() * -1.50204118 + alpha.pow(3) * 0.58629921
    return try alpha.log() * 0.5 + polynomial
}

/// The loss of telling each row's other view from all rows of both views, by cosines: a scalar.
///
/// - Parameters:
///   - first: `[B, D]`.
///   - second: `[B, D]`.
///   - temperature: Cosines are divided by it.
/// - Source: Chen et al. 2020, arXiv:2002.05709, equation 1.
func contrast(_ first: Tensor, _ second: Tensor, temperature: Double) throws -> Tensor {
    let rows = first.size(0)
    let all = try Tensor.concatenated([first, second])
    let units = try all / all.norm(1, keep: true).clamped(from: 1e-8)
    let numbers = try Tensor((0..<2 * rows).map(Int64.init), on: all.device)
    let isSelf = try numbers.unsqueezed(1).equal(numbers)
    let cosines = try (units.matmul(units.transposed()) / temperature).filled(where: isSelf, with: -.infinity)
    return try cosines.crossEntropy(numbers.rolled(by: rows, along: 0))
}
