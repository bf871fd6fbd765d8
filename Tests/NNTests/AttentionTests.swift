// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeNN
import CascadeTorch
import Foundation
import TensorTestSupport
import Testing

@Suite("Attention")
struct AttentionTests {
    let generator: Generator
    init() throws { generator = try Generator(seed: 4) }

    /// The definition, position by position and head by head, in double precision.
    private func naive(_ layer: SelfAttention, _ x: Tensor, heads: Int, visible: (Int, Int, Int) -> Bool) throws
        -> [Double]
    {
        let (rows, length, width) = (x.size(0), x.size(1), x.size(2))
        let size = width / heads
        let projected = try layer.projection(x).doubles()
        func part(_ which: Int, _ row: Int, _ position: Int, _ feature: Int) -> Double {
            projected[(row * length + position) * 3 * width + which * width + feature]
        }
        var mixed = [Double](repeating: 0, count: rows * length * width)
        for row in 0..<rows {
            for head in 0..<heads {
                for query in 0..<length {
                    let keys = (0..<length).filter { visible(row, query, $0) }
                    let weights = keys.map { key in
                        let product = (0..<size).map {
                            part(0, row, query, head * size + $0) * part(1, row, key, head * size + $0)
                        }
                        return exp(product.reduce(0, +) / Double(size).squareRoot())
                    }
                    for feature in 0..<size {
                        let sum = zip(weights, keys).map { $0 * part(2, row, $1, head * size + feature) }.reduce(0, +)
                        mixed[(row * length + query) * width + head * size + feature] = sum / weights.reduce(0, +)
                    }
                }
            }
        }
        let last = try layer.output(Tensor(mixed.map(Float.init), shape: [rows, length, width]))
        return try last.doubles()
    }

    @Test("agrees with the definition", arguments: [1, 2, 4])
    func definition(_ heads: Int) throws {
        let layer = try SelfAttention(width: 8, heads: heads, using: generator)
        try layer.projection.bias?.value.assign(.normal([24], using: generator))
        let x = try Tensor.normal([2, 5, 8], using: generator)
        try expect(layer(x, .all), naive(layer, x, heads: heads) { _, _, _ in true }, shape: [2, 5, 8])
        try expect(layer(x, .causal), naive(layer, x, heads: heads) { $2 <= $1 })
        let mask = [[true, true, false, true, false], [false, false, false, false, true]]
        try expect(
            layer(x, .keys(Tensor(mask.flatMap(\.self), shape: [2, 5]))),
            naive(layer, x, heads: heads) { mask[$0][$2] }
        )
    }

    @Test("the stacked map is drawn like three square ones")
    func initialization() throws {
        let layer = try SelfAttention(width: 32, heads: 4, using: generator)
        #expect(
            try layer.parameters().map(\.name) == [
                "projection.weight", "projection.bias", "output.weight", "output.bias",
            ]
        )
        #expect(layer.projection.weight.value.shape == [96, 32])
        // Xavier for [32, 32]: variance 2 / 64
        #expect(abs(try layer.projection.weight.value.variance().item() - 1.0 / 32) < 0.003)
    }

    private func block(dropout: Double = 0) throws -> TransformerBlock {
        let block = try TransformerBlock(width: 8, heads: 2, hidden: 16, dropout: dropout, using: generator)
        for parameter in try block.parameters() where parameter.part.value.rank == 1 {
            try parameter.part.value.add(.normal(parameter.part.value.shape, deviation: 0.1, using: generator))
        }
        return block
    }

    @Test("a block's parameters have the names of a checkpoint")
    func names() throws {
        #expect(
            try block().parameters().map(\.name) == [
                "attentionNorm.weight", "attentionNorm.bias", "attention.projection.weight",
                "attention.projection.bias",
                "attention.output.weight", "attention.output.bias", "feedForwardNorm.weight", "feedForwardNorm.bias",
                "feedForward.up.weight", "feedForward.up.bias", "feedForward.down.weight", "feedForward.down.bias",
            ]
        )
    }

    @Test("every parameter of a block gets a gradient")
    func gradients() throws {
        let block = try block()
        try block(.normal([2, 4, 8], using: generator), .causal, .training).square().sum().backward()
        for parameter in try block.parameters() {
            let norm = try parameter.part.value.requiredGradient().norm().item()
            #expect(norm.isFinite && norm > 0, "\(parameter.name)")
        }
    }

    @Test("under a key mask, padding changes nothing, wherever it is and whatever it holds")
    func padding() throws {
        let block = try block()
        let real = try Tensor.normal([2, 3, 8], using: generator)
        let alone = try block(real, .all, .inference)
        let junk = try Tensor.normal([2, 2, 8], deviation: 100, using: generator)
        let mask = try Tensor([false, false, true, true, true]).expanded([2, 5])
        let padded = try block(.concatenated([junk, real], 1), .keys(mask), .inference)
        try expect(padded.sliced(1, from: 2), equals: alone)
        let after = try block(.concatenated([real, junk], 1), .keys(mask.flipped(1)), .inference)
        try expect(after.sliced(1, to: 3), equals: alone)
    }

    @Test("causal: what comes later changes nothing, so padding at the right needs no mask")
    func causality() throws {
        let block = try block()
        let x = try Tensor.normal([2, 5, 8], using: generator)
        let long = try block(x, .causal, .inference)
        let short = try block(x.sliced(1, to: 3), .causal, .inference)
        try expect(long.sliced(1, to: 3), equals: short)
    }

    @Test("dropout changes a block while training only")
    func mode() throws {
        let block = try block(dropout: 0.5)
        let x = try Tensor.normal([1, 4, 8], using: generator)
        #expect(try block(x, .all, .inference).floats() == block(x, .all, .inference).floats())
        #expect(try block(x, .all, .training).floats() != block(x, .all, .inference).floats())
    }
}
