// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
import CascadeNN
public import CascadeTorch

/// A variational autoencoder of a user's set of items, with a multinomial likelihood over the catalog.
///
/// Its likelihood is its whole loss, beside the divergence from the prior: `training.loss` has no effect. An item's score is
/// a product of the decoder's last hidden layer with the item's weights, so an index can serve the model.
///
/// - Source: Liang et al., WWW 2018, arXiv:1802.05814, sections 2.2 and 2.3; the defaults are those of section 4.4 and of the
///   authors' code.
/// - Deviation: C5, C6: see `Documentation/paper-readings.md`; biases begin at 0.
public struct MultVAE: VectorRetriever {
    public static let card = ModelCard(
        name: "mult-vae",
        summary: "variational autoencoder of the set of items, with a multinomial likelihood",
        paper: "Liang et al., WWW 2018, arXiv:1802.05814"
    )
    public static let padding = Padding.right
    public static let examples = ExampleKind.causal

    public struct Configuration: Settings {
        /// Features of the encoder's and the decoder's hidden layer.
        public var hiddenSize = 600
        /// Features of a user's latent state.
        public var latentSize = 200
        /// Latest events that are read.
        public var maxSequenceLength = 200
        /// Probability that an item of the set is hidden from the encoder while training.
        public var dropout = 0.5
        /// beta: the largest weight of the divergence from the prior.
        public var klLossWeight = 0.2
        /// Steps in which that weight would grow from 0 to 1; it stops growing at its largest.
        public var annealingSteps = 200_000
        public init() {}

        public static var bounds: [Bound<Self>] {
            [
                .atLeast(1, \.hiddenSize, \.latentSize, \.maxSequenceLength, \.annealingSteps), .unit(\.dropout),
                .atLeast(0, \.klLossWeight),
            ]
        }
    }

    public let length: Int
    let input: Embedding  // [N, H]
    let inputBias: Parameter  // [H]
    let encoder: Linear  // to the means, then the logs of the variances
    let decoder: Linear
    let output: Embedding  // [N, H]
    let outputBias: Embedding  // [N, 1]
    let steps: Buffer  // [1] float32: the training steps so far
    let configuration: Configuration

    public init(_ c: Configuration, for data: DatasetShape, using generator: Generator) throws {
        // Maps of the network, not vectors of their own: they decay as its other maps do.
        input = try Embedding(data.items, c.hiddenSize, .xavierUniform, isDecayed: true, using: generator)
        inputBias = try Parameter(.zeros([c.hiddenSize], on: generator.device))
        encoder = try Linear(c.hiddenSize, 2 * c.latentSize, using: generator)
        decoder = try Linear(c.latentSize, c.hiddenSize, using: generator)
        output = try Embedding(data.items, c.hiddenSize, .xavierUniform, isDecayed: true, using: generator)
        outputBias = try Embedding(data.items, 1, .zeros, using: generator)
        steps = try Buffer(.zeros([1], on: generator.device))
        (length, configuration) = (c.maxSequenceLength, c)
    }

    public func itemVectors() throws -> Tensor {
        try .concatenated([output.weight.value, outputBias.weight.value], 1)
    }

    public func itemVectors(_ numbers: Tensor) throws -> Tensor {
        try .concatenated([output(numbers), outputBias(numbers)], -1)
    }

    public func userVectors(_ batch: Batch) throws -> Tensor {
        let (mean, _) = try encode(set(batch.items.to(.int64)), .inference)
        let state = try decoder(mean).tanh()
        return try .concatenated([state, .ones([batch.rows, 1], on: state.device)], 1).unsqueezed(1)
    }

    public func trainingOutput(_ batch: Batch) throws -> TrainingOutput {
        let c = configuration
        // Inputs and targets together are the whole stretch of the user's events.
        let targets = try Tensor.zeros([batch.rows * batch.length], .int64, on: batch.items.device)
            .putting(batch.targets + 1, at: [batch.positions])
            .reshaped(batch.rows, batch.length)
        let items = try set(.concatenated([batch.items.to(.int64), targets], 1))
        let (mean, logVariance) = try encode(items, .training)
        let noise = try batch.noise.normal(rows: batch.rows, [c.latentSize], stream: 0)
        let state = try decoder(mean + noise * (logVariance * 0.5).exp()).tanh()
        let logits = try state.linear(output.weight.value, outputBias.weight.value.squeezed(1))
        let surprise = try -(logits.logSoftmax() * items).sum(1).mean()
        let divergence = try (mean.square() + logVariance.exp() - logVariance - 1).sum(1).mean() * 0.5
        let weight = try (steps.value / Double(c.annealingSteps)).clamped(to: c.klLossWeight).squeezed(0)
        try steps.value.add(.ones([1], on: steps.value.device))
        return TrainingOutput(predictions: [], terms: [("reconstruction", surprise), ("kl", try divergence * weight)])
    }

    /// Sets of items as rows of zeros and ones: int64 `[B, K]` item numbers, 0 for none, to `[B, N]`.
    private func set(_ numbers: Tensor) throws -> Tensor {
        let count = input.weight.value.size(0)
        return try Tensor.zeros([numbers.size(0), count + 1], on: numbers.device)
            .scattered(1, numbers, .ones(numbers.shape, on: numbers.device))
            .sliced(1, from: 1)
    }

    /// Means and logs of the variances of the latent states: `[B, N]` to `[B, Z]` each.
    private func encode(_ items: Tensor, _ mode: Mode) throws -> (mean: Tensor, logVariance: Tensor) {
        let x = try dropout(items / items.norm(1, keep: true).clamped(from: 1), configuration.dropout, mode)
        let both = try encoder((x.matmul(input.weight.value) + inputBias.value).tanh())
        return (
            try both.sliced(1, to: configuration.latentSize), try both.sliced(1, from: configuration.latentSize)
        )
    }
}
