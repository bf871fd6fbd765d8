// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeTorch
import TensorTestSupport
import Testing

/// Operations that do the work of several in one pass, against those several, in results and in gradients.
@Suite("Operations in one pass")
struct FusedOperationTests {
    /// Compares results, and the gradients of a weighted sum of them, in single precision with those in double.
    private func compare(
        _ shapes: [[Int]],
        _ fused: ([Tensor]) throws -> Tensor,
        _ several: ([Tensor]) throws -> Tensor
    ) throws {
        let generator = try Generator(seed: 5)
        let inputs = try shapes.map { try Tensor.normal($0, using: generator) }
        func run(_ operation: ([Tensor]) throws -> Tensor, _ dtype: DType) throws -> [Tensor] {
            let own = try inputs.map { try $0.copy().to(dtype) }
            for input in own { try input.setRequiresGradient(true) }
            let result = try operation(own)
            let upstream = try Tensor.normal(result.shape, using: Generator(seed: 6)).to(dtype)
            try (result * upstream).sum().backward()
            return try [result.detached()] + own.map { try $0.requiredGradient() }
        }
        let expected = try run(several, .float64)
        for dtype in [DType.float32, .float64] {
            for (found, wanted) in zip(try run(fused, dtype), expected) {
                try expect(found, wanted.doubles(), shape: wanted.shape, within: dtype == .float32 ? 1e-4 : 1e-10)
            }
        }
    }

    @Test("scores of pairs", arguments: [1, 5, 8, 36])
    func pairScores(_ units: Int) throws {
        let shapes = [[3, 7, 2, units], [3, 2, units], [units], [units]]
        try compare(shapes) {
            try $0[0].pairScores($0[1], slope: $0[2], weight: $0[3])
        } _: { x in
            let states = try x[0] + x[1].unsqueezed(1)
            let rectified = try states.relu() + states.clamped(to: 0) * x[2]
            return try (rectified * x[3]).sum(3).transposed()
        }
    }

    @Test("scores of pairs refuse shapes that do not belong together")
    func pairScoresShape() throws {
        let (products, one) = (try Tensor.ones([2, 3, 4, 5]), try Tensor.ones([5]))
        let error = try #require(throws: TorchError.self) {
            try products.pairScores(.ones([2, 3, 5]), slope: one, weight: one)
        }
        #expect(error.operation == "pairScores([2, 3, 4, 5], [2, 3, 5], slope [5], weight [5])")
    }

    @Test("weights that rows scale", arguments: [[1, 3, 2], [70, 5, 9], [200, 36, 32]])
    func scaledWeights(_ sizes: [Int]) throws {
        let (rows, units, width) = (sizes[0], sizes[1], sizes[2])
        try compare([[units, width], [units, width], [rows, width]]) {
            try $0[0].scaledWeights($0[1], by: $0[2])
        } _: {
            try $0[0] + $0[1] * $0[2].unsqueezed(1)
        }
        #expect(throws: TorchError.self) { try Tensor.ones([2, 3]).scaledWeights(.ones([2, 3]), by: .ones([2, 4])) }
    }

    @Test(
        "the recurrence of a selective state space",
        arguments: [[5, 1, 3, 16, 2], [9, 2, 2, 21, 5], [2, 1, 1, 3, 1]]
    )
    func selectiveScan(_ sizes: [Int]) throws {
        let (length, directions, rows, features, states) = (sizes[0], sizes[1], sizes[2], sizes[3], sizes[4])
        let (wide, narrow) = ([length, directions, rows, features], [length, directions, rows, states])
        try compare([wide, wide, [directions, states, features], narrow, narrow]) {
            try $0[0].selectiveScan(steps: $0[1].softplus(), decay: -$0[2].exp(), input: $0[3], output: $0[4])
        } _: { x in
            var state = try Tensor.zeros([directions, rows, states, features], .float64)
            var results: [Tensor] = []
            for l in 0..<length {
                let (u, step) = try (x[0].selected(0, l).unsqueezed(2), x[1].selected(0, l).unsqueezed(2).softplus())
                let decayed = try state * (-step * x[2].exp().unsqueezed(1)).exp()
                state = try decayed + step * u * x[3].selected(0, l).unsqueezed(3)
                results.append(try (state * x[4].selected(0, l).unsqueezed(3)).sum(2))
            }
            return try .stacked(results)
        }
        #expect(throws: TorchError.self) {
            try Tensor.ones(wide).selectiveScan(
                steps: .ones(wide),
                decay: .ones([directions, states + 1, features]),
                input: .ones(narrow),
                output: .ones(narrow)
            )
        }
    }

    @Test("rows of several tables", arguments: [DType.int32, .int64])
    func embeddings(_ dtype: DType) throws {
        let first = try Tensor([1, 0, 1, 4, 2, 2] as [Int64], shape: [2, 3])
        let second = try Tensor([2, 2, 0, 1, 0, 2] as [Int64], shape: [2, 3])
        try compare([[5, 3], [3, 17]]) {
            try .embeddings($0, [first.to(dtype), second.to(dtype)])
        } _: {
            try .concatenated([$0[0].embedding(first), $0[1].embedding(second)], -1)
        }
    }

    @Test("rows of several tables with row-sparse gradients, which come together with those of another look-up")
    func sparseEmbeddings() throws {
        func gradients(_ sparse: Bool) throws -> [Tensor] {
            let generator = try Generator(seed: 7)
            let tables = [try Tensor.normal([6, 4], using: generator), try Tensor.normal([3, 2], using: generator)]
            for table in tables { try table.setRequiresGradient(true) }
            let many = try Tensor((0..<40).map { Int64($0 * $0 % 6) })
            let found = try Tensor.embeddings(tables, [many, many.clamped(to: 2)], sparse: sparse)
            let few = try Tensor([5, 0] as [Int64])
            let others = try Tensor.embeddings(tables, [few, few.clamped(to: 2)], sparse: sparse)
            try (found.square().sum() + others.sum()).backward()
            return try tables.map { try $0.requiredGradient() }
        }
        for (sparse, dense) in zip(try gradients(true), try gradients(false)) {
            #expect(sparse.isSparse && !dense.isSparse)
            let sum = try Tensor.zeros(dense.shape)
            try sum.add(sparse)
            try expect(sum, equals: dense)
        }
    }

    @Test("rows outside a table are refused by number", arguments: [-1, 3])
    func outside(_ row: Int64) throws {
        let tables = [try Tensor.ones([5, 2]), try Tensor.ones([3, 2])]
        let error = try #require(throws: TorchError.self) {
            try Tensor.embeddings(tables, [Tensor([1] as [Int64]), Tensor([row])])
        }
        #expect(error.description.contains("row \(row) is outside a table of 3"))
    }

    @Test("nothing to look up gives nothing")
    func empty() throws {
        let none = try Tensor([] as [Int64], shape: [2, 0])
        let found = try Tensor.embeddings([.ones([5, 2]), .ones([3, 4])], [none, none])
        #expect(found.shape == [2, 0, 6])
    }
}
