// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeTorch
import Foundation
import TensorTestSupport
import Testing

/// An operation that changes [[1, 2], [3, 4]], and the result.
struct ChangeCase: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let expected: [Double]
    let apply: @Sendable (Tensor) throws -> Void

    init(_ name: String, _ expected: [Double], _ apply: @escaping @Sendable (Tensor) throws -> Void) {
        (testDescription, self.expected, self.apply) = (name, expected, apply)
    }
}

private let changeCases: [ChangeCase] = [
    ChangeCase("assign", [9, 8, 7, 6]) { try $0.assign(Tensor([9, 8, 7, 6] as [Float], shape: [2, 2])) },
    ChangeCase("assign another type", [9, 8, 7, 6]) { try $0.assign(Tensor([9, 8, 7, 6] as [Int64], shape: [2, 2])) },
    ChangeCase("fill", [5, 5, 5, 5]) { try $0.fill(5) },
    ChangeCase("add", [2, 3, 4, 5]) { try $0.add(.ones([2, 2])) },
    ChangeCase("add scaled, broadcast", [1.5, 3, 3.5, 5]) { try $0.add(Tensor([1, 2] as [Float]), scale: 0.5) },
    ChangeCase("scale", [0.5, 1, 1.5, 2]) { try $0.scale(0.5) },
    ChangeCase("move", [3.25, 4, 4.75, 5.5]) { try $0.move(towards: .full([2, 2], 10), by: 0.25) },
    ChangeCase("addProduct", [4, 6, 7, 10]) {
        try $0.addProduct(Tensor([1, 1] as [Float], shape: [2, 1]), Tensor([3, 4] as [Float], shape: [1, 2]))
        try $0.add(Tensor([0, 0, 1, 2] as [Float], shape: [2, 2]))
    },
    ChangeCase("exponentiate", [1, 2, 3, 4].map { exp($0) }) { try $0.exponentiate() },
    ChangeCase("invertPositiveDefinite", [1, -1, -1, 2]) {
        try $0.assign(Tensor([2, 1, 1, 1] as [Float], shape: [2, 2]))
        try $0.invertPositiveDefinite()
    },
    ChangeCase("scatterAdd", [1, 0, 1, 4]) { try $0.scatterAdd(1, Tensor([1, 0] as [Int64], shape: [2, 1]), -2) },
    ChangeCase("fill where", [1, 2, 0, 0]) { try $0.fill(where: $0.greater(2), 0) },
    ChangeCase("fill pairs", [1, -1, -1, 4]) {
        try $0.fill(rows: Tensor([0, 1] as [Int64]), columns: Tensor([1, 0] as [Int64]), -1)
    },
]

@Suite("In place")
struct InPlaceTests {
    @Test("changes what they say, for a trained tensor too, and record nothing", arguments: changeCases, [false, true])
    func changes(_ change: ChangeCase, _ isTrained: Bool) throws {
        let x = try Tensor([1, 2, 3, 4] as [Float], shape: [2, 2])
        try x.setRequiresGradient(isTrained)
        try change.apply(x)
        try expect(x, change.expected, shape: [2, 2])
        #expect(x.requiresGradient == isTrained)
        if isTrained {
            try (x * 3).sum().backward()
            #expect(try #require(try x.gradient()).floats() == [3, 3, 3, 3])
        }
    }

    @Test("inverts a positive definite matrix of any size, and refuses others")
    func inversion() throws {
        let a = try Tensor.normal([40, 40], using: Generator(seed: 3)).to(.float64)
        let matrix = try a.matmul(a.transposed()) + Tensor.range(0..<40).oneHot(40)
        let inverse = try matrix.copy()
        try inverse.invertPositiveDefinite()
        try expect(inverse.matmul(matrix), equals: Tensor.range(0..<40).oneHot(40), within: 1e-9)
        try expect(inverse, equals: inverse.transposed(), within: 1e-12)
        let indefinite = try Tensor([1, 2, 2, 1] as [Float], shape: [2, 2])
        let error = try #require(throws: TorchError.self) { try indefinite.invertPositiveDefinite() }
        #expect(error.description.contains("invertPositiveDefinite([2, 2])"))
        #expect(error.description.contains("not positive-definite"))
        #expect(throws: TorchError.self) { try Tensor.ones([2, 3]).invertPositiveDefinite() }
    }

    @Test("assigning does not broadcast")
    func assignShape() throws {
        let x = try Tensor.zeros([2, 2])
        let error = try #require(throws: TorchError.self) { try x.assign(.ones([2])) }
        #expect(error.description == "assign([2, 2], [2]): cannot assign [2] to [2, 2]")
        #expect(throws: TorchError.self) { try x.add(.ones([3])) }
        #expect(throws: TorchError.self) {
            try x.fill(rows: Tensor([2] as [Int64]), columns: Tensor([0] as [Int64]), 1)
        }
    }
}

@Suite("Optimizer kernels")
struct KernelTests {
    private func sparseGradient(_ index: [Int64], scale: [Float]) throws -> Tensor {
        let table = try Tensor.ones([4, 2])
        try table.setRequiresGradient(true)
        let weights = try Tensor(scale, shape: [index.count, 1])
        try (table.embedding(Tensor(index), sparse: true) * weights).sum().backward()
        return try #require(try table.gradient())
    }

    @Test("the norm covers dense and row-sparse tensors together, duplicates summed")
    func globalNorm() throws {
        let dense = try Tensor([3, 4] as [Float])
        #expect(try Kernels.globalNorm([]) == 0)
        #expect(try Kernels.globalNorm([dense]) == 5)
        let sparse = try sparseGradient([1, 1, 3], scale: [2, 3, -1])  // rows [5, 5] and [-1, -1]
        #expect(abs(try Kernels.globalNorm([dense, sparse]) - (25.0 + 50 + 2).squareRoot()) < 1e-5)
    }

    @Test("scaling changes dense and row-sparse tensors in place")
    func scaling() throws {
        let dense = try Tensor([3, 4] as [Float])
        let sparse = try sparseGradient([1, 1, 3], scale: [2, 3, -1])
        try Kernels.scale([dense, sparse], by: 0.5)
        #expect(try dense.floats() == [1.5, 2])
        #expect(abs(try Kernels.globalNorm([sparse]) - 13.0.squareRoot()) < 1e-5)
    }

    @Test("a row step needs a row-sparse gradient of the weight's shape")
    func adamRowsShape() throws {
        let step = Kernels.AdamStep(
            step: 1,
            rate: 0.1,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            decay: 0,
            isDecoupled: true
        )
        let (weight, mean, square) = (try Tensor.ones([3, 2]), try Tensor.zeros([3, 2]), try Tensor.zeros([3, 2]))
        let error = try #require(throws: TorchError.self) {
            try Kernels.adamRows(
                step,
                weight: weight,
                gradient: sparseGradient([0], scale: [1]),
                mean: mean,
                square: square
            )
        }
        #expect(error.operation == "adamRows([3, 2], [4, 2])")
        #expect(throws: TorchError.self) {
            try Kernels.adamRows(step, weight: weight, gradient: weight, mean: mean, square: square)
        }
    }
}
