// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeTorch
import Foundation
import TensorTestSupport
import Testing

private func root(_ x: Double) -> Double { x.squareRoot() }
private func logSumExp(_ values: Double...) -> Double { log(values.map { exp($0) }.reduce(0, +)) }

/// On [[1, -2, 3], [4, 0, -1]].
private let reductions: [OperationCase] = [
    OperationCase("sum", [], [5]) { try $0.sum() },
    OperationCase("sum over rows", [3], [5, -2, 2]) { try $0.sum(0) },
    OperationCase("sum, kept", [2, 1], [2, 3]) { try $0.sum(1, keep: true) },
    OperationCase("sum over two", [], [5]) { try $0.sum(0, 1) },
    OperationCase("sum over all, kept", [1, 1], [5]) { try $0.sum(keep: true) },
    OperationCase("mean", [], [5.0 / 6]) { try $0.mean() },
    OperationCase("mean, last", [2], [2.0 / 3, 1]) { try $0.mean(-1) },
    OperationCase("max", [], [4]) { try $0.max() },
    OperationCase("max over rows", [3], [4, 0, 3]) { try $0.max(0) },
    OperationCase("min", [], [-2]) { try $0.min() },
    OperationCase("min, kept", [2, 1], [-2, -1]) { try $0.min(1, keep: true) },
    OperationCase("logSumExp", [2], [logSumExp(1, -2, 3), logSumExp(4, 0, -1)]) {
        try $0.logSumExp(1)
    },
    OperationCase("logSumExp of everything", [], [logSumExp(1, -2, 3, 4, 0, -1)]) {
        try $0.logSumExp()
    },
    OperationCase("logSumExp far out", [2], [1000 + logSumExp(0, -2, -5), 1001 + logSumExp(0, -4, -5)]) {
        try ($0 + 997).logSumExp(1)
    },
    OperationCase("any", [], [1]) { try $0.greater(3).any() },
    OperationCase("any per row", [2], [0, 1]) { try $0.greater(3).any(1) },
    OperationCase("all", [], [0]) { try $0.greater(-2).all() },
    OperationCase("all per column", [3], [1, 0, 0]) { try $0.greater(0).all(0) },
    OperationCase("norm", [], [root(31)]) { try $0.norm() },
    OperationCase("norm per row", [2], [root(14), root(17)]) { try $0.norm(1) },
    OperationCase("variance", [2], [38.0 / 9, 14.0 / 3]) { try $0.variance(1) },
    OperationCase("variance of everything", [], [31.0 / 6 - 25.0 / 36]) { try $0.variance() },
    OperationCase("deviation, kept", [2, 1], [root(38.0 / 9), root(14.0 / 3)]) {
        try $0.deviation(1, keep: true)
    },
    OperationCase("argMax", [2], [2, 0]) { try $0.argMax(1) },
    OperationCase("argMin", [3], [0, 0, 1]) { try $0.argMin(0) },
    OperationCase("cumulativeSum", [2, 3], [1, -1, 2, 4, 4, 3]) { try $0.cumulativeSum(1) },
    OperationCase("cumulativeProduct", [2, 3], [1, -2, 3, 4, 0, -3]) { try $0.cumulativeProduct(0) },
]

@Suite("Reductions and order")
struct ReductionTests {
    let x: Tensor
    init() throws { x = try Tensor([1, -2, 3, 4, 0, -1] as [Float], shape: [2, 3]) }

    @Test("reductions give what one computes by hand", arguments: reductions)
    func reduces(_ example: OperationCase) throws {
        try expect(example.apply(x), example.expected, shape: example.shape)
    }

    @Test("whole numbers and truth values are counted exactly")
    func counts() throws {
        let many = try Tensor([true, false, true]).sum()
        #expect(many.dtype == .int64)
        #expect(try many.item() == 2)
        #expect(try Tensor([Int64(1) << 60, 1]).sum().array(Int64.self) == [(1 << 60) + 1])
    }

    @Test("the top of each row comes in order, with its places")
    func top() throws {
        let (values, indices) = try x.top(2)
        #expect(try values.floats() == [3, 1, 4, 0])
        #expect(try indices.array(Int64.self) == [2, 0, 0, 1])
        let (low, where_) = try x.top(1, along: 0, largest: false)
        #expect(try low.floats() == [1, -2, -1])
        #expect(try where_.integers() == [0, 0, 1])
        let error = try #require(throws: TorchError.self) { try x.top(4) }
        #expect(error.operation == "top(4) of [2, 3]")
    }

    @Test("sorting keeps the order of equals")
    func sorting() throws {
        let (values, indices) = try Tensor([2, 1, 2, 1, 3] as [Float]).sorted()
        #expect(try values.floats() == [1, 1, 2, 2, 3])
        #expect(try indices.integers() == [1, 3, 0, 2, 4])
        let (falling, places) = try x.sorted(along: 1, descending: true)
        #expect(try falling.floats() == [3, 1, -2, 4, 0, -1])
        #expect(try places.integers() == [2, 0, 1, 0, 1, 2])
        let (ties, first) = try Tensor([5, 5, 5] as [Int64]).sorted(descending: true)
        #expect(try ties.integers() == [5, 5, 5])
        #expect(try first.integers() == [0, 1, 2])
    }

    @Test("distinct elements rise, and say where each went and how often it occurs")
    func unique() throws {
        let (values, inverse, counts) = try Tensor([7, 3, 7, 7, 5] as [Int64]).unique()
        #expect(try values.integers() == [3, 5, 7])
        #expect(try inverse.integers() == [2, 0, 2, 2, 1])
        #expect(try counts.integers() == [1, 1, 3])
    }

    @Test("an unknown dimension is named")
    func unknownDimension() throws {
        let error = try #require(throws: TorchError.self) { try x.sum(2) }
        #expect(error.operation == "sum([2, 3], over [2])")
        #expect(error.message.contains("Dimension out of range"))
        #expect(!error.message.contains("Exception raised from"))
    }
}
