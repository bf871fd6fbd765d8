// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeTorch
import Foundation
import Testing

/// A scalar function of one float64 tensor [2, 3].
struct Expression: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let apply: @Sendable (Tensor) throws -> Tensor

    init(_ name: String, _ apply: @escaping @Sendable (Tensor) throws -> Tensor) {
        (testDescription, self.apply) = (name, apply)
    }
}

private let expressions: [Expression] = [
    Expression("polynomial") { try ($0 * $0 * 3 - 2 / ($0.square() + 1) + (1 - $0)).sum() },
    Expression("functions") { try ($0.tanh() * $0.sigmoid() + $0.gelu() - $0.silu().exp()).mean() },
    Expression("roots and logarithms") { try (($0.square() + 1).sqrt().log() + $0.softplus().rsqrt()).sum() },
    Expression("softmax") { try ($0.softmax() * $0.logSoftmax(0)).sum() },
    Expression("matrix products") { try $0.matmul($0.transposed()).square().sum() },
    Expression("norms") { try $0.layerNorm().pow(3).sum() + $0.norm(1).sum() },
    Expression("shapes") { try ($0.sliced(1, from: 1).transposed() * $0.flipped(0).selected(1, 0)).sum() },
    Expression("indexing") { try $0.rows(Tensor([1, 1, 0] as [Int64])).logSumExp(0).square().sum() },
    Expression("attention") {
        let x = try $0.reshaped(1, 1, 3, 2)
        return try x.attention(x * 2, x.exp()).square().sum()
    },
    Expression("reductions") { try $0.variance(0).sum() + $0.max(1).sum() * $0.mean() },
]

@Suite("Automatic differentiation")
struct AutogradTests {
    static let point = [0.3, -1.2, 0.8, 1.7, -0.4, 0.1]

    private func leaf(_ values: [Double] = point, shape: [Int] = [2, 3]) throws -> Tensor {
        let x = try Tensor(values, shape: shape)
        try x.setRequiresGradient(true)
        return x
    }

    @Test("gradients agree with finite differences", arguments: expressions)
    func finiteDifferences(_ expression: Expression) throws {
        let x = try leaf()
        try expression.apply(x).backward()
        let gradient = try #require(try x.gradient()).doubles()
        let step = 1e-5
        for index in Self.point.indices {
            func value(_ offset: Double) throws -> Double {
                var moved = Self.point
                moved[index] += offset
                return try expression.apply(Tensor(moved, shape: [2, 3])).item()
            }
            let slope = try (value(step) - value(-step)) / (2 * step)
            #expect(abs(gradient[index] - slope) < 1e-7 * max(1, abs(slope)), "element \(index)")
        }
    }

    @Test("gradients add up until they are cleared")
    func accumulation() throws {
        let x = try leaf([2], shape: [1])
        #expect(try x.gradient() == nil)
        try x.square().sum().backward()
        try x.square().sum().backward()
        #expect(try #require(try x.gradient()).doubles() == [8])
        try x.setGradient(nil)
        #expect(try x.gradient() == nil)
        try x.setGradient(Tensor([5.0]))
        #expect(try #require(try x.gradient()).doubles() == [5])
    }

    @Test("detached values and unrecorded operations carry no gradient")
    func cutting() throws {
        let x = try leaf()
        #expect(x.requiresGradient)
        #expect(try !x.detached().requiresGradient)
        #expect(try (x * 2).requiresGradient)
        let unrecorded = try withoutGradients { try x * 2 }
        #expect(!unrecorded.requiresGradient)
        try (x * x.detached()).sum().backward()
        #expect(try #require(try x.gradient()).doubles() == Self.point)
    }

    @Test("recording comes back when the closure returns, when it throws and when it is nested")
    func restoring() throws {
        struct Stop: Error {}
        let x = try leaf()
        #expect(throws: Stop.self) { try withoutGradients { () throws -> Void in throw Stop() } }
        #expect(try (x * 2).requiresGradient)
        let isRecorded = try withoutGradients {
            _ = try withoutGradients { try x * 2 }
            return try (x * 2).requiresGradient
        }
        #expect(!isRecorded)
        #expect(try (x * 2).requiresGradient)
    }

    @Test("whole numbers cannot be differentiated, nor tensors of several elements")
    func refusals() throws {
        let whole = try Tensor([1] as [Int64])
        let error = try #require(throws: TorchError.self) { try whole.setRequiresGradient(true) }
        #expect(error.operation == "setRequiresGradient(Tensor(int64, [1], cpu))")
        #expect(throws: TorchError.self) { try leaf().backward() }
        #expect(throws: TorchError.self) { try Tensor([1.0]).sum().backward() }
    }

    @Test("a row-sparse gradient names the looked-up rows, for both index types")
    func sparse() throws {
        for index in [try Tensor([2, 0, 2] as [Int64]), try Tensor([2, 0, 2] as [Int32])] {
            let table = try leaf(Array(repeating: 0.5, count: 8), shape: [4, 2])
            let scale = try Tensor([1, 10, 100] as [Double], shape: [3, 1])
            try (table.embedding(index, sparse: true) * scale).sum().backward()
            let gradient = try #require(try table.gradient())
            #expect(gradient.isSparse)
            #expect(gradient.shape == [4, 2])
            // 101^2 + 10^2, twice
            #expect(abs(try Kernels.globalNorm([gradient]) - (2 * (101.0 * 101 + 100)).squareRoot()) < 1e-9)
        }
    }

    @Test("hand-written gradients are passed on, times what comes from above")
    func knownGradients() throws {
        let (a, b) = (try leaf(), try leaf([1, 2], shape: [2]))
        let (ga, gb) = (try Tensor([1, 2, 3, 4, 5, 6] as [Double], shape: [2, 3]), try Tensor([-1, 0.5] as [Double]))
        let loss = try Tensor.scalar(42, inputs: [a, b * 2], gradients: [ga, gb])
        #expect(loss.shape == [])
        #expect(try loss.item() == 42)
        #expect(loss.requiresGradient)
        try (loss * 3 + 1).backward()
        #expect(try #require(try a.gradient()).doubles() == [3, 6, 9, 12, 15, 18])
        #expect(try #require(try b.gradient()).doubles() == [-6, 3])
        #expect(try ga.doubles() == [1, 2, 3, 4, 5, 6], "the given gradients stay as they are")
    }

    @Test("hand-written gradients reach only inputs that are trained")
    func knownGradientsOfConstants() throws {
        let (a, constant) = (try leaf([1], shape: [1]), try Tensor([1.0]))
        let both = try Tensor.scalar(1, inputs: [constant, a], gradients: [constant * 7, constant * 8])
        try both.backward()
        #expect(try #require(try a.gradient()).doubles() == [8])
        #expect(try constant.gradient() == nil)
        #expect(try !Tensor.scalar(1, inputs: [constant], gradients: [constant]).requiresGradient)
        let error = try #require(throws: TorchError.self) {
            try Tensor.scalar(1, inputs: [a], gradients: [Tensor([1, 2] as [Double])])
        }
        #expect(error.message.contains("[2]") && error.message.contains("[1]"))
    }
}
