// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeTorch
import Foundation
import TensorTestSupport
import Testing

/// A function of tensors and the same function of numbers.
struct UnaryCase: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let apply: @Sendable (Tensor) throws -> Tensor
    let reference: @Sendable (Double) -> Double
    /// Where the function is tried.
    var points: [Double] = [-3, -0.5, 0, 0.25, 1, 2.75]

    static let positive: [Double] = [0.125, 0.5, 1, 3, 100]

    init(
        _ name: String,
        _ apply: @escaping @Sendable (Tensor) throws -> Tensor,
        at points: [Double]? = nil,
        _ reference: @escaping @Sendable (Double) -> Double
    ) {
        (testDescription, self.apply, self.reference) = (name, apply, reference)
        if let points { self.points = points }
    }
}

/// A function of two tensors and the same function of numbers.
struct BinaryCase: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let apply: @Sendable (Tensor, Tensor) throws -> Tensor
    let reference: @Sendable (Double, Double) -> Double

    init(
        _ name: String,
        _ apply: @escaping @Sendable (Tensor, Tensor) throws -> Tensor,
        _ reference: @escaping @Sendable (Double, Double) -> Double
    ) {
        (testDescription, self.apply, self.reference) = (name, apply, reference)
    }
}

private func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }
private func number(_ condition: Bool) -> Double { condition ? 1 : 0 }

private let functions: [UnaryCase] = [
    UnaryCase("-x", { try -$0 }) { -$0 },
    UnaryCase("abs", { try $0.abs() }) { abs($0) },
    UnaryCase("exp", { try $0.exp() }) { exp($0) },
    UnaryCase("log", { try $0.log() }, at: UnaryCase.positive) { log($0) },
    UnaryCase("log1p", { try $0.log1p() }, at: UnaryCase.positive) { log1p($0) },
    UnaryCase("log2", { try $0.log2() }, at: UnaryCase.positive) { log2($0) },
    UnaryCase("sqrt", { try $0.sqrt() }, at: UnaryCase.positive) { $0.squareRoot() },
    UnaryCase("rsqrt", { try $0.rsqrt() }, at: UnaryCase.positive) { 1 / $0.squareRoot() },
    UnaryCase("square", { try $0.square() }) { $0 * $0 },
    UnaryCase("reciprocal", { try $0.reciprocal() }, at: [-3, -0.5, 0.25, 4]) { 1 / $0 },
    UnaryCase("sin", { try $0.sin() }) { sin($0) },
    UnaryCase("cos", { try $0.cos() }) { cos($0) },
    UnaryCase("tanh", { try $0.tanh() }) { tanh($0) },
    UnaryCase("sigmoid", { try $0.sigmoid() }) { sigmoid($0) },
    UnaryCase("logSigmoid", { try $0.logSigmoid() }) { log(sigmoid($0)) },
    UnaryCase("logSigmoid far out", { try $0.logSigmoid() }, at: [-200, 200]) { min($0, 0) },
    UnaryCase("softplus", { try $0.softplus() }) { log1p(exp($0)) },
    UnaryCase("softplus far out", { try $0.softplus() }, at: [-200, 200, -.infinity]) { max($0, 0) },
    UnaryCase("relu", { try $0.relu() }) { max($0, 0) },
    UnaryCase("gelu", { try $0.gelu() }) { 0.5 * $0 * (1 + erf($0 / 2.0.squareRoot())) },
    UnaryCase("silu", { try $0.silu() }) { $0 * sigmoid($0) },
    UnaryCase("floor", { try $0.floor() }) { floor($0) },
    UnaryCase("sign", { try $0.sign() }) { $0 == 0 ? 0 : $0 < 0 ? -1 : 1 },
    UnaryCase("x + 2.5", { try $0 + 2.5 }) { $0 + 2.5 },
    UnaryCase("x - 2.5", { try $0 - 2.5 }) { $0 - 2.5 },
    UnaryCase("2.5 - x", { try 2.5 - $0 }) { 2.5 - $0 },
    UnaryCase("x * 2.5", { try $0 * 2.5 }) { $0 * 2.5 },
    UnaryCase("2.5 * x", { try 2.5 * $0 }) { $0 * 2.5 },
    UnaryCase("x / 2.5", { try $0 / 2.5 }) { $0 / 2.5 },
    UnaryCase("2.5 / x", { try 2.5 / $0 }, at: [-3, -0.5, 0.25, 4]) { 2.5 / $0 },
    UnaryCase("pow(3)", { try $0.pow(3) }) { $0 * $0 * $0 },
    UnaryCase("clamped", { try $0.clamped(from: -1, to: 0.5) }) { min(max($0, -1), 0.5) },
    UnaryCase("clamped below", { try $0.clamped(from: 0) }) { max($0, 0) },
    UnaryCase("clamped above", { try $0.clamped(to: 0) }) { min($0, 0) },
    UnaryCase("equal", { try $0.equal(0.25) }) { number($0 == 0.25) },
    UnaryCase("notEqual", { try $0.notEqual(0.25) }) { number($0 != 0.25) },
    UnaryCase("less", { try $0.less(0.25) }) { number($0 < 0.25) },
    UnaryCase("lessOrEqual", { try $0.lessOrEqual(0.25) }) { number($0 <= 0.25) },
    UnaryCase("greater", { try $0.greater(0.25) }) { number($0 > 0.25) },
    UnaryCase("greaterOrEqual", { try $0.greaterOrEqual(0.25) }) { number($0 >= 0.25) },
    UnaryCase("not", { try $0.not() }) { number($0 == 0) },
    UnaryCase("isNaN", { try $0.isNaN() }, at: [0, .nan, .infinity]) { number($0.isNaN) },
]

