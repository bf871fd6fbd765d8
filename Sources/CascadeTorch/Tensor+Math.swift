// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CTorch

// Element-by-element operations broadcast as NumPy does. A scalar operand keeps the tensor's element type.

extension Tensor {
    private func unary(_ op: Int, _ name: StaticString) throws(TorchError) -> Tensor {
        try Tensor(ct_unary(Int32(op), raw), "\(name)(\(shape))")
    }
    private func binary(_ op: Int, _ other: Tensor, _ name: StaticString) throws(TorchError) -> Tensor {
        try Tensor(ct_binary(Int32(op), raw, other.raw), "\(name)(\(shape), \(other.shape))")
    }
    private func binary(_ op: Int, _ value: Double, _ name: StaticString) throws(TorchError) -> Tensor {
        try Tensor(ct_binary_scalar(Int32(op), raw, value), "\(name)(\(shape), \(value))")
    }

    // MARK: Arithmetic

    /// Sum.
    public static func + (a: Tensor, b: Tensor) throws(TorchError) -> Tensor { try a.binary(CT_ADD, b, "+") }
    /// Sum with a number.
    public static func + (a: Tensor, b: Double) throws(TorchError) -> Tensor { try a.binary(CT_ADD, b, "+") }
    /// Difference.
    public static func - (a: Tensor, b: Tensor) throws(TorchError) -> Tensor { try a.binary(CT_SUB, b, "-") }
    /// Difference with a number.
    public static func - (a: Tensor, b: Double) throws(TorchError) -> Tensor { try a.binary(CT_SUB, b, "-") }
    /// Difference of a number and a tensor.
    public static func - (a: Double, b: Tensor) throws(TorchError) -> Tensor { try b.binary(CT_RSUB, a, "-") }
    /// Product, element by element.
    public static func * (a: Tensor, b: Tensor) throws(TorchError) -> Tensor { try a.binary(CT_MUL, b, "*") }
    /// Product with a number.
    public static func * (a: Tensor, b: Double) throws(TorchError) -> Tensor { try a.binary(CT_MUL, b, "*") }
    /// Product with a number.
    public static func * (a: Double, b: Tensor) throws(TorchError) -> Tensor { try b.binary(CT_MUL, a, "*") }
    /// Quotient, element by element.
    public static func / (a: Tensor, b: Tensor) throws(TorchError) -> Tensor { try a.binary(CT_DIV, b, "/") }
    /// Quotient with a number.
    public static func / (a: Tensor, b: Double) throws(TorchError) -> Tensor { try a.binary(CT_DIV, b, "/") }
    /// Quotient of a number and a tensor.
    public static func / (a: Double, b: Tensor) throws(TorchError) -> Tensor { try b.binary(CT_RDIV, a, "/") }
    /// Negation.
    public static prefix func - (a: Tensor) throws(TorchError) -> Tensor { try a.unary(CT_NEG, "-") }

    /// Power.
    public func pow(_ exponent: Double) throws(TorchError) -> Tensor { try binary(CT_POW, exponent, "pow") }
    /// Power, element by element.
    public func pow(_ exponent: Tensor) throws(TorchError) -> Tensor { try binary(CT_POW, exponent, "pow") }
    /// The larger of two, element by element.
    public func maximum(_ other: Tensor) throws(TorchError) -> Tensor { try binary(CT_MAXIMUM, other, "maximum") }
    /// The smaller of two, element by element.
    public func minimum(_ other: Tensor) throws(TorchError) -> Tensor { try binary(CT_MINIMUM, other, "minimum") }
    /// Values outside a closed range moved to its ends.
    public func clamped(from low: Double = -.infinity, to high: Double = .infinity) throws(TorchError) -> Tensor {
        try Tensor(ct_clamp(raw, low, high), "clamped(\(shape), \(low), \(high))")
    }
    /// `self + weight * (other - self)`.
    public func lerp(_ other: Tensor, _ weight: Double) throws(TorchError) -> Tensor {
        try Tensor(ct_lerp(raw, other.raw, weight), "lerp(\(shape), \(other.shape))")
    }

    // MARK: Functions

