// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeNN
import CascadeTorch
import Foundation
import TensorTestSupport
import Testing

@testable import CascadeRecommenders

/// GRU4Rec beside the equations of gated recurrent units, one number at a time in double precision.
@Suite("GRU4Rec against plain loops", .rounding)
struct GRU4RecTests {
    let model: GRU4Rec
    /// The model's vectors after every item of each history, by plain loops.
    let expected: [[[Double]]]

    init() throws {
        var configuration = GRU4Rec.Configuration()
        (configuration.embeddingSize, configuration.hiddenSize, configuration.numLayers) = (5, 7, 2)
        configuration.dropout = 0
        model = try GRU4Rec(configuration, for: Subject.data, using: Generator(seed: 1))
        try Plain.draw(model, deviation: 0.5)
        let reference = try Reference(model)
        expected = History.rows.map { reference.vectors($0.items) }
        try Rounding.disturb(model)
    }

    @Test("the vectors that training compares with the targets are those of every real position")
    func training() throws {
        let host = HostBatch(History.rows, .right, .causal)
        let output = try model.trainingOutput(Batch(host, noise: .drawn(Generator(seed: 1))))
        #expect(output.predictions.count == 1 && output.terms.isEmpty)
        try expect(output.predictions[0].vectors, expected.flatMap { $0.flatMap { $0 } }, shape: [39, 5])
    }

    @Test("a user's vector is that of the last item")
    func inference() throws {
        let found = try model.userVectors(Batch(HostBatch(History.rows, .right, .causal), noiseSeed: 1))
        try expect(found, expected.flatMap { $0[$0.count - 1] }, shape: [6, 1, 5])
    }
}

/// Equations 2 to 5 of the paper, with the reset gate after the state's linear map.
private struct Reference {
    let items: [[Double]]
    let layers: [(input: [[Double]], recurrent: [[Double]])]
    let output: (weight: [[Double]], bias: [Double])

    init(_ model: GRU4Rec) throws {
        items = try rows(model.items.weight.value)
        layers = try model.layers.map { try (rows($0.input.weight.value), rows($0.recurrent.weight.value)) }
        output = try (rows(model.output.weight.value), #require(model.output.bias).value.doubles())
    }

    func vectors(_ history: [Int32]) -> [[Double]] {
        var sequence = history.map { items[Int($0)] }
        for layer in layers {
            var state = [Double](repeating: 0, count: layer.recurrent[0].count)
            sequence = sequence.map { x in
                state = next(x, state, layer.input, layer.recurrent)
                return state
            }
        }
        return sequence.map { state in zip(product(output.weight, state), output.bias).map { $0 + $1 } }
    }

    private func next(_ x: [Double], _ h: [Double], _ w: [[Double]], _ u: [[Double]]) -> [Double] {
        let (a, b, size) = (product(w, x), product(u, h), h.count)
        return (0..<size).map { i in
            let reset = 1 / (1 + exp(-a[i] - b[i]))
            let update = 1 / (1 + exp(-a[size + i] - b[size + i]))
            let candidate = tanh(a[2 * size + i] + reset * b[2 * size + i])
            return (1 - update) * h[i] + update * candidate
        }
    }
}

/// `[M, N]` as rows.
private func rows(_ x: Tensor) throws -> [[Double]] {
    let (flat, width) = (try x.doubles(), x.size(1))
    return (0..<x.size(0)).map { Array(flat[$0 * width..<($0 + 1) * width]) }
}

private func product(_ matrix: [[Double]], _ vector: [Double]) -> [Double] {
    matrix.map { zip($0, vector).reduce(0) { $0 + $1.0 * $1.1 } }
}
