// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeNN
import CascadeTorch
import Foundation
import TensorTestSupport
import Testing

@testable import CascadeRecommenders

/// STOSA beside distances and attention that are written out one number at a time, in double precision.
@Suite("STOSA against plain loops", .rounding)
struct STOSATests {
    let model: STOSA
    private let reference: Reference
    /// What follows every item of each history, by plain loops.
    private let expected: [[Distribution]]

    init() throws {
        var configuration = STOSA.Configuration()
        (configuration.embeddingSize, configuration.maxSequenceLength, configuration.ffnSize) = (6, 12, 5)
        (configuration.numLayers, configuration.numHeads, configuration.dropout) = (2, 2, 0)
        configuration.pvnLossWeight = 0.25
        model = try STOSA(configuration, for: Subject.data, using: Generator(seed: 1))
        let generator = try Generator(seed: 2)
        for parameter in try model.parameters().map(\.part.value) {
            try withoutGradients { try parameter.assign(.normal(parameter.shape, deviation: 0.5, using: generator)) }
        }
        let reference = try Reference(model)
        self.reference = reference
        expected = History.rows.map { reference.states($0.items) }
        try Rounding.disturb(model)
    }

    @Test("a score is minus the squared distance of the user and the item")
    func scores() throws {
        let batch = try Batch(HostBatch(History.rows, .right, .causal), noiseSeed: 1)
        let last = expected.map { $0[$0.count - 1] }
        let distances = last.flatMap { user in (1...20).map { -user.distance(to: reference.item($0)) } }
        try expect(model.scores(batch), distances, shape: [6, 20])
    }

    @Test("training compares the targets with the distribution after every item")
    func training() throws {
        let host = HostBatch(History.rows, .right, .causal)
        let output = try model.trainingOutput(Batch(host, noise: .drawn(Generator(seed: 1))))
        #expect(output.predictions.count == 1)
        let scores = try dotProductScores(output.vectors.unsqueezed(1), model.itemVectors())
        let distances = expected.joined().flatMap { user in (1...20).map { -user.distance(to: reference.item($0)) } }
        try expect(scores, distances, shape: [39, 20])
    }

    @Test("the regularizer is how much nearer a negative is to the target than the user is; the target is no negative")
    func regularizer() throws {
        let host = HostBatch(History.rows, .right, .causal)
        let targets = host.targets.filter { $0 != 0 }.map(Int.init)
        let negatives = targets.indices.map { $0 % 5 == 0 ? targets[$0] : 1 + 7 * $0 % 20 }
        let drawn = try Tensor(negatives.map { Int64($0) - 1 })
        let output = try model.trainingOutput(Batch(host, noise: .fixed(integers: drawn, normals: [:])))
        let excess = zip(expected.joined(), zip(targets, negatives)).map { user, pair in
            let (target, negative) = (reference.item(pair.0), reference.item(pair.1))
            return pair.0 == pair.1 ? 0 : max(0, user.distance(to: target) - target.distance(to: negative))
        }
        #expect(excess.contains { $0 > 0 })
        #expect(output.terms.map(\.name) == ["pvn"])
        try expect(output.terms[0].loss.item(), equals: 0.25 * excess.reduce(0, +) / 39)
    }

    @Test("without its weight there is no regularizer")
    func unregularized() throws {
        var configuration = STOSA.Configuration()
        configuration.pvnLossWeight = 0
        let model = try STOSA(configuration, for: Subject.data, using: Generator(seed: 1))
        let batch = try Batch(HostBatch(History.rows, .right, .causal), noise: .drawn(Generator(seed: 1)))
        #expect(try model.trainingOutput(batch).terms.isEmpty)
    }
}

/// A normal distribution of independent features.
private struct Distribution {
    var mean: [Double]
    var variance: [Double]

    /// The squared 2-Wasserstein distance.
    func distance(to other: Distribution) -> Double {
        let means = zip(mean, other.mean).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
        return zip(variance, other.variance)
            .reduce(means) { $0 + $1.0 + $1.1 - 2 * ($1.0 * $1.1).squareRoot() }
    }
}

/// The model's equations with loops over positions, heads and features.
private struct Reference {
    private struct Block {
        let projections: (mean: Affine, variance: Affine)
        let outputs: (mean: Affine, variance: Affine)
        let norm: Norm
        let networks: (mean: Network, variance: Network)
    }

    private struct Affine {
        let weight: [[Double]]
        let bias: [Double]

        init(_ layer: Linear) throws {
            weight = try rows(layer.weight.value)
            bias = try #require(layer.bias).value.doubles()
        }

        func callAsFunction(_ x: [Double]) -> [Double] {
            zip(weight, bias).map { row, constant in zip(row, x).reduce(constant) { $0 + $1.0 * $1.1 } }
        }
    }

