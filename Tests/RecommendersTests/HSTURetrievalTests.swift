// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeTorch
import Foundation
import TensorTestSupport
import Testing

@testable import CascadeNN
@testable import CascadeRecommenders

/// HSTU over histories beside its equations, one number at a time in double precision.
@Suite("HSTU for retrieval against plain loops", .rounding)
struct HSTURetrievalTests {
    let model: HSTURetrieval
    /// The model's vectors after every item of each history, by plain loops.
    let expected: [[[Double]]]

    init() throws {
        var configuration = HSTURetrieval.Configuration()
        (configuration.embeddingSize, configuration.dropout, configuration.temperature) = (6, 0, 0.5)
        model = try HSTURetrieval(configuration, for: Subject.data, using: Generator(seed: 1))
        try Plain.draw(model)
        let reference = try Reference(model)
        expected = History.rows.map { reference.vectors($0) }
        try Rounding.disturb(model)
    }

    @Test("the vectors that training compares with the targets are those of every real position")
    func training() throws {
        let host = HostBatch(History.rows, .right, .causal)
        let output = try model.trainingOutput(Batch(host, noise: .drawn(Generator(seed: 1))))
        #expect(output.predictions.count == 1 && output.terms.isEmpty)
        try expect(output.vectors, expected.flatMap { $0.flatMap { $0 } }, shape: [39, 6])
    }

    @Test("a user's vector is that of the last item, and the score a cosine over the temperature")
    func inference() throws {
        let batch = try Batch(HostBatch(History.rows, .right, .causal), noiseSeed: 1)
        try expect(model.userVectors(batch), expected.flatMap { $0[$0.count - 1] }, shape: [6, 1, 6])
        try expect(model.itemVectors().norm(1), [Double](repeating: 1, count: 20))
        try expect(model.itemVectors(Tensor([4, 7] as [Int64])).norm(1), [1, 1])
        #expect(try model.scores(batch).abs().max().item() <= 1 / 0.5 + 1e-5)
    }
}

/// Equations 1 to 3 of the paper, with the deviations that the model names.
private struct Reference {
    struct Layer {
        let (norm, mixedNorm): (Plain.LayerNorm, Plain.LayerNorm)
        let (projection, output): (Plain.Linear, Plain.Linear)
        let (places, gaps): ([[Double]], [[Double]])

        init(_ layer: PointwiseAttentionLayer) throws {
            guard case .same(let norm) = layer.norm, case .same(let mixedNorm) = layer.mixedNorm else {
                throw TorchError("Reference", "one norm for all tokens is expected")
            }
            (self.norm, self.mixedNorm) = (try Plain.LayerNorm(norm), try Plain.LayerNorm(mixedNorm))
            (projection, output) = (try Plain.Linear(layer.projection), try Plain.Linear(layer.output))
            (places, gaps) = (try Plain.rows(layer.places.weight.value), try Plain.rows(layer.gaps.weight.value))
        }

        func callAsFunction(_ x: [[Double]], _ times: [Int64]) -> [[Double]] {
            let (width, heads) = (x[0].count, places[0].count)
            let size = width / heads
            let parts = x.map { projection(norm($0)).map(Plain.silu) }  // U, V, Q, K
            return x.indices.map { i in
                let mixed = (0..<heads).flatMap { head -> [Double] in
                    func part(_ position: Int, _ number: Int) -> [Double] {
                        let start = number * width + head * size
                        return Array(parts[position][start..<start + size])
                    }
                    let weights = (0...i).map { j in
                        let bucket = Int(floor(log2(Double(times[i] - times[j]) + 1)))
                        return Plain.silu(
                            Plain.product(part(i, 2), part(j, 3)) + places[i - j][head] + gaps[bucket][head]
                        ) / Double(i + 1)
                    }
                    return (0..<size).map { d in (0...i).reduce(0) { $0 + weights[$1] * part($1, 1)[d] } }
                }
                return Plain.sum(x[i], output(zip(mixedNorm(mixed), parts[i]).map { $0 * $1 }))
            }
        }
    }

    let (items, positions): ([[Double]], [[Double]])
    let layers: [Layer]
    let temperature: Double

    init(_ model: HSTURetrieval) throws {
        (items, positions) = (try Plain.rows(model.items.weight.value), try Plain.rows(model.positions.weight.value))
        layers = try model.layers.map(Layer.init)
        temperature = model.configuration.temperature
    }

    func vectors(_ history: History) -> [[Double]] {
        let scale = Double(items[0].count).squareRoot()
        let x = history.items.enumerated().map { place, item in
            Plain.sum(items[Int(item)].map { $0 * scale }, positions[place])
        }
        return layers.reduce(x) { $1($0, history.times) }.map { y in
            let length = Plain.product(y, y).squareRoot()
            return y.map { $0 / length / temperature }
        }
    }
}
