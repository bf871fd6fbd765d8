// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeTorch
import TensorTestSupport
import Testing

/// On [[0, 1, 2], [3, 4, 5]].
private let shapes: [OperationCase] = [
    OperationCase("reshaped", [3, 2], [0, 1, 2, 3, 4, 5]) { try $0.reshaped(3, -1) },
    OperationCase("reshaped by an array", [6], [0, 1, 2, 3, 4, 5]) { try $0.reshaped([6]) },
    OperationCase("permuted", [3, 2], [0, 3, 1, 4, 2, 5]) { try $0.permuted(1, 0) },
    OperationCase("transposed", [3, 2], [0, 3, 1, 4, 2, 5]) { try $0.transposed() },
    OperationCase("transposed by name", [1, 3, 2], [0, 3, 1, 4, 2, 5]) { try $0.unsqueezed(0).transposed(2, 1) },
    OperationCase("unsqueezed", [2, 1, 3], [0, 1, 2, 3, 4, 5]) { try $0.unsqueezed(1) },
    OperationCase("unsqueezed at the end", [2, 3, 1], [0, 1, 2, 3, 4, 5]) { try $0.unsqueezed(-1) },
    OperationCase("squeezed", [2, 3], [0, 1, 2, 3, 4, 5]) { try $0.unsqueezed(1).squeezed(1) },
    OperationCase("sliced", [2, 2], [1, 2, 4, 5]) { try $0.sliced(1, from: 1) },
    OperationCase("sliced to", [1, 3], [0, 1, 2]) { try $0.sliced(0, to: 1) },
    OperationCase("sliced from the end", [2, 1], [1, 4]) { try $0.sliced(-1, from: -2, to: -1) },
    OperationCase("sliced by 2", [2, 2], [0, 2, 3, 5]) { try $0.sliced(1, by: 2) },
    OperationCase("sliced to nothing", [2, 0], []) { try $0.sliced(1, from: 2, to: 2) },
    OperationCase("selected", [3], [3, 4, 5]) { try $0.selected(0, 1) },
    OperationCase("selected from the end", [2], [2, 5]) { try $0.selected(-1, -1) },
    OperationCase("expanded", [2, 2, 3], [0, 1, 2, 0, 1, 2, 3, 4, 5, 3, 4, 5]) {
        try $0.unsqueezed(1).expanded([-1, 2, -1])
    },
    OperationCase("repeated", [2, 6], [0, 1, 2, 0, 1, 2, 3, 4, 5, 3, 4, 5]) { try $0.repeated(1, 2) },
    OperationCase("repeated each", [3, 3], [0, 1, 2, 3, 4, 5, 3, 4, 5]) {
        try $0.repeated(each: Tensor([1, 2] as [Int64]), along: 0)
    },
    OperationCase("flipped", [2, 3], [2, 1, 0, 5, 4, 3]) { try $0.flipped(1) },
    OperationCase("rolled", [2, 3], [2, 0, 1, 5, 3, 4]) { try $0.rolled(by: 1, along: 1) },
    OperationCase("rolled back", [2, 3], [3, 4, 5, 0, 1, 2]) { try $0.rolled(by: -1, along: 0) },
    OperationCase("concatenated", [4, 3], [0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5]) { try .concatenated([$0, $0]) },
    OperationCase("concatenated at the end", [2, 4], [0, 1, 2, 0, 3, 4, 5, 3]) {
        try .concatenated([$0, $0.sliced(1, to: 1)], -1)
    },
    OperationCase("stacked", [2, 2, 3], [0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5]) { try .stacked([$0, $0]) },
    OperationCase("stacked at the end", [2, 3, 2], [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]) {
        try .stacked([$0, $0], -1)
    },
    OperationCase("unbound", [2, 2], [3, 4, 0, 1]) { x in
        let parts = try x.sliced(1, to: 2).unbound()
        return try .stacked([parts[1], parts[0]])
    },
    OperationCase("unbound at the end", [3, 2], [2, 5, 1, 4, 0, 3]) { try .stacked($0.unbound(-1).reversed()) },
    OperationCase("padded", [2, 6], [9, 0, 1, 2, 9, 9, 9, 3, 4, 5, 9, 9]) {
        try $0.padded(before: 1, after: 2, with: 9)
    },
    OperationCase("lowerTriangle", [2, 3], [0, 0, 0, 3, 4, 0]) { try $0.lowerTriangle() },
    OperationCase("lowerTriangle above", [2, 3], [0, 1, 0, 3, 4, 5]) { try $0.lowerTriangle(1) },
    OperationCase("upperTriangle", [2, 3], [0, 1, 2, 0, 4, 5]) { try $0.upperTriangle() },
    OperationCase("upperTriangle above", [2, 3], [0, 1, 2, 0, 0, 5]) { try $0.upperTriangle(1) },
    OperationCase("contiguous", [3, 2], [0, 3, 1, 4, 2, 5]) { try $0.transposed().contiguous() },
    OperationCase("rows", [3, 3], [3, 4, 5, 0, 1, 2, 3, 4, 5]) { try $0.rows(Tensor([1, 0, 1] as [Int32])) },
    OperationCase("columns", [2, 1], [2, 5]) { try $0.rows(Tensor([2] as [Int64]), along: 1) },
    OperationCase("gathered", [2, 2], [2, 0, 4, 4]) {
        try $0.gathered(1, Tensor([2, 0, 1, 1] as [Int64], shape: [2, 2]))
    },
    OperationCase("scattered", [2, 3], [0, 1, 8, 9, 4, 5]) {
        try $0.scattered(1, Tensor([2, 0] as [Int64], shape: [2, 1]), Tensor([8, 9] as [Float], shape: [2, 1]))
    },
    OperationCase("scattered, adding", [2, 3], [0, 1, 4, 8, 4, 5]) {
        try $0.scattered(
            1,
            Tensor([2, 2, 0, 0] as [Int64], shape: [2, 2]),
            Tensor([1, 1, 2, 3] as [Float], shape: [2, 2]),
            adding: true
        )
    },
    OperationCase("addingRows", [2, 3], [0, 1, 2, 33, 44, 55]) {
        try $0.addingRows(Tensor([1, 1] as [Int64]), Tensor([10, 20, 30, 20, 20, 20] as [Float], shape: [2, 3]))
    },
    OperationCase("putting", [2, 3], [7, 1, 2, 3, 4, 8]) {
        try $0.putting(Tensor([7, 8] as [Float]), at: [Tensor([0, 1] as [Int64]), Tensor([0, 2] as [Int64])])
    },
    OperationCase("putting, adding", [2, 3], [0, 1, 2, 3, 4, 20]) {
        try $0.putting(
            Tensor([7, 8] as [Float]),
            at: [Tensor([1, 1] as [Int64]), Tensor([2, 2] as [Int64])],
            adding: true
        )
    },
    OperationCase("masked", [3], [3, 4, 5]) { try $0.masked(by: $0.greater(2)) },
    OperationCase("nonzero", [2, 2], [1, 1, 1, 2]) { try $0.greater(3).nonzero() },
]

