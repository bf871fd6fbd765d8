// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeNN
import CascadeTorch
import Foundation
import TensorTestSupport
import Testing

@Suite("Layers")
struct LayerTests {
    let generator: Generator
    init() throws { generator = try Generator(seed: 3) }

    @Test("initializations have the moments they promise")
    func initialization() throws {
        let shape = [40, 30, 5]
        let normal = try Initialization.normal(0.3)(shape, using: generator)
        #expect(abs(try normal.deviation().item() - 0.3) < 0.01)
        let glorot = try Initialization.xavierUniform([40, 60], using: generator)
        let limit = (6.0 / 100).squareRoot()
        #expect(try glorot.abs().max().item() <= limit)
        #expect(abs(try glorot.deviation().item() - limit / 3.0.squareRoot()) < 0.01)
        let wide = try Initialization.xavierUniform(shape, using: generator).abs().max().item()
        #expect(wide <= (6.0 / 350).squareRoot() && wide > 0.9 * (6.0 / 350).squareRoot())
        let fan = try Initialization.fanIn(shape, using: generator).abs().max().item()
        #expect(fan <= 1 / 150.0.squareRoot() && fan > 0.9 / 150.0.squareRoot())
        #expect(try Initialization.zeros([3], using: generator).floats() == [0, 0, 0])
        #expect(try Initialization.ones([3], using: generator).floats() == [1, 1, 1])
    }

    @Test("the same generator state gives the same layer")
    func repeatable() throws {
        let first = try Linear(4, 3, using: Generator(seed: 9)).weight.value.floats()
        #expect(try Linear(4, 3, using: Generator(seed: 9)).weight.value.floats() == first)
        #expect(try Linear(4, 3, using: Generator(seed: 10)).weight.value.floats() != first)
    }

    @Test("a linear layer is x W^T + b, with or without b")
    func linear() throws {
        let layer = try Linear(3, 2, using: generator)
        #expect(try layer.bias?.value.floats() == [0, 0])
        try layer.bias?.value.assign(Tensor([1, -1] as [Float]))
        let x = try Tensor.normal([2, 4, 3], using: generator)
        let (xs, w) = (try x.doubles(), try layer.weight.value.doubles())
        var expected: [Double] = []
        for row in 0..<8 {
            for out in 0..<2 {
                expected.append((0..<3).map { xs[row * 3 + $0] * w[out * 3 + $0] }.reduce([1, -1][out], +))
            }
        }
        try expect(layer(x), expected, shape: [2, 4, 2])
        let bare = try Linear(3, 2, bias: false, using: generator)
        #expect(try bare.parameters().map(\.name) == ["weight"])
        #expect(throws: TorchError.self) { try bare(.ones([2, 4])) }
    }

    @Test("an embedding looks rows up, its gradient dense or naming rows", arguments: [false, true])
    func embedding(_ isRowSparse: Bool) throws {
        let table = try Embedding(5, 2, .normal(1), isRowSparse: isRowSparse, using: generator)
        let index = try Tensor([4, 0, 4] as [Int32])
        let rows = try table(index)
        try expect(rows, equals: table.weight.value.rows(index))
        try rows.sum().backward()
        #expect(try table.weight.value.requiredGradient().isSparse == isRowSparse)
        let error = try #require(throws: TorchError.self) { try table(Tensor([5] as [Int64])) }
        #expect(error.operation == "embedding([5, 2], index [1])")
    }

    @Test("layer normalization over the last dimension")
    func layerNorm() throws {
        let layer = try LayerNorm(3)
        let x = try Tensor([1, 2, 6, -1, -1, 2] as [Float], shape: [2, 3])
        func normal(_ row: [Double]) -> [Double] {
            let mean = row.reduce(0, +) / 3
            let variance = row.map { ($0 - mean) * ($0 - mean) }.reduce(0, +) / 3
            return row.map { ($0 - mean) / (variance + 1e-5).squareRoot() }
        }
        try expect(layer(x), normal([1, 2, 6]) + normal([-1, -1, 2]), shape: [2, 3])
        try layer.weight.value.assign(Tensor([1, 2, 3] as [Float]))
        try layer.bias.value.assign(Tensor([0, 1, 0] as [Float]))
        let row = normal([1, 2, 6])
        try expect(layer(x).selected(0, 0), [row[0], 2 * row[1] + 1, 3 * row[2]])
    }

