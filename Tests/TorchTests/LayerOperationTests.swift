// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeTorch
import Foundation
import TensorTestSupport
import Testing

@Suite("The functions that layers are made of")
struct LayerOperationTests {
    let x: Tensor  // [[1, 2, 4], [3, 0, -1]]
    init() throws { x = try Tensor([1, 2, 4, 3, 0, -1] as [Float], shape: [2, 3]) }

    @Test("matrix products, plain and batched")
    func matmul() throws {
        try expect(x.matmul(x.transposed()), [21, -1, -1, 10], shape: [2, 2])
        let batch = try Tensor.stacked([x, x * 2])
        try expect(batch.matmul(x.transposed()), [21, -1, -1, 10, 42, -2, -2, 20], shape: [2, 2, 2])
        try expect(x.matmul(Tensor([1, 1, 1] as [Float])), [7, 2], shape: [2])
    }

    @Test("a linear map is x W^T + b")
    func linear() throws {
        let weight = try Tensor([1, 0, 1, 0, -1, 0] as [Float], shape: [2, 3])
        try expect(x.linear(weight), [5, -2, 2, 0], shape: [2, 2])
        try expect(x.linear(weight, Tensor([10, 20] as [Float])), [15, 18, 12, 20])
    }

    @Test("solves systems with positive definite matrices, many at once, and refuses others")
    func positiveDefiniteSolution() throws {
        // [[2, 1], [1, 1]] (1, 2) = (4, 3); [[4, 0], [0, 9]] (1/2, 1/3) = (2, 3).
        let matrices = try Tensor([2, 1, 1, 1, 4, 0, 0, 9] as [Float], shape: [2, 2, 2])
        let sides = try Tensor([4, 3, 2, 3] as [Float], shape: [2, 2, 1])
        try expect(matrices.positiveDefiniteSolution(of: sides), [1, 2, 0.5, 1.0 / 3], shape: [2, 2, 1])
        let factors = try Tensor.normal([3, 20, 20], using: Generator(seed: 3)).to(.float64)
        let many = try factors.matmul(factors.transposed()) + Tensor.range(0..<20).oneHot(20)
        let right = try Tensor.normal([3, 20, 2], using: Generator(seed: 4)).to(.float64)
        try expect(many.matmul(many.positiveDefiniteSolution(of: right)), equals: right, within: 1e-9)
        let indefinite = try Tensor([1, 2, 2, 1] as [Float], shape: [2, 2])
        let error = try #require(throws: TorchError.self) {
            try indefinite.positiveDefiniteSolution(of: Tensor.ones([2, 1]))
        }
        #expect(error.description.contains("positiveDefiniteSolution([2, 2], of [2, 1])"))
        #expect(error.description.contains("not positive-definite"))
        #expect(throws: TorchError.self) { try Tensor.ones([2, 3]).positiveDefiniteSolution(of: Tensor.ones([2, 1])) }
    }

    @Test("an embedding is a look-up", arguments: [false, true])
    func embedding(_ sparse: Bool) throws {
        for index in [
            try Tensor([1, 0, 1, 1] as [Int64], shape: [2, 2]), try Tensor([1, 0, 1, 1] as [Int32], shape: [2, 2]),
        ] {
            let found = try x.embedding(index, sparse: sparse)
            try expect(found, [3, 0, -1, 1, 2, 4, 3, 0, -1, 3, 0, -1], shape: [2, 2, 3])
        }
    }

    @Test("layer normalization gives mean 0 and variance 1, then scales and shifts")
    func layerNorm() throws {
        let plain = try x.layerNorm(epsilon: 0)
        try expect(plain.mean(1), [0, 0])
        try expect(plain.variance(1), [1, 1])
        let deviation = (14.0 / 9 + 1e-5).squareRoot()
        let row = [1, 2, 4].map { ($0 - 7.0 / 3) / deviation }
        try expect(x.layerNorm().selected(0, 0), row)
        let scaled = try x.layerNorm(Tensor([1, 2, 3] as [Float]), Tensor([0, 0, 1] as [Float])).selected(0, 0)
        try expect(scaled, [row[0], 2 * row[1], 3 * row[2] + 1])
    }

    @Test("group normalization takes mean and variance over the channels of a group and all positions")
    func groupNorm() throws {
        let input = try Tensor([1, 3, 5, 7, 0, 0, 2, 2] as [Float], shape: [1, 4, 2])
        let deviation = 5.0.squareRoot()
        let expected = [-3, -1, 1, 3].map { $0 / deviation } + [-1, -1, 1, 1]
        try expect(input.groupNorm(2, nil, nil, epsilon: 0), expected, shape: [1, 4, 2])
        let weight = try Tensor([1, 1, 2, 2] as [Float])
        let bias = try Tensor([0, 0, 0, 1] as [Float])
        let scaled = expected[0..<4] + [-2, -2, 3, 3]
        try expect(input.groupNorm(2, weight, bias, epsilon: 0), Array(scaled))
    }

    @Test("convolution slides along the last dimension; stride, padding, dilation and groups as in libtorch")
    func conv1d() throws {
        let signal = try Tensor([1, 2, 3, 4] as [Float], shape: [1, 1, 4])
        let kernel = try Tensor([1, 0, -1] as [Float], shape: [1, 1, 3])
        try expect(signal.conv1d(kernel), [-2, -2], shape: [1, 1, 2])
        try expect(signal.conv1d(kernel, Tensor([10] as [Float]), padding: 1), [8, 8, 8, 13], shape: [1, 1, 4])
        try expect(signal.conv1d(kernel, stride: 2, padding: 1), [-2, -2])
        try expect(signal.conv1d(kernel, padding: 2, dilation: 2), [-3, -4, 1, 2])
        let pair = try Tensor.concatenated([signal, signal * 10], 1)
        let two = try Tensor([1, 1, 2, 2] as [Float], shape: [2, 1, 2])
        try expect(pair.conv1d(two, groups: 2), [3, 5, 7, 60, 100, 140], shape: [1, 2, 3])
    }

    @Test("transposed convolution spreads each element over the kernel")
    func convTransposed1d() throws {
        let signal = try Tensor([1, 2, 3] as [Float], shape: [1, 1, 3])
        let kernel = try Tensor([1, 10] as [Float], shape: [1, 1, 2])
        try expect(signal.convTransposed1d(kernel), [1, 12, 23, 30], shape: [1, 1, 4])
        try expect(signal.convTransposed1d(kernel, Tensor([1] as [Float]), stride: 2), [2, 11, 3, 21, 4, 31])
        try expect(signal.convTransposed1d(kernel, stride: 2, padding: 1), [10, 2, 20, 3])
    }

    @Test("pooling and its opposite")
    func pooling() throws {
        let signal = try Tensor([1, 5, 2, 2, 9] as [Float], shape: [1, 1, 5])
        try expect(signal.averagePooled(2), [3, 2], shape: [1, 1, 2])
        try expect(signal.maxPooled(2), [5, 2], shape: [1, 1, 2])
        try expect(signal.sliced(2, to: 2).upsampled(3), [1, 1, 1, 5, 5, 5], shape: [1, 1, 6])
    }

    @Test("a softmax is the normalized exponential, its logarithm does not overflow")
    func softmax() throws {
        let row = [1, 2, 4].map { exp(Double($0)) }
        let share = row.map { $0 / row.reduce(0, +) }
        try expect(x.softmax().selected(0, 0), share)
        try expect(x.logSoftmax().selected(0, 0), share.map { log($0) })
        try expect(x.softmax(0).sum(0), [1, 1, 1])
        try expect(Tensor([1000, 0] as [Float]).logSoftmax(), [0, -1000])
    }

    @Test("attention mixes values by the softmax of scaled products, under masks")
    func attention() throws {
        let keys = try Tensor([1, 0, 0, 1, 1, 1] as [Float], shape: [1, 1, 3, 2])
        let values = try Tensor([1, 2, 4] as [Float], shape: [1, 1, 3, 1])
        let queries = try Tensor([2, 0, 0, 0, 1, 3] as [Float], shape: [1, 1, 3, 2])
        let table = [[1.0, 0], [0, 1], [1, 1]]
        let asked = [[2.0, 0], [0, 0], [1, 3]]
        func mix(_ query: Int, _ visible: [Int]) -> Double {
            let weights = visible.map { key in
                exp((asked[query][0] * table[key][0] + asked[query][1] * table[key][1]) / 2.0.squareRoot())
            }
            return zip(weights, visible).map { $0 * [1, 2, 4][$1] }.reduce(0, +) / weights.reduce(0, +)
        }
        try expect(queries.attention(keys, values), [0, 1, 2].map { mix($0, [0, 1, 2]) }, shape: [1, 1, 3, 1])
        try expect(queries.attention(keys, values, causal: true), [0, 1, 2].map { mix($0, Array(0...$0)) })
        let mask = try Tensor([true, false, true], shape: [1, 1, 1, 3])
        try expect(queries.attention(keys, values, mask: mask), [0, 1, 2].map { mix($0, [0, 2]) })
        let added = try Tensor([0, -.infinity, 0] as [Float], shape: [1, 1, 1, 3])
        try expect(queries.attention(keys, values, mask: added), [0, 1, 2].map { mix($0, [0, 2]) })
    }

    @Test("a parametric rectifier has one slope per channel")
    func prelu() throws {
        try expect((-x).prelu(Tensor([0.5] as [Float])), [-0.5, -1, -2, -1.5, 0, 1])
        try expect((-x).prelu(Tensor([0, 1, 0.25] as [Float])), [0, -2, -1, 0, 0, 1])
    }

    @Test("losses are means over the rows")
    func losses() throws {
        let classes = try Tensor([2, 1] as [Int64])
        func lse(_ values: [Double]) -> Double { log(values.map { exp($0) }.reduce(0, +)) }
        let crossEntropy = (lse([1, 2, 4]) - 4 + lse([3, 0, -1]) - 0) / 2
        try expect(x.crossEntropy(classes), [crossEntropy], shape: [])
        let labels = try Tensor([1, 0, 0.5] as [Float])
        let binary = [(1.0, 1.0), (2, 0), (4, 0.5)].map { z, y in log1p(exp(z)) - z * y }.reduce(0, +) / 3
        try expect(x.selected(0, 0).binaryCrossEntropy(labels), [binary], shape: [])
        try expect(x.selected(0, 0).meanSquaredError(labels), [(0 + 4 + 12.25) / 3], shape: [])
    }

    @Test("dropout at rate 0 is the identity, a rate outside 0..<1 refused")
    func dropoutRates() throws {
        #expect(try x.dropout(0).isSame(as: x))
        for rate in [1, 1.5, -0.1] {
            let error = try #require(throws: TorchError.self) { try x.dropout(rate) }
            #expect(error.operation == "dropout([2, 3], \(rate))")
        }
    }

    @Test("dropout zeroes at the rate and scales up what stays", arguments: [0.1, 0.25, 0.5, 0.9])
    func dropout(_ rate: Double) throws {
        let count = 50_003
        let dropped = try Tensor.full([count], 3).dropout(rate)
        let kept = try dropped.masked(by: dropped.notEqual(0))
        let scaled = 3 / (1 - rate)
        try expect(kept.min(), [scaled], within: 1e-3)
        try expect(kept.max(), [scaled], within: 1e-3)
        // Five standard errors of the share.
        let share = Double(kept.count) / Double(count)
        #expect(abs(share - (1 - rate)) < 5 * (rate * (1 - rate) / Double(count)).squareRoot())
    }

    @Test("dropout's choices are independent of their neighbors and of the next call's")
    func dropoutIndependence() throws {
        let (first, second) = (try Tensor.ones([40_000]).dropout(0.5), try Tensor.ones([40_000]).dropout(0.5))
        let (a, b) = (try (first - 1).doubles(), try (second - 1).doubles())  // -1 or 1
        func correlation(_ x: some Sequence<Double>, _ y: some Sequence<Double>) -> Double {
            zip(x, y).map { $0 * $1 }.reduce(0, +) / 40_000
        }
        #expect(abs(correlation(a, b)) < 0.03)
        for shift in [1, 2, 3, 4, 8, 4096] { #expect(abs(correlation(a, a.dropFirst(shift))) < 0.03) }
    }

    @Test("dropout's gradient goes where the values went, for any layout", arguments: [DType.float32, .float64])
    func dropoutGradient(_ dtype: DType) throws {
        let input = try Tensor.range(1..<601, dtype).reshaped(20, 30)
        try input.setRequiresGradient(true)
        let dropped = try input.transposed().dropout(0.5)
        #expect(dropped.shape == [30, 20])
        let weights = try Tensor.range(1..<601, dtype).reshaped(30, 20)
        try (dropped * weights).sum().backward()
        let gradient = try #require(try input.gradient()).transposed()
        try expect(gradient, (weights * dropped.notEqual(0).to(dtype) * 2).doubles(), shape: [30, 20])
        try expect(dropped, (input.transposed() * dropped.notEqual(0).to(dtype) * 2).doubles())
    }
}
