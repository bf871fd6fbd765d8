// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
public import CascadeDiffusion
import CascadeNN
public import CascadeTorch

/// Generates the next item's embedding from noise, guided by the history; the user's vector is what comes out.
///
/// - Source: Yang et al., Generate What You Prefer, NeurIPS 2023, arXiv:2310.20453; the defaults are the authors' for
///   YooChoose.
/// - Deviation: R1-R4, R6: see `Documentation/paper-readings.md`.
public struct DreamRec: DiffusionRetriever {
    public static let card = ModelCard(
        name: "dreamrec",
        summary: "a diffusion that generates the next item's embedding, with classifier-free guidance",
        paper: "Yang et al., NeurIPS 2023, arXiv:2310.20453"
    )
    public static let padding = Padding.right
    public static let examples = ExampleKind.prefixes

    /// What estimates the clean item.
    public enum Network: String, Codable, Sendable, CaseIterable {
        /// One linear map of state, guidance and step.
        case linear
        /// Two, with twice the width and GELU between.
        case mlp
    }

    public struct Configuration: DiffusionSettings {
        /// Features of each item.
        public var embeddingSize = 64
        /// Latest events that are read.
        public var maxSequenceLength = 10
        /// Blocks of the history's Transformer.
        public var numLayers = 1
        /// Attention heads of each block.
        public var numHeads = 1
        /// Features inside the feed-forward network.
        public var ffnSize = 64
        /// Probability that a feature is zeroed while training.
        public var dropout = 0.1
        /// Whether the item table's gradients name rows, for large catalogs.
        public var sparseGradients = false
        /// The network that estimates the clean item.
        public var denoiser = Network.linear
        /// T: steps of the noise schedule.
        public var steps = 500
        /// The shape of the noise schedule.
        public var schedule = NoiseSchedule.Kind.variancePreserving
        /// Beta of step 1 (exponential, linear, logarithmic).
        public var betaStart = 1e-4
        /// Beta of step T.
        public var betaEnd = 0.02
        /// w: weight of the classifier-free guidance at inference; can be changed without retraining.
        public var guidanceScale = 2.0
        /// Probability that a training row's guidance is replaced by the null vector.
        public var nullProbability = 0.1
        /// Weight of the training objective on the estimate (reading R3).
        public var rankingLossWeight = 0.0
        /// Items have mean 0 and variance 1, wherever they are used (reading R3).
        public var normalized = false
        /// No gradient passes from the diffusion to its target (reading R3).
        public var stopGradient = false
        /// Dropout acts at inference too, as published (reading R5).
        public var paperCompatible = false
        /// The reverse process; can be changed without retraining.
        public var sampler = Sampler()
        public init() {}

        public static var bounds: [Bound<Self>] {
            [
                .atLeast(1, \.embeddingSize, \.maxSequenceLength, \.numLayers, \.numHeads, \.ffnSize),
                .multiple(\.embeddingSize, of: 2), .multiple(\.embeddingSize, of: \.numHeads),
                .unit(\.dropout, \.nullProbability),
                .atLeast(1, \.steps), .above(0, \.betaStart), .atMost(\.betaStart, \.betaEnd), .below(1, \.betaEnd),
                .atLeast(0, \.guidanceScale, \.rankingLossWeight),
            ]
        }

        public static var formerNames: [String: String] {
            [
                "width": "embeddingSize", "length": "maxSequenceLength", "blocks": "numLayers", "heads": "numHeads",
                "hidden": "ffnSize", "firstBeta": "betaStart", "lastBeta": "betaEnd", "guidance": "guidanceScale",
                "ranking": "rankingLossWeight", "normalised": "normalized",
            ]
        }

        public var noiseSchedule: NoiseSchedule {
            NoiseSchedule(schedule, steps: steps, first: betaStart, last: betaEnd)
        }

        public func validate() throws {
            guard guidanceScale == 0 || nullProbability > 0 else {
                throw ConfigurationError(
                    "model.guidance_scale: found \(guidanceScale), expected 0, or null_probability above 0: without null vectors in "
                        + "training there is nothing to guide away from"
                )
            }
        }
    }

    public let length: Int
    let items: Embedding
    let positions: Embedding
    let blocks: [TransformerBlock]
    let norm: LayerNorm
    let null: Parameter  // [D]: the guidance of nobody
    let denoiser: DreamRecDenoiser
    let schedule: NoiseSchedule
    let configuration: Configuration

    public init(_ c: Configuration, for data: DatasetShape, using generator: Generator) throws {
        // Row 0 is padding.
        items = try Embedding(
            data.items + 1,
            c.embeddingSize,
            .normal(1),
            isRowSparse: c.sparseGradients,
            using: generator
        )
        positions = try Embedding(c.maxSequenceLength, c.embeddingSize, .normal(1), using: generator)
        blocks = try (0..<c.numLayers).map { _ in
            try TransformerBlock(
                width: c.embeddingSize,
                heads: c.numHeads,
                hidden: c.ffnSize,
                dropout: c.dropout,
                using: generator
            )
        }
        norm = try LayerNorm(c.embeddingSize, on: generator.device)
        null = try Parameter(.normal([c.embeddingSize], using: generator))
        denoiser = try DreamRecDenoiser(c.embeddingSize, c.denoiser, using: generator)
        schedule = c.noiseSchedule
        (length, configuration) = (c.maxSequenceLength, c)
    }

    public func itemVectors() throws -> Tensor { try shaped(items.weight.value.sliced(0, from: 1)) }

