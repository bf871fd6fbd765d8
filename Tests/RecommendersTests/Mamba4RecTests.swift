// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeTorch
import TensorTestSupport
import Testing

@testable import CascadeNN
@testable import CascadeRecommenders

/// Mamba4Rec beside plain loops around its state space, which `SequenceDenoiserTests` compares with loops of its own.
@Suite("Mamba4Rec against plain loops", .rounding, .serialized)
struct Mamba4RecTests {
    private func model(layers: Int) throws -> Mamba4Rec {
        var configuration = Mamba4Rec.Configuration()
        (configuration.embeddingSize, configuration.stateSize, configuration.ffnSize) = (6, 3, 9)
        (configuration.numLayers, configuration.dropout) = (layers, 0)
        let model = try Mamba4Rec(configuration, for: Subject.data, using: Generator(seed: 1))
        try Plain.draw(model, deviation: 0.4)
        return model
    }

    @Test("vectors of every real position; one layer does not add its input, several do", arguments: [1, 2])
    func vectors(_ layers: Int) throws {
        let model = try model(layers: layers)
        let reference = try Reference(model)
        let expected = try History.rows.map { try reference.vectors($0.items) }
        try Rounding.disturb(model)
        let host = HostBatch(History.rows, .right, .causal)
        let output = try model.trainingOutput(Batch(host, noise: .drawn(Generator(seed: 1))))
        #expect(output.predictions.count == 1 && output.terms.isEmpty)
        try expect(output.vectors, expected.flatMap { $0.flatMap { $0 } }, shape: [39, 6])
        let users = try model.userVectors(Batch(host, noiseSeed: 1))
        try expect(users, expected.flatMap { $0[$0.count - 1] }, shape: [6, 1, 6])
    }
}

/// Sections 3.2 to 3.4 of the paper, but for the state space itself.
private struct Reference {
    let items: [[Double]]
    let norm: Plain.LayerNorm
    let layers: [Layer]

    struct Layer {
        let mixer: SelectiveStateSpace
        let (mixerNorm, feedForwardNorm): (Plain.LayerNorm, Plain.LayerNorm)
        let feedForward: Plain.FeedForward

        init(_ layer: MambaLayer) throws {
            mixer = layer.mixer
            mixerNorm = try Plain.LayerNorm(layer.mixerNorm)
            feedForwardNorm = try Plain.LayerNorm(layer.feedForwardNorm)
            feedForward = try Plain.FeedForward(layer.feedForward)
        }
    }

    init(_ model: Mamba4Rec) throws {
        items = try Plain.rows(model.items.weight.value)
        norm = try Plain.LayerNorm(model.norm)
        layers = try model.layers.map(Layer.init)
    }

    func vectors(_ history: [Int32]) throws -> [[Double]] {
        var x = history.map { norm(items[Int($0)]) }
        for layer in layers {
            let input = try Tensor(x.flatMap { $0.map { Float($0) } }, shape: [x.count, 1, items[0].count])
            let mixed = try Plain.rows(layer.mixer(input).squeezed(1))
            x = zip(x, mixed).map { x, mixed in
                let y = layer.mixerNorm(layers.count > 1 ? Plain.sum(x, mixed) : mixed)
                return layer.feedForwardNorm(Plain.sum(y, layer.feedForward(y)))
            }
        }
        return x
    }
}
