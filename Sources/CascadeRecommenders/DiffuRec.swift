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
    public static let examples = ExampleKind.cuts

    /// Lambda: how strongly the noised item is mixed into the history, drawn anew for each feature.
    public struct Uncertainty: Codable, Sendable, Equatable {
        public var mean = 0.001
        public var deviation = 0.001
    }

    public struct Configuration: DiffusionSettings {
        public var width = 128  // features per item; even
        public var length = 50  // latest events that are read
        public var blocks = 4
        public var heads = 4  // must divide width
        public var hidden = 512  // features inside the feed-forward network
        public var dropout = 0.1  // probability, inside the Transformer
        public var inputDropout = 0.3  // probability, of the history's items
        public var spread = 0.1  // standard deviation of fresh item vectors (reading R9)
        public var sparseGradients = false  // of the item table: for sampled losses on large catalogues
        public var positions = false  // whether items know their place in the history
        public var steps = 32  // T
        public var schedule = NoiseSchedule.Kind.truncatedLinear
        public var firstBeta = 1e-4  // beta of step 1 (exponential, linear, logarithmic)
        public var lastBeta = 0.02  // beta of step T
        public var uncertainty = Uncertainty()
        public var paperCompatible = false  // items attend to padding, as published (reading R7)
        public var sampler = Sampler()  // of the reverse process; can be changed without retraining
        public init() {}

        public func validate() throws {
            guard width > 0, width % 2 == 0, heads > 0, width % heads == 0 else {
                throw ConfigurationError("model.width (\(width)) must be even and a multiple of model.heads (\(heads))")
            }
            guard steps > 0, firstBeta > 0, firstBeta <= lastBeta, lastBeta < 1 else {
                throw ConfigurationError(
                    "model: steps must be at least 1, and 0 < firstBeta (\(firstBeta)) <= lastBeta (\(lastBeta)) < 1"
                )
            }
            guard spread > 0 else {
                throw ConfigurationError("model.spread: found \(spread), expected a number above 0")
            }
            guard length > 0, blocks > 0, hidden > 0, uncertainty.deviation >= 0, sampler.steps >= 0,
                (0..<1).contains(dropout), (0..<1).contains(inputDropout)
            else {
                throw ConfigurationError(
                    "model: length, blocks and hidden must be at least 1, uncertainty.deviation and sampler.steps at "
                        + "least 0, dropouts in 0..<1"
                )
            }
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
        let spread = Initialization.normal(c.spread)
        items = try Embedding(data.items + 1, c.width, spread, isRowSparse: c.sparseGradients, using: generator)
        positions = c.positions ? try Embedding(c.length, c.width, spread, using: generator) : nil
        itemNorm = try LayerNorm(c.width, on: generator.device)
        step = try StepEmbedding(width: c.width, using: generator)
        blocks = try (0..<c.blocks).map { _ in
            try TransformerBlock(width: c.width, heads: c.heads, hidden: c.hidden, dropout: c.dropout, using: generator)
        }
        norm = try LayerNorm(c.width, on: generator.device)
        schedule = NoiseSchedule(c.schedule, steps: c.steps, first: c.firstBeta, last: c.lastBeta)
        (length, configuration) = (c.length, c)
    }

    public func itemVectors() throws -> Tensor { try items.weight.value.sliced(0, from: 1) }

    public func itemVectors(_ numbers: Tensor) throws -> Tensor { try items(numbers + 1) }

    public func userVectors(_ batch: Batch, observing: ((ReverseStep) throws -> Void)?) throws -> Tensor {
        let (rows, width) = (batch.rows, configuration.width)
        let history = try history(batch, .inference)
        let start = try batch.noise.normal(rows: rows, [width], stream: schedule.steps + 1)
        let clean = try configuration.sampler.sample(from: start, schedule) { step in
            try batch.noise.normal(rows: rows, [width], stream: step)
        } denoise: { state, step in
            let steps = try Tensor.full([1], Double(step), .int64, on: state.device)
            let clean = try rebuild(history, state, steps, batch, stream: schedule.steps + 2 + step, .inference)
            try observing?(ReverseStep(step: step, state: state, estimate: clean))
            return clean
        }
        return try clean.unsqueezed(1)
    }

    public func trainingOutput(_ batch: Batch) throws -> TrainingOutput {
        let rows = batch.rows
        let clean = try itemVectors(batch.targets)
        let steps = try batch.noise.integers(rows: rows, in: 1..<(schedule.steps + 1))
        let noise = try batch.noise.normal(rows: rows, [configuration.width], stream: 0)
        let noisy = try schedule.noised(clean, steps: steps, noise: noise)
        let history = try history(batch, .training)
        return TrainingOutput(
            vectors: try rebuild(history, noisy, steps, batch, stream: schedule.steps + 2, .training)
        )
    }

    /// What the steps of a diffusion share.
    struct History {
        /// Normalised items: `[B, L, D]`.
        let items: Tensor
        let scope: AttentionScope
    }

    func history(_ batch: Batch, _ mode: Mode) throws -> History {
        let c = configuration
        let ids = c.paperCompatible ? try batch.items.padded(before: 0, after: c.length - batch.length) : batch.items
        var x = try dropout(items(ids), c.inputDropout, mode)
        if let positions { x = try x + positions.weight.value.sliced(0, to: ids.size(1)) }
        return History(items: try itemNorm(x), scope: c.paperCompatible ? .all : .keys(try ids.notEqual(0)))
    }

    /// The clean item from a noised one, `[B, D]`, the step, `[B]` or `[1]`, and the history: `[B, D]`.
    func rebuild(
        _ history: History,
        _ state: Tensor,
        _ steps: Tensor,
        _ batch: Batch,
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
        guard lambda.deviation > 0 else { return try history.items + added * lambda.mean }
        let noise = try batch.noise.normal(rows: batch.rows, shape, stream: stream)
        return try history.items + (noise * lambda.deviation + lambda.mean) * added
    }
}
