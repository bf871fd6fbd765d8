// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
import CascadeNN
public import CascadeTorch

/// A recurrent network over the history, whose state at every position predicts the next item.
///
/// - Source: Hidasi et al. 2016, arXiv:1511.06939, section 3, equations 2 to 5.
/// - Deviation: items enter as embeddings, which also score the catalog, instead of 1-of-N codes and weights of their
///   own; a linear map leads from the state back to them. The default objective is the full softmax over whole
///   histories, instead of a ranking loss over session-parallel batches (section 3.1).
public struct GRU4Rec: VectorRetriever {
    public static let card = ModelCard(
        name: "gru4rec",
        summary: "gated recurrent units over the history, next item at every position",
        paper: "Hidasi et al., ICLR 2016, arXiv:1511.06939"
    )
    // The state of a real position never sees padding on the right.
    public static let padding = Padding.right
    public static let examples = ExampleKind.causal

    public struct Configuration: Settings {
        /// Features of each item.
        public var embeddingSize = 64
        /// Latest events that are read.
        public var maxSequenceLength = 50
        /// Features of the recurrent state.
        public var hiddenSize = 128
        /// Recurrent layers.
        public var numLayers = 1
        /// Probability that a feature of an item is zeroed while training.
        public var dropout = 0.3
        /// Whether the item table's gradients name rows, for sampled losses on large catalogs.
        public var sparseGradients = false
        public init() {}

        public static var bounds: [Bound<Self>] {
            [.atLeast(1, \.embeddingSize, \.maxSequenceLength, \.hiddenSize, \.numLayers), .unit(\.dropout)]
        }
    }

    public let length: Int
    let items: Embedding
    let layers: [GatedRecurrentLayer]
    let output: Linear
    let rate: Double

    public init(_ c: Configuration, for data: DatasetShape, using generator: Generator) throws {
        // Row 0 is padding.
        items = try Embedding(
            data.items + 1,
            c.embeddingSize,
            .normal(0.02),
            isRowSparse: c.sparseGradients,
            using: generator
        )
        layers = try (0..<c.numLayers).map { layer in
            try GatedRecurrentLayer(layer == 0 ? c.embeddingSize : c.hiddenSize, c.hiddenSize, using: generator)
        }
        output = try Linear(c.hiddenSize, c.embeddingSize, using: generator)
        (length, rate) = (c.maxSequenceLength, c.dropout)
    }

    public func itemVectors() throws -> Tensor { try items.weight.value.sliced(0, from: 1) }

    public func itemVectors(_ numbers: Tensor) throws -> Tensor { try items(numbers + 1) }

    public func userVectors(_ batch: Batch) throws -> Tensor {
        try output(batch.last(of: encode(batch.items, .inference))).unsqueezed(1)
    }

    public func trainingOutput(_ batch: Batch) throws -> TrainingOutput {
        let states = try encode(batch.items, .training)
        return TrainingOutput(vectors: try output(states.reshaped(-1, states.size(2)).rows(batch.positions)))
    }

    /// int32 `[B, L]` to states `[B, L, H]`, where `H` is the hidden size.
    func encode(_ history: Tensor, _ mode: Mode) throws -> Tensor {
        try layers.reduce(dropout(items(history), rate, mode)) { try $1($0) }
    }
}

/// Gated recurrent units, without constants, from a state of zeros.
///
/// - Source: Hidasi et al. 2016, arXiv:1511.06939, equations 2 to 5.
/// - Deviation: the reset gate acts after the state's linear map, not before (equation 4), so that one product serves the
///   gates and the candidate.
struct GatedRecurrentLayer: Module {
    /// `[3 H, D]`: reset gate, update gate and candidate.
    let input: Linear
    /// `[3 H, H]`: the same.
    let recurrent: Linear

    init(_ inputSize: Int, _ hiddenSize: Int, using generator: Generator) throws(TorchError) {
        input = try Linear(inputSize, 3 * hiddenSize, bias: false, using: generator)
        recurrent = try Linear(hiddenSize, 3 * hiddenSize, bias: false, using: generator)
    }

    /// `[B, L, D]` to the state after every step, `[B, L, H]`.
    func callAsFunction(_ x: Tensor) throws(TorchError) -> Tensor {
        let size = recurrent.weight.value.size(1)
        let projected = try input(x)
        // Unbound, not sliced step by step: the gradient of a slice is as large as the whole.
        let gateInputs = try projected.sliced(2, to: 2 * size).unbound(1)
        let candidateInputs = try projected.sliced(2, from: 2 * size).unbound(1)
        var state = try Tensor.zeros([x.size(0), size], x.dtype, on: x.device)
        var states: [Tensor] = []
        for (gateInput, candidateInput) in zip(gateInputs, candidateInputs) {
            let mapped = try recurrent(state)
            let gates = try (gateInput + mapped.sliced(1, to: 2 * size)).sigmoid()
            let (reset, update) = try (gates.sliced(1, to: size), gates.sliced(1, from: size))
            let candidate = try (candidateInput + reset * mapped.sliced(1, from: 2 * size)).tanh()
            state = try state + update * (candidate - state)
            states.append(state)
        }
        return try .stacked(states, 1)
    }
}