@Suite("Shape and indexing")
struct ShapeTests {
    let x: Tensor
    init() throws { x = try Tensor.range(0..<6, .float32).reshaped(2, 3) }

    @Test("elements end up where one expects them", arguments: shapes)
    func moves(_ example: OperationCase) throws {
        try expect(example.apply(x), example.expected, shape: example.shape)
        #expect(try x.floats() == [0, 1, 2, 3, 4, 5], "the original does not change")
    }

    @Test("places of what is not zero, and a 1 at a place, undo each other")
    func oneHot() throws {
        let hot = try Tensor([2, 0] as [Int64]).oneHot(3)
        #expect(hot.dtype == .int64)
        #expect(try hot.integers() == [0, 0, 1, 1, 0, 0])
        #expect(try hot.nonzero().integers() == [0, 2, 1, 0])
        #expect(try hot.nonzero().shape == [2, 2])
    }

    @Test("a slice shares storage, what is contiguous is itself")
    func views() throws {
        try x.sliced(0, from: 1).fill(9)
        #expect(try x.floats() == [0, 1, 2, 9, 9, 9])
    }

    /// An operation that must fail, and the beginning of its message.
    struct Refusal: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let apply: @Sendable (Tensor) throws -> Tensor
    }

    @Test(
        "what does not fit is refused with the operation and the shapes",
        arguments: [
            Refusal(testDescription: "reshaped([2, 3] to [4, 2])") { try $0.reshaped(4, 2) },
            Refusal(testDescription: "concatenated([[2, 3], [2]], 0)") { try .concatenated([$0, $0.selected(1, 0)]) },
            Refusal(testDescription: "stacked([[2, 3], [3]], 0)") { try .stacked([$0, $0.selected(0, 0)]) },
            Refusal(testDescription: "selected([2, 3], 1, 3)") { try $0.selected(1, 3) },
            Refusal(testDescription: "rows([2, 3], [1])") { try $0.rows(Tensor([2] as [Int64])) },
            Refusal(testDescription: "gathered([2, 3], 1, [1, 1])") {
                try $0.gathered(1, Tensor([3] as [Int64], shape: [1, 1]))
            },
            Refusal(testDescription: "expanded([2, 3] to [4, 3])") { try $0.expanded([4, 3]) },
            Refusal(testDescription: "masked([2, 3], by [2])") { try $0.masked(by: Tensor([true, false])) },
            Refusal(testDescription: "+([2, 3], [2])") { try $0 + $0.selected(1, 0) },
            Refusal(testDescription: "matmul([2, 3], [2, 3])") { try $0.matmul($0) },
            Refusal(testDescription: "linear([2, 3], weight [2, 2])") { try $0.linear($0.sliced(1, to: 2)) },
            Refusal(testDescription: "embedding([2, 3], index [1])") { try $0.embedding(Tensor([2] as [Int64])) },
            Refusal(testDescription: "embedding([2, 3], index [2])") { try $0.embedding(Tensor([0, -1] as [Int32])) },
            Refusal(testDescription: "conv1d([2, 3], weight [2, 3])") { try $0.conv1d($0) },
            Refusal(testDescription: "crossEntropy([2, 3], [1])") { try $0.crossEntropy(Tensor([0] as [Int64])) },
            Refusal(testDescription: "full([-1], 0.0)") { _ in try .zeros([-1]) },
        ]
    )
    func refuses(_ refusal: Refusal) throws {
        let error = try #require(throws: TorchError.self) { try refusal.apply(x) }
        #expect(error.operation == refusal.testDescription)
        #expect(!error.message.isEmpty && !error.message.contains("Exception raised from"))
        #expect(error.description == "\(error.operation): \(error.message)")
    }
}