private let functionsOfTwo: [BinaryCase] = [
    BinaryCase("+", { try $0 + $1 }) { $0 + $1 },
    BinaryCase("-", { try $0 - $1 }) { $0 - $1 },
    BinaryCase("*", { try $0 * $1 }) { $0 * $1 },
    BinaryCase("/", { try $0 / $1 }) { $0 / $1 },
    BinaryCase("pow", { try $0.abs().pow($1) }) { pow(abs($0), $1) },
    BinaryCase("maximum", { try $0.maximum($1) }) { max($0, $1) },
    BinaryCase("minimum", { try $0.minimum($1) }) { min($0, $1) },
    BinaryCase("lerp", { try $0.lerp($1, 0.25) }) { $0 + 0.25 * ($1 - $0) },
    BinaryCase("equal", { try $0.equal($1) }) { number($0 == $1) },
    BinaryCase("less", { try $0.less($1) }) { number($0 < $1) },
    BinaryCase("greater", { try $0.greater($1) }) { number($0 > $1) },
    BinaryCase("greaterOrEqual", { try $0.greaterOrEqual($1) }) { number($0 >= $1) },
    BinaryCase("and", { try $0.less(0).and($1.less(0)) }) { number($0 < 0 && $1 < 0) },
    BinaryCase("or", { try $0.less(0).or($1.less(0)) }) { number($0 < 0 || $1 < 0) },
    BinaryCase("where", { try .where($0.less($1), $0, $1) }) { min($0, $1) },
]

@Suite("Element by element")
struct ElementwiseTests {
    @Test("functions of one tensor agree with the functions of numbers", arguments: functions)
    func unary(_ example: UnaryCase) throws {
        let x = try Tensor(example.points.map(Float.init))
        try expect(example.apply(x), example.points.map(example.reference), shape: x.shape)
    }

    @Test("functions of two tensors agree with the functions of numbers, and broadcast", arguments: functionsOfTwo)
    func binary(_ example: BinaryCase) throws {
        let (a, b): ([Double], [Double]) = ([-2, 0.5, 3], [0.5, -1])
        let pairs = b.flatMap { y in a.map { ($0, y) } }
        let found = try example.apply(Tensor(a.map(Float.init)), Tensor(b.map(Float.init), shape: [2, 1]))
        try expect(found, pairs.map(example.reference), shape: [2, 3])
    }

    @Test("a whole number as operand keeps whole numbers whole", arguments: [DType.int8, .int16, .int32, .int64])
    func integersStay(_ dtype: DType) throws {
        let x = try Tensor([1, 2, 3] as [Int32]).to(dtype)
        for (found, wanted) in try [
            (x + 2, [3, 4, 5]), (x - 1, [0, 1, 2]), (5 - x, [4, 3, 2]), (x * 3, [3, 6, 9]), (x.pow(2), [1, 4, 9]),
            (x.clamped(from: 2), [2, 2, 3]), (x.filled(where: x.equal(2), with: -1), [1, -1, 3]),
        ] as [(Tensor, [Int])] {
            #expect(found.dtype == dtype)
            #expect(try found.integers() == wanted)
        }
    }

    @Test("large whole numbers are not rounded on their way")
    func largeIntegers() throws {
        let large = Int64(1) << 60
        let x = try Tensor([large + 1])
        #expect(try (x + 1).array(Int64.self) == [large + 2])
        #expect(try (x * 2).array(Int64.self) == [2 * large + 2])
    }

    @Test("a fraction as operand makes float32 of whole numbers, and so does division")
    func fractions() throws {
        let x = try Tensor([1, 2] as [Int64])
        for (found, wanted) in try [(x * 0.5, [0.5, 1]), (x + 0.25, [1.25, 2.25]), (x / 4, [0.25, 0.5])] {
            #expect(found.dtype == .float32)
            try expect(found, wanted)
        }
    }

    @Test("a scalar keeps narrow and wide floating-point types", arguments: [DType.float16, .bfloat16, .float64])
    func floatingTypes(_ dtype: DType) throws {
        #expect(try (Tensor.ones([1], dtype) * 0.1).dtype == dtype)
        #expect(try (1 / Tensor.ones([1], dtype)).dtype == dtype)
    }

    @Test("a mask replaces what it covers")
    func filled() throws {
        let x = try Tensor([1, 2, 3] as [Float])
        #expect(try x.filled(where: x.greater(1.5), with: -.infinity).floats() == [1, -.infinity, -.infinity])
        #expect(try x.floats() == [1, 2, 3])
    }

    @Test("infinity does not fit into whole numbers")
    func infinityInIntegers() throws {
        #expect(throws: TorchError.self) { try Tensor.full([1], .infinity, .int32) }
        #expect(throws: TorchError.self) { try Tensor.full([1], .nan, .int64) }
    }
}
