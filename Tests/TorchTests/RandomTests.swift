// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeTorch
import Foundation
import Testing

@Suite("Random numbers")
struct RandomTests {
    let generator: Generator
    init() throws { generator = try Generator(seed: 11) }

    private func correlation(_ a: [Double], _ b: [Double]) -> Double {
        zip(a, b).map { $0 * $1 }.reduce(0, +) / Double(a.count)
    }

    @Test("the same seed gives the same numbers, another seed others")
    func seeds() throws {
        let first = try Tensor.normal([16], using: Generator(seed: 5)).floats()
        #expect(try Tensor.normal([16], using: Generator(seed: 5)).floats() == first)
        #expect(try Tensor.normal([16], using: Generator(seed: 6)).floats() != first)
        try generator.seed(5)
        #expect(try Tensor.normal([16], using: generator).floats() == first)
        #expect(generator.device == .cpu)
    }

    @Test("a saved state brings the same numbers back, in another generator too")
    func state() throws {
        _ = try Tensor.normal([7], using: generator)
        let state = try generator.state()
        let next = try Tensor.uniform([9], using: generator).floats()
        #expect(try Tensor.uniform([9], using: generator).floats() != next)
        try generator.restore(state)
        #expect(try Tensor.uniform([9], using: generator).floats() == next)
        let other = try Generator(seed: 0)
        try other.restore(Tensor(state.array(UInt8.self)))
        #expect(try Tensor.uniform([9], using: other).floats() == next)
    }

    @Test("a state of the wrong size is refused")
    func wrongState() throws {
        let error = try #require(throws: TorchError.self) { try generator.restore(.zeros([3], .uint8)) }
        #expect(error.operation == "restore generator [3]")
    }

    @Test("distributions have their moments and their range")
    func moments() throws {
        let normal = try Tensor.normal([20_000], mean: 2, deviation: 3, using: generator)
        #expect(abs(try normal.mean().item() - 2) < 0.1)
        #expect(abs(try normal.deviation().item() - 3) < 0.1)
        let uniform = try Tensor.uniform([20_000], from: -1, to: 3, using: generator)
        #expect(try uniform.min().item() >= -1 && uniform.max().item() < 3)
        #expect(abs(try uniform.mean().item() - 1) < 0.05)
        let whole = try Tensor.integers([1000], in: -2..<3, using: generator).integers()
        #expect(Set(whole) == [-2, -1, 0, 1, 2])
    }

    @Test("a permutation has every number once")
    func permutation() throws {
        let numbers = try Tensor.permutation(50, using: generator).integers()
        #expect(numbers.sorted() == Array(0..<50))
        #expect(numbers != Array(0..<50))
    }

    @Test("draws follow the weights, without replacement each at most once")
    func multinomial() throws {
        let weights = try Tensor([1, 0, 3, 0, 0, 4] as [Float], shape: [2, 3])
        let drawn = try weights.multinomial(4000, using: generator)
        #expect(drawn.shape == [2, 4000])
        let first = try drawn.selected(0, 0).integers()
        #expect(!first.contains(1))
        #expect(abs(Double(first.count { $0 == 2 }) / 4000 - 0.75) < 0.05)
        #expect(Set(try drawn.selected(0, 1).integers()) == [2])
        #expect(
            try weights.selected(0, 0).multinomial(2, replacement: false, using: generator).integers().sorted() == [
                0, 2,
            ]
        )
        #expect(throws: TorchError.self) { try weights.multinomial(4, replacement: false, using: generator) }
    }

    @Test("the noise of a key does not depend on the batch around it")
    func keyed() throws {
        let together = try Tensor.normal([3, 5], keys: Tensor([7, -1, 7, 1 << 40] as [Int64]), stream: 2)
        #expect(together.shape == [4, 3, 5])
        #expect(together.dtype == .float32)
        let alone = try Tensor.normal([3, 5], keys: Tensor([7] as [Int64]), stream: 2).floats()
        #expect(try together.selected(0, 0).floats() == alone)
        #expect(try together.selected(0, 2).floats() == alone)
        let far = try Tensor.normal([3, 5], keys: Tensor([1 << 40, 3] as [Int64]), stream: 2)
        #expect(try far.selected(0, 0).floats() == together.selected(0, 3).floats())
        #expect(try together.selected(0, 1).floats() != alone)
        #expect(try Tensor.normal([3, 5], keys: Tensor([7] as [Int64]), stream: 3).floats() != alone)
    }

    @Test("a wider row begins with the narrower one, and no keys give no rows")
    func keyedShapes() throws {
        let key = try Tensor([4] as [Int64])
        let wide = try Tensor.normal([9], keys: key, stream: 0).floats()
        #expect(try Tensor.normal([5], keys: key, stream: 0).floats() == Array(wide[0..<5]))
        #expect(try Tensor.normal([], keys: key, stream: 0).floats() == [wide[0]])
        #expect(try Tensor.normal([9], keys: .zeros([0], .int64), stream: 0).shape == [0, 9])
        let error = try #require(throws: TorchError.self) { try Tensor.normal([1], keys: .zeros([2]), stream: 0) }
        #expect(error.operation == "normal([1], keys [2])")
        #expect(error.message.contains("int64"))
    }

    @Test("keyed noise is standard normal, and independent between keys, streams and places")
    func keyedDistribution() throws {
        let keys = try Tensor.range(0..<2000)
        let first = try Tensor.normal([10], keys: keys, stream: 0).doubles()
        let second = try Tensor.normal([10], keys: keys, stream: 1).doubles()
        // Standard errors for 20,000 draws: mean 0.007, variance 0.01, correlation 0.007, kurtosis 0.035.
        for sample in [first, second] {
            #expect(abs(sample.reduce(0, +) / 20_000) < 0.03)
            #expect(abs(correlation(sample, sample) - 1) < 0.05)
            #expect(abs(sample.map { $0 * $0 * $0 * $0 }.reduce(0, +) / 20_000 - 3) < 0.2)
            #expect(sample.allSatisfy { $0.isFinite })
        }
        #expect(abs(correlation(first, second)) < 0.03)
        #expect(abs(correlation(Array(first.dropFirst()), Array(first.dropLast()))) < 0.03)
        #expect(abs(correlation(Array(first.dropFirst(10)), Array(first.dropLast(10)))) < 0.03)
        let within = first.count { abs($0) < 1 }
        #expect(abs(Double(within) / 20_000 - 0.6827) < 0.015)
    }
}