    public func itemVectors(_ numbers: Tensor) throws -> Tensor { try shaped(items(numbers + 1)) }

    public func userVectors(_ batch: Batch, observing: ((ReverseStep) throws -> Void)?) throws -> Tensor {
        let (c, rows, noise) = (configuration, batch.rows, batch.noise)
        let estimate = try denoiser.guided(
            by: guidance(batch, .inference),
            over: null.value,
            weight: c.guidanceScale,
            steps: c.sampler.visited(of: schedule)
        )
        let start = try noise.normal(rows: rows, [c.embeddingSize], stream: schedule.steps + 1)
        let clean = try c.sampler.sample(from: start, schedule) { step in
            try noise.normal(rows: rows, [c.embeddingSize], stream: step)
        } denoise: { state, step in
            let clean = try estimate(state, step)
            try observing?(ReverseStep(step: step, state: state, estimate: clean))
            return clean
        }
        return try clean.unsqueezed(1)
    }

    public func trainingOutput(_ batch: Batch) throws -> TrainingOutput {
        let (c, rows, noise) = (configuration, batch.rows, batch.noise)
        let target = try itemVectors(batch.targets)
        let clean = c.stopGradient ? try target.detached() : target
        let kept = try noise.mask(rows: rows, [1], dropping: c.nullProbability, stream: schedule.steps + 2)
        let condition = try null.value + (guidance(batch, .training) - null.value) * kept
        let steps = try noise.integers(rows: rows, in: 1..<(schedule.steps + 1))
        let noisy = try schedule.noised(
            clean,
            steps: steps,
            noise: noise.normal(rows: rows, [c.embeddingSize], stream: 0)
        )
        let estimate = try denoiser(noisy, condition, steps)
        return TrainingOutput(
            predictions: c.rankingLossWeight > 0 ? [.init("ranking", estimate, weight: c.rankingLossWeight)] : [],
            terms: [("reconstruction", try estimate.meanSquaredError(clean))]
        )
    }

    /// What the history says about the next item: `[B, D]`.
    func guidance(_ batch: Batch, _ mode: Mode) throws -> Tensor {
        let rate = configuration.dropout
        var stream = schedule.steps + 2
        func drop(_ x: Tensor) throws(TorchError) -> Tensor {
            guard mode == .inference, configuration.paperCompatible, rate > 0 else { return try dropout(x, rate, mode) }
            stream += 1
            let shape = Array(x.shape.dropFirst())
            return try x * batch.noise.mask(rows: batch.rows, shape, dropping: rate, stream: stream) / (1 - rate)
        }
        let x = try drop(shaped(items(batch.items)) + positions.weight.value.sliced(0, to: batch.length))
        return try batch.last(of: norm(blocks.reduce(x) { try $1($0, .causal, dropping: drop) }))
    }

    private func shaped(_ vectors: Tensor) throws(TorchError) -> Tensor {
        configuration.normalized ? try vectors.layerNorm() : vectors
    }
}

/// The clean item from a noised one, a guidance and a step.
struct DreamRecDenoiser: Module {
    let step: StepEmbedding
    let input: Linear
    let output: Linear?

    init(_ width: Int, _ network: DreamRec.Network, using generator: Generator) throws(TorchError) {
        let isDeep = network == .mlp
        step = try StepEmbedding(width: width, using: generator)
        input = try Linear(3 * width, isDeep ? 2 * width : width, using: generator)
        output = isDeep ? try Linear(2 * width, width, using: generator) : nil
    }

    /// `[B, D]`, `[B, D]` and int64 `[B]` to `[B, D]`.
    func callAsFunction(_ state: Tensor, _ guidance: Tensor, _ steps: Tensor) throws(TorchError) -> Tensor {
        let x = try input(.concatenated([state, guidance, step(steps)], -1))
        return if let output { try output(x.gelu()) } else { x }
    }

    /// `(1 + w) f(x, h, t) - w f(x, null, t)` as a function of x and t, for many steps of the same users.
    ///
    /// What depends on the step or on the guidance alone is computed here, once; the two branches share what they can:
    /// the product with x, the last map, and everything where the network is linear (reading R4).
    func guided(by h: Tensor, over null: Tensor, weight w: Double, steps: [Int]) throws -> (Tensor, Int) throws ->
        Tensor
    {
        let (rows, width) = (h.size(0), h.size(1))
        let maps = try (0..<3).map { try input.weight.value.sliced(1, from: $0 * width, to: ($0 + 1) * width) }
        let times = try step(Tensor(steps.map(Int64.init), on: h.device)).linear(maps[2], input.bias?.value)
        let places = Dictionary(uniqueKeysWithValues: zip(steps, 0...))
        let isOneBranch = output == nil || w == 0
        let guidances = try isOneBranch ? [h * (1 + w) - null * w] : [h, null.expanded([rows, width])]
        let conditions = try Tensor.stacked(guidances).linear(maps[1])  // [branches, B, features]
        return { state, t in
            guard let place = places[t] else { throw TorchError("guided denoiser", "step \(t) was not prepared") }
            let x = try state.linear(maps[0]) + times.selected(0, place) + conditions
            guard let output else { return try x.selected(0, 0) }
            let features = try x.gelu()
            guard !isOneBranch else { return try output(features.selected(0, 0)) }
            return try output(features.selected(0, 0) * (1 + w) - features.selected(0, 1) * w)
        }
    }
}
