// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
public import CascadeDiffusion
import CascadeNN
public import CascadeTorch

/// A Transformer that rebuilds the next item from its noised embedding, mixed faintly into every item of the history.
///
/// - Source: Li, Sun & Li, DiffuRec: A Diffusion Model for Sequential Recommendation, TOIS 2023, arXiv:2304.00686.
/// - Deviation: R1, R2, R7-R10: see `Documentation/paper-readings.md`.
public struct DiffuRec: DiffusionRetriever {
    public static let card = ModelCard(
        name: "diffurec",
        summary: "a bidirectional Transformer that rebuilds the next item from noise mixed into the history",
        paper: "Li, Sun & Li, TOIS 2023, arXiv:2304.00686"
    )
    public static let padding = Padding.right
    public static let examples = ExampleKind.prefixes

    /// Lambda: how strongly the noised item is mixed into the history, drawn anew for each feature.
    public struct Uncertainty: Settings, Equatable {
        /// Its mean.
        public var mean = 0.001
        /// Its standard deviation.
        public var standardDeviation = 0.001
        /// As published.
        public init() {}

        /// A distribution.
        public init(mean: Double, standardDeviation: Double) {
            self.mean = mean
            self.standardDeviation = standardDeviation
        }

        public static var bounds: [Bound<Self>] { [.atLeast(0, \.standardDeviation)] }
        public static var formerNames: [String: String] { ["deviation": "standardDeviation"] }
    }

    public struct Configuration: DiffusionSettings {
        /// Features of each item.
        public var embeddingSize = 128
        /// Latest events that are read.
        public var maxSequenceLength = 50
        /// Transformer blocks.
        public var numLayers = 4
        /// Attention heads of each block.
        public var numHeads = 4
        /// Features inside the feed-forward network.
        public var ffnSize = 512
        /// Probability that a feature is zeroed while training, inside the Transformer.
        public var dropout = 0.1
        /// Probability that a feature of the history's items is zeroed while training.
        public var inputDropout = 0.3
        /// Standard deviation of fresh item vectors (reading R9).
        public var initializerStd = 0.1
        /// Whether the item table's gradients name rows, for sampled losses on large catalogs.
        public var sparseGradients = false
        /// Whether items know their position in the history.
        public var positions = false
        /// T: steps of the noise schedule.
        public var steps = 32
        /// The shape of the noise schedule.
        public var schedule = NoiseSchedule.Kind.truncatedLinear
        /// Beta of step 1 (exponential, linear, logarithmic).
        public var betaStart = 1e-4
        /// Beta of step T.
        public var betaEnd = 0.02
        /// The distribution of the noise on each item of the history.
        public var uncertainty = Uncertainty()
        /// Items attend to padding, as published (reading R7).
        public var paperCompatible = false
        /// The reverse process; can be changed without retraining.
        public var sampler = Sampler()
        public init() {}

        public static var bounds: [Bound<Self>] {
            [
                .atLeast(1, \.embeddingSize, \.maxSequenceLength, \.numLayers, \.numHeads, \.ffnSize),
                .multiple(\.embeddingSize, of: 2), .multiple(\.embeddingSize, of: \.numHeads),
                .unit(\.dropout, \.inputDropout),
                .above(0, \.initializerStd),
                .atLeast(1, \.steps), .above(0, \.betaStart), .atMost(\.betaStart, \.betaEnd), .below(1, \.betaEnd),
            ]
        }

        public static var formerNames: [String: String] {
            [
                "width": "embeddingSize", "length": "maxSequenceLength", "blocks": "numLayers", "heads": "numHeads",
                "hidden": "ffnSize", "spread": "initializerStd", "firstBeta": "betaStart", "lastBeta": "betaEnd",
            ]
        }

        public var noiseSchedule: NoiseSchedule {
            NoiseSchedule(schedule, steps: steps, first: betaStart, last: betaEnd)
        }
    }

    public let length: Int
    let items: Embedding
    let positions: Embedding?
    let itemNorm: LayerNorm
    let step: StepEmbedding
    let blocks: [TransformerBlock]
    let norm: LayerNorm
    let schedule: NoiseSchedule
    let configuration: Configuration