    /// Absolute value.
    public func abs() throws(TorchError) -> Tensor { try unary(CT_ABS, "abs") }
    /// Exponential.
    public func exp() throws(TorchError) -> Tensor { try unary(CT_EXP, "exp") }
    /// Natural logarithm.
    public func log() throws(TorchError) -> Tensor { try unary(CT_LOG, "log") }
    /// `log(1 + x)`.
    public func log1p() throws(TorchError) -> Tensor { try unary(CT_LOG1P, "log1p") }
    /// Logarithm to base 2.
    public func log2() throws(TorchError) -> Tensor { try unary(CT_LOG2, "log2") }
    /// Square root.
    public func sqrt() throws(TorchError) -> Tensor { try unary(CT_SQRT, "sqrt") }
    /// `1 / sqrt(x)`.
    public func rsqrt() throws(TorchError) -> Tensor { try unary(CT_RSQRT, "rsqrt") }
    /// Square.
    public func square() throws(TorchError) -> Tensor { try unary(CT_SQUARE, "square") }
    /// `1 / x`.
    public func reciprocal() throws(TorchError) -> Tensor { try unary(CT_RECIPROCAL, "reciprocal") }
    /// Sine of an angle in radians.
    public func sin() throws(TorchError) -> Tensor { try unary(CT_SIN, "sin") }
    /// Cosine of an angle in radians.
    public func cos() throws(TorchError) -> Tensor { try unary(CT_COS, "cos") }
    /// The angle in -pi...pi of the points with these second coordinates and those first ones: `atan2(self, first)`.
    public func angle(to first: Tensor) throws(TorchError) -> Tensor { try binary(CT_ATAN2, first, "angle") }
    /// Hyperbolic tangent.
    public func tanh() throws(TorchError) -> Tensor { try unary(CT_TANH, "tanh") }
    /// Logistic function.
    public func sigmoid() throws(TorchError) -> Tensor { try unary(CT_SIGMOID, "sigmoid") }
    /// Logarithm of the logistic function, without overflow.
    public func logSigmoid() throws(TorchError) -> Tensor { try unary(CT_LOGSIGMOID, "logSigmoid") }
    /// `log(1 + exp(x))`, without overflow.
    public func softplus() throws(TorchError) -> Tensor { try unary(CT_SOFTPLUS, "softplus") }
    /// The positive part.
    public func relu() throws(TorchError) -> Tensor { try unary(CT_RELU, "relu") }
    /// Gaussian error linear unit, exact.
    public func gelu() throws(TorchError) -> Tensor { try unary(CT_GELU, "gelu") }
    /// `x * sigmoid(x)`.
    public func silu() throws(TorchError) -> Tensor { try unary(CT_SILU, "silu") }
    /// The largest whole number not above.
    public func floor() throws(TorchError) -> Tensor { try unary(CT_FLOOR, "floor") }
    /// -1, 0 or 1.
    public func sign() throws(TorchError) -> Tensor { try unary(CT_SIGN, "sign") }

    // MARK: Comparison and logic

    /// Where two are equal; `bool`.
    public func equal(_ other: Tensor) throws(TorchError) -> Tensor { try binary(CT_EQ, other, "equal") }
    /// Where the element is the number; `bool`.
    public func equal(_ value: Double) throws(TorchError) -> Tensor { try binary(CT_EQ, value, "equal") }
    /// Where the element is not the number; `bool`.
    public func notEqual(_ value: Double) throws(TorchError) -> Tensor { try binary(CT_NE, value, "notEqual") }
    /// Where the element is smaller; `bool`.
    public func less(_ other: Tensor) throws(TorchError) -> Tensor { try binary(CT_LT, other, "less") }
    /// Where the element is smaller than the number; `bool`.
    public func less(_ value: Double) throws(TorchError) -> Tensor { try binary(CT_LT, value, "less") }
    /// Where the element is at most the number; `bool`.
    public func lessOrEqual(_ value: Double) throws(TorchError) -> Tensor { try binary(CT_LE, value, "lessOrEqual") }
    /// Where the element is larger; `bool`.
    public func greater(_ other: Tensor) throws(TorchError) -> Tensor { try binary(CT_GT, other, "greater") }
    /// Where the element is larger than the number; `bool`.
    public func greater(_ value: Double) throws(TorchError) -> Tensor { try binary(CT_GT, value, "greater") }
    /// Where the element is at least the other; `bool`.
    public func greaterOrEqual(_ other: Tensor) throws(TorchError) -> Tensor {
        try binary(CT_GE, other, "greaterOrEqual")
    }
    /// Where the element is at least the number; `bool`.
    public func greaterOrEqual(_ value: Double) throws(TorchError) -> Tensor {
        try binary(CT_GE, value, "greaterOrEqual")
    }
    /// Where both are true; `bool`.
    public func and(_ other: Tensor) throws(TorchError) -> Tensor { try binary(CT_AND, other, "and") }
    /// Where either is true; `bool`.
    public func or(_ other: Tensor) throws(TorchError) -> Tensor { try binary(CT_OR, other, "or") }
    /// Where the element is false; `bool`.
    public func not() throws(TorchError) -> Tensor { try unary(CT_NOT, "not") }
    /// Where the element is not a number; `bool`.
    public func isNaN() throws(TorchError) -> Tensor { try unary(CT_ISNAN, "isNaN") }

    /// Elements of `a` where the condition holds, of `b` elsewhere.
    public static func `where`(_ condition: Tensor, _ a: Tensor, _ b: Tensor) throws(TorchError) -> Tensor {
        try Tensor(ct_where(condition.raw, a.raw, b.raw), "where(\(condition.shape), \(a.shape), \(b.shape))")
    }
    /// A copy with a number where the mask holds.
    public func filled(where mask: Tensor, with value: Double) throws(TorchError) -> Tensor {
        try Tensor(ct_masked_fill(raw, mask.raw, value), "filled(\(shape), mask \(mask.shape))")
    }

    // MARK: Reductions