    private struct Norm {
        let weight: [Double]
        let bias: [Double]

        init(_ norm: LayerNorm) throws {
            (weight, bias) = (try norm.weight.value.doubles(), try norm.bias.value.doubles())
        }

        func callAsFunction(_ x: [Double]) -> [Double] {
            let mean = x.reduce(0, +) / Double(x.count)
            let variance = x.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(x.count)
            return x.indices.map { (x[$0] - mean) / (variance + 1e-5).squareRoot() * weight[$0] + bias[$0] }
        }
    }

    private struct Network {
        let up: Affine
        let down: Affine
        let norm: Norm

        init(_ network: ExponentialLinearNetwork) throws {
            (up, down, norm) = (try Affine(network.up), try Affine(network.down), try Norm(network.norm))
        }

        func callAsFunction(_ x: [Double]) -> [Double] { norm(sum(x, down(up(x).map { elu($0) }))) }
    }

    private let items: (mean: [[Double]], variance: [[Double]])
    private let positions: (mean: [[Double]], variance: [[Double]])
    private let norm: Norm
    private let blocks: [Block]
    private let heads = 2

    init(_ model: STOSA) throws {
        items = (try rows(model.items.weight.value), try rows(model.itemCovariances.weight.value))
        positions = (try rows(model.positionMeans.weight.value), try rows(model.positionCovariances.weight.value))
        norm = try Norm(model.inputNorm)
        blocks = try model.blocks.map { block in
            Block(
                projections: (try Affine(block.meanProjection), try Affine(block.covarianceProjection)),
                outputs: (try Affine(block.meanOutput), try Affine(block.covarianceOutput)),
                norm: try Norm(block.attentionNorm),
                networks: (try Network(block.mean), try Network(block.covariance))
            )
        }
    }

    /// The distribution that an item is ranked by; items count from 1.
    func item(_ number: Int) -> Distribution {
        Distribution(mean: items.mean[number], variance: items.variance[number].map { elu($0) + 1 })
    }

    func states(_ history: [Int32]) -> [Distribution] {
        let start = history.enumerated().map { place, item in
            let mean = norm(sum(items.mean[Int(item)], positions.mean[place]))
            let variance = norm(sum(items.variance[Int(item)], positions.variance[place]))
            return Distribution(mean: mean.map(elu), variance: variance.map { elu($0) + 1 })
        }
        return blocks.reduce(start) { x, block in
            let projected = x.map { state in
                Distribution(
                    mean: block.projections.mean(state.mean),
                    variance: block.projections.variance(state.variance).map { elu($0) + 1 }
                )
            }
            return x.indices.map { place in
                let mixed = attention(projected, at: place, width: x[place].mean.count)
                let mean = block.norm(sum(x[place].mean, block.outputs.mean(mixed.mean)))
                let variance = block.norm(sum(x[place].variance, block.outputs.variance(mixed.variance)))
                return Distribution(
                    mean: block.networks.mean(mean),
                    variance: block.networks.variance(variance).map { elu($0) + 1 }
                )
            }
        }
    }

    /// Queries, keys and values of all heads lie side by side in each projected state.
    private func attention(_ projected: [Distribution], at place: Int, width: Int) -> Distribution {
        let size = width / heads
        var mixed = Distribution(mean: [], variance: [])
        for head in 0..<heads {
            func part(_ kind: Int, _ place: Int) -> Distribution {
                let range = kind * width + head * size..<kind * width + (head + 1) * size
                return Distribution(
                    mean: Array(projected[place].mean[range]),
                    variance: Array(projected[place].variance[range])
                )
            }
            let scores = (0...place).map { -part(0, place).distance(to: part(1, $0)) / Double(size).squareRoot() }
            let total = scores.reduce(0) { $0 + exp($1) }
            let weights = scores.map { exp($0) / total }
            for feature in 0..<size {
                mixed.mean.append(weights.enumerated().reduce(0) { $0 + $1.element * part(2, $1.offset).mean[feature] })
                mixed.variance.append(
                    weights.enumerated().reduce(0) {
                        $0 + $1.element * $1.element * part(2, $1.offset).variance[feature]
                    }
                )
            }
        }
        return mixed
    }
}

private func elu(_ x: Double) -> Double { x > 0 ? x : exp(x) - 1 }

private func sum(_ a: [Double], _ b: [Double]) -> [Double] { zip(a, b).map(+) }

/// `[M, N]` as rows.
private func rows(_ x: Tensor) throws -> [[Double]] {
    let (flat, width) = (try x.doubles(), x.size(1))
    return (0..<x.size(0)).map { Array(flat[$0 * width..<($0 + 1) * width]) }
}