    public init(_ c: Configuration, for data: DatasetShape, using generator: Generator) throws {
        // Row 0 is padding.
        let spread = Initialization.normal(c.initializerStd)
        items = try Embedding(data.items + 1, c.embeddingSize, spread, isRowSparse: c.sparseGradients, using: generator)
        positions = c.positions ? try Embedding(c.maxSequenceLength, c.embeddingSize, spread, using: generator) : nil
        itemNorm = try LayerNorm(c.embeddingSize, on: generator.device)
        step = try StepEmbedding(width: c.embeddingSize, using: generator)
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
        schedule = c.noiseSchedule
        (length, configuration) = (c.maxSequenceLength, c)
    }

    public func itemVectors() throws -> Tensor { try items.weight.value.sliced(0, from: 1) }

    public func itemVectors(_ numbers: Tensor) throws -> Tensor { try items(numbers + 1) }

    public func userVectors(_ batch: Batch, observing: ((ReverseStep) throws -> Void)?) throws -> Tensor {
        let (rows, width) = (batch.rows, configuration.embeddingSize)
        let history = try history(batch, .inference)
        let start = try batch.noise.normal(rows: rows, [width], stream: schedule.steps + 1)
        let clean = try configuration.sampler.sample(from: start, schedule) { step in
            try batch.noise.normal(rows: rows, [width], stream: step)
        } denoise: { state, step in
            let steps = try Tensor.full([1], Double(step), .int64, on: state.device)
            let clean = try rebuild(
                state,
                at: steps,
                from: history,
                of: batch,
                stream: schedule.steps + 2 + step,
                .inference
            )
            try observing?(ReverseStep(step: step, state: state, estimate: clean))
            return clean
        }
        return try clean.unsqueezed(1)
    }

    public func trainingOutput(_ batch: Batch) throws -> TrainingOutput {
        let rows = batch.rows
        let clean = try itemVectors(batch.targets)
        let steps = try batch.noise.integers(rows: rows, in: 1..<(schedule.steps + 1))
        let noise = try batch.noise.normal(rows: rows, [configuration.embeddingSize], stream: 0)
        let noisy = try schedule.noised(clean, steps: steps, noise: noise)
        let history = try history(batch, .training)
        return TrainingOutput(
            vectors: try rebuild(noisy, at: steps, from: history, of: batch, stream: schedule.steps + 2, .training)
        )
    }

    /// What the steps of a diffusion share.
    struct History {
        /// Normalized items: `[B, L, D]`.
        let items: Tensor
        let scope: AttentionScope
    }

    func history(_ batch: Batch, _ mode: Mode) throws -> History {
        let c = configuration
        let ids =
            c.paperCompatible
            ? try batch.items.padded(before: 0, after: c.maxSequenceLength - batch.length) : batch.items
        var x = try dropout(items(ids), c.inputDropout, mode)
        if let positions { x = try x + positions.weight.value.sliced(0, to: ids.size(1)) }
        return History(items: try itemNorm(x), scope: c.paperCompatible ? .all : .keys(try ids.notEqual(0)))
    }

    /// The clean item from a noised one, `[B, D]`, the step, `[B]` or `[1]`, and the history: `[B, D]`.
    func rebuild(
        _ state: Tensor,
        at steps: Tensor,
        from history: History,
        of batch: Batch,
        stream: Int,
        _ mode: Mode
    ) throws -> Tensor {
        let mixed = try mix(history, state, steps, batch, stream: stream)
        return try batch.last(of: norm(blocks.reduce(mixed) { try $1($0, history.scope, mode) }))
    }

    /// The history's items, each with lambda times the noised item and its step: `[B, L, D]`.
    func mix(_ history: History, _ state: Tensor, _ steps: Tensor, _ batch: Batch, stream: Int) throws -> Tensor {
        let (lambda, shape) = (configuration.uncertainty, Array(history.items.shape.dropFirst()))
        let added = try (state + step(steps.to(.float32) * (1000 / Double(schedule.steps)))).unsqueezed(1)
        guard lambda.standardDeviation > 0 else { return try history.items + added * lambda.mean }
        let noise = try batch.noise.normal(rows: batch.rows, shape, stream: stream)
        return try history.items + (noise * lambda.standardDeviation + lambda.mean) * added
    }
}
