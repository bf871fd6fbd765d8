// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeTorch
import Foundation
import Testing

@testable import CascadeNN

/// Layers as loops over single numbers, in double precision, which models are compared with.
enum Plain {
    /// `[M, N]` as rows.
    static func rows(_ x: Tensor) throws -> [[Double]] {
        let (flat, width) = (try x.doubles(), x.size(1))
        return (0..<x.size(0)).map { Array(flat[$0 * width..<($0 + 1) * width]) }
    }

    static func product(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
    static func sum(_ a: [Double], _ b: [Double]) -> [Double] { zip(a, b).map { $0 + $1 } }
    static func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }
    static func silu(_ x: Double) -> Double { x / (1 + exp(-x)) }
    static func gelu(_ x: Double) -> Double { x * 0.5 * erfc(-x / 2.0.squareRoot()) }

    struct Linear {
        let weight: [[Double]]
        let bias: [Double]

        init(_ layer: CascadeNN.Linear) throws {
            weight = try rows(layer.weight.value)
            bias = try layer.bias?.value.doubles() ?? weight.map { _ in 0 }
        }

        func callAsFunction(_ x: [Double]) -> [Double] { sum(weight.map { product($0, x) }, bias) }
    }

    struct LayerNorm {
        let (weight, bias): ([Double], [Double])

        init(_ layer: CascadeNN.LayerNorm) throws {
            (weight, bias) = (try layer.weight.value.doubles(), try layer.bias.value.doubles())
        }

        func callAsFunction(_ x: [Double]) -> [Double] {
            let mean = x.reduce(0, +) / Double(x.count)
            let variance = x.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(x.count)
            return x.indices.map { (x[$0] - mean) / (variance + 1e-5).squareRoot() * weight[$0] + bias[$0] }
        }
    }

    struct SelfAttention {
        let (projection, output): (Linear, Linear)
        let heads: Int

        init(_ layer: CascadeNN.SelfAttention) throws {
            (projection, output, heads) = (try Linear(layer.projection), try Linear(layer.output), layer.heads)
        }

        func callAsFunction(_ x: [[Double]], isCausal: Bool) -> [[Double]] {
            let (stacked, width) = (x.map { projection($0) }, x[0].count)
            let size = width / heads
            return x.indices.map { i in
                let mixed = (0..<heads).flatMap { head -> [Double] in
                    func part(_ position: Int, _ number: Int) -> [Double] {
                        let start = number * width + head * size
                        return Array(stacked[position][start..<start + size])
                    }
                    let seen = isCausal ? 0...i : 0...x.count - 1
                    let scores = seen.map { exp(product(part(i, 0), part($0, 1)) / Double(size).squareRoot()) }
                    let total = scores.reduce(0, +)
                    return (0..<size).map { d in zip(seen, scores).reduce(0) { $0 + $1.1 / total * part($1.0, 2)[d] } }
                }
                return output(mixed)
            }
        }
    }

    struct FeedForward {
        let (up, down): (Linear, Linear)

        init(_ layer: CascadeNN.FeedForward) throws { (up, down) = (try Linear(layer.up), try Linear(layer.down)) }

        func callAsFunction(_ x: [Double]) -> [Double] { down(up(x).map(gelu)) }
    }

    struct TransformerBlock {
        let (attentionNorm, feedForwardNorm): (LayerNorm, LayerNorm)
        let attention: SelfAttention
        let feedForward: FeedForward

        init(_ block: CascadeNN.TransformerBlock) throws {
            attentionNorm = try LayerNorm(block.attentionNorm)
            feedForwardNorm = try LayerNorm(block.feedForwardNorm)
            attention = try SelfAttention(block.attention)
            feedForward = try FeedForward(block.feedForward)
        }

        func callAsFunction(_ x: [[Double]], isCausal: Bool) -> [[Double]] {
            let y = zip(x, attention(x.map { attentionNorm($0) }, isCausal: isCausal)).map(sum)
            return y.map { sum($0, feedForward(feedForwardNorm($0))) }
        }
    }

    /// Draws every weight of a model anew, constants too, so that none is at a value that hides a mistake.
    static func draw(_ model: any Module, deviation: Double = 0.5) throws {
        let generator = try Generator(seed: 2)
        for weight in try model.parameters().map(\.part.value) {
            try withoutGradients { try weight.assign(.normal(weight.shape, deviation: deviation, using: generator)) }
        }
    }
}