    private func reduce(
        _ op: Int,
        _ dimensions: [Int],
        _ keep: Bool,
        _ name: StaticString
    ) throws(TorchError) -> Tensor {
        try Tensor(
            ct_reduce(Int32(op), raw, dimensions.map(Int64.init), Int32(dimensions.count), keep),
            "\(name)(\(shape), over \(dimensions))"
        )
    }

    /// Sum over the given dimensions, or over everything.
    public func sum(_ dimensions: Int..., keep: Bool = false) throws(TorchError) -> Tensor {
        try reduce(CT_SUM, dimensions, keep, "sum")
    }
    /// Mean over the given dimensions, or over everything.
    public func mean(_ dimensions: Int..., keep: Bool = false) throws(TorchError) -> Tensor {
        try reduce(CT_MEAN, dimensions, keep, "mean")
    }
    /// Largest element over the given dimensions, or over everything.
    public func max(_ dimensions: Int..., keep: Bool = false) throws(TorchError) -> Tensor {
        try reduce(CT_AMAX, dimensions, keep, "max")
    }
    /// Smallest element over the given dimensions, or over everything.
    public func min(_ dimensions: Int..., keep: Bool = false) throws(TorchError) -> Tensor {
        try reduce(CT_AMIN, dimensions, keep, "min")
    }
    /// `log(sum(exp(x)))`, without overflow.
    public func logSumExp(_ dimensions: Int..., keep: Bool = false) throws(TorchError) -> Tensor {
        try reduce(CT_LOGSUMEXP, dimensions, keep, "logSumExp")
    }
    /// Whether any element is true.
    public func any(_ dimensions: Int..., keep: Bool = false) throws(TorchError) -> Tensor {
        try reduce(CT_ANY, dimensions, keep, "any")
    }
    /// Whether all elements are true.
    public func all(_ dimensions: Int..., keep: Bool = false) throws(TorchError) -> Tensor {
        try reduce(CT_ALL, dimensions, keep, "all")
    }
    /// Euclidean norm.
    public func norm(_ dimensions: Int..., keep: Bool = false) throws(TorchError) -> Tensor {
        try reduce(CT_NORM2, dimensions, keep, "norm")
    }
    /// Population variance (divided by the count).
    public func variance(_ dimensions: Int..., keep: Bool = false) throws(TorchError) -> Tensor {
        try reduce(CT_VAR, dimensions, keep, "variance")
    }
    /// Population standard deviation.
    public func deviation(_ dimensions: Int..., keep: Bool = false) throws(TorchError) -> Tensor {
        try reduce(CT_STD, dimensions, keep, "deviation")
    }
    /// Index of the largest element along a dimension; int64.
    public func argMax(_ dimension: Int) throws(TorchError) -> Tensor {
        try Tensor(ct_arg(raw, Int64(dimension), true), "argMax(\(shape), \(dimension))")
    }
    /// Index of the smallest element along a dimension; int64.
    public func argMin(_ dimension: Int) throws(TorchError) -> Tensor {
        try Tensor(ct_arg(raw, Int64(dimension), false), "argMin(\(shape), \(dimension))")
    }
    /// Running sum along a dimension.
    public func cumulativeSum(_ dimension: Int) throws(TorchError) -> Tensor {
        try Tensor(ct_cumsum(raw, Int64(dimension)), "cumulativeSum(\(shape), \(dimension))")
    }
    /// Running product along a dimension.
    public func cumulativeProduct(_ dimension: Int) throws(TorchError) -> Tensor {
        try Tensor(ct_cumprod(raw, Int64(dimension)), "cumulativeProduct(\(shape), \(dimension))")
    }

    // MARK: Order

    /// The `k` largest (or smallest) elements along a dimension, in order, and where they were (int64).
    public func top(_ k: Int, along dimension: Int = -1, largest: Bool = true) throws(TorchError) -> (
        values: Tensor, indices: Tensor
    ) {
        var values: OpaquePointer?
        var indices: OpaquePointer?
        try check(ct_topk(raw, Int64(k), Int64(dimension), largest, &values, &indices), "top(\(k)) of \(shape)")
        return (try Tensor(values, "top"), try Tensor(indices, "top"))
    }
    /// The elements sorted along a dimension, stably, and where they were (int64).
    public func sorted(along dimension: Int = -1, descending: Bool = false) throws(TorchError) -> (
        values: Tensor, indices: Tensor
    ) {
        var values: OpaquePointer?
        var indices: OpaquePointer?
        try check(ct_sort(raw, Int64(dimension), descending, &values, &indices), "sorted(\(shape))")
        return (try Tensor(values, "sorted"), try Tensor(indices, "sorted"))
    }
    /// The distinct elements in rising order, where each element went, and how often each occurs.
    public func unique() throws(TorchError) -> (values: Tensor, inverse: Tensor, counts: Tensor) {
        var values: OpaquePointer?
        var inverse: OpaquePointer?
        var counts: OpaquePointer?
        try check(ct_unique(raw, &values, &inverse, &counts), "unique(\(shape))")
        return (try Tensor(values, "unique"), try Tensor(inverse, "unique"), try Tensor(counts, "unique"))
    }
}