    @Test("group normalization over the channels of a group")
    func groupNorm() throws {
        let layer = try GroupNorm(groups: 2, channels: 4)
        let x = try Tensor.normal([3, 4, 5], using: generator)
        let y = try layer(x).reshaped(3, 2, 10)
        try expect(y.mean(2), Array(repeating: 0, count: 6))
        try expect(y.variance(2), Array(repeating: 1, count: 6), within: 1e-3)
        #expect(try layer.parameters().map(\.name) == ["weight", "bias"])
    }

    @Test("a convolution agrees with libtorch's, which has the channels first", arguments: [1, 3, 5, 7])
    func conv1d(_ size: Int) throws {
        let layer = try Conv1d(3, 4, size: size, using: generator)
        try layer.bias.value.assign(.normal([4], using: generator))
        let x = try Tensor.normal([2, 6, 3], using: generator)
        let (mine, theirs) = (
            try layer(x),
            try x.transposed().conv1d(
                layer.weight.value,
                layer.bias.value,
                padding: size / 2
            ).transposed()
        )
        try expect(mine, equals: theirs)

        try mine.square().sum().backward()
        let (weight, bias) = (
            try layer.weight.value.requiredGradient().copy(), try layer.bias.value.requiredGradient().copy()
        )
        try layer.weight.value.setGradient(nil)
        try layer.bias.value.setGradient(nil)
        try theirs.square().sum().backward()
        try expect(weight, equals: layer.weight.value.requiredGradient(), within: 1e-4)
        try expect(bias, equals: layer.bias.value.requiredGradient(), within: 1e-4)
    }

    @Test("a sequence shorter than the kernel is padded all the same")
    func shortConv1d() throws {
        let layer = try Conv1d(2, 2, size: 5, using: generator)
        let x = try Tensor.normal([1, 1, 2], using: generator)
        try expect(layer(x), equals: x.linear(layer.weight.value.selected(2, 2)))
    }

    @Test("a parametric rectifier has one slope per feature of the last dimension")
    func prelu() throws {
        let layer = try PReLU(2)
        try layer.slope.value.assign(Tensor([0.5, -1] as [Float]))
        try expect(layer(Tensor([-2, -2, 3, 3] as [Float], shape: [2, 2])), [-1, 2, 3, 3])
        try expect(PReLU(2, initial: 0)(Tensor([-2, 5] as [Float])), [0, 5])
    }

    @Test("dropout works while training only")
    func dropouts() throws {
        let x = try Tensor.ones([4000])
        #expect(try dropout(x, 0.5, .inference).isSame(as: x))
        #expect(try dropout(x, 0, .training).floats() == x.floats())
        let dropped = try dropout(x, 0.5, .training).floats()
        #expect(Set(dropped) == [0, 2])
        #expect(abs(dropped.count { $0 == 0 } - 2000) < 200)
    }

    @Test("a feed-forward network is down(gelu(up(x)))")
    func feedForward() throws {
        let layer = try FeedForward(3, hidden: 5, 2, dropout: 0.5, using: generator)
        let x = try Tensor.normal([2, 3], using: generator)
        let w = Dictionary(uniqueKeysWithValues: try layer.parameters().map { ($0.name, $0.part.value) })
        #expect(Set(w.keys) == ["up.weight", "up.bias", "down.weight", "down.bias"])
        let (up, down) = (try #require(w["up.weight"]), try #require(w["down.weight"]))
        let expected = try x.matmul(up.transposed()).gelu().matmul(down.transposed())
        try expect(layer(x, .inference), equals: expected)
        #expect(try layer(x, .training).floats() != layer(x, .inference).floats())
    }
}
