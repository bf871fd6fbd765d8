// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeTorch
import TensorTestSupport
import Testing

@testable import CascadeNN
@testable import CascadeRecommenders

/// eSASRec beside its equations, one number at a time in double precision.
@Suite("eSASRec against plain loops", .rounding)
struct ESASRecTests {
    let model: ESASRec
    /// The model's vectors after every item of each history, by plain loops.
    let expected: [[[Double]]]

    init() throws {
        var configuration = ESASRec.Configuration()
        (configuration.embeddingSize, configuration.ffnSize, configuration.dropout) = (6, 9, 0)
        model = try ESASRec(configuration, for: Subject.data, using: Generator(seed: 1))
        try Plain.draw(model, deviation: 0.4)
        let reference = try Reference(model)
        expected = History.rows.map { reference.vectors($0.items) }
        try Rounding.disturb(model)
    }

    @Test("the vectors that training compares with the targets are those of every real position")
    func training() throws {
        let host = HostBatch(History.rows, .right, .causal)
        let output = try model.trainingOutput(Batch(host, noise: .drawn(Generator(seed: 1))))
        #expect(output.predictions.count == 1 && output.terms.isEmpty)
        try expect(output.vectors, expected.flatMap { $0.flatMap { $0 } }, shape: [39, 6])
    }

    @Test("a user's vector is that of the last item")
    func inference() throws {
        let found = try model.userVectors(Batch(HostBatch(History.rows, .right, .causal), noiseSeed: 1))
        try expect(found, expected.flatMap { $0[$0.count - 1] }, shape: [6, 1, 6])
    }
}

/// Gated residuals of LiGR around causal attention and a SwiGLU network.
private struct Reference {
    struct Layer {
        let (attentionNorm, feedForwardNorm): (Plain.LayerNorm, Plain.LayerNorm)
        let attention: Plain.SelfAttention
        let (attentionGate, feedForwardGate): (Plain.Linear, Plain.Linear)
        let (gate, up, down): (Plain.Linear, Plain.Linear, Plain.Linear)

        init(_ layer: LiGRLayer) throws {
            attentionNorm = try Plain.LayerNorm(layer.attentionNorm)
            feedForwardNorm = try Plain.LayerNorm(layer.feedForwardNorm)
            attention = try Plain.SelfAttention(layer.attention)
            attentionGate = try Plain.Linear(layer.attentionGate)
            feedForwardGate = try Plain.Linear(layer.feedForwardGate)
            gate = try Plain.Linear(layer.feedForward.gate)
            up = try Plain.Linear(layer.feedForward.up)
            down = try Plain.Linear(layer.feedForward.down)
        }

        func callAsFunction(_ x: [[Double]]) -> [[Double]] {
            let attended = attention(x.map { attentionNorm($0) }, isCausal: true)
            return zip(x, attended).map { x, attended in
                let y = added(x, attended, attentionGate)
                let normed = feedForwardNorm(y)
                let hidden = zip(gate(normed), up(normed)).map { Plain.silu($0) * $1 }
                return added(y, down(hidden), feedForwardGate)
            }
        }

        private func added(_ x: [Double], _ change: [Double], _ gate: Plain.Linear) -> [Double] {
            Plain.sum(x, zip(gate(x), change).map { Plain.sigmoid($0) * $1 })
        }
    }

    let (items, positions): ([[Double]], [[Double]])
    let layers: [Layer]

    init(_ model: ESASRec) throws {
        (items, positions) = (try Plain.rows(model.items.weight.value), try Plain.rows(model.positions.weight.value))
        layers = try model.layers.map(Layer.init)
    }

    func vectors(_ history: [Int32]) -> [[Double]] {
        let scale = Double(items[0].count).squareRoot()
        let x = history.enumerated().map { place, item in
            Plain.sum(items[Int(item)].map { $0 * scale }, positions[place])
        }
        return layers.reduce(x) { $1($0) }
    }
}
