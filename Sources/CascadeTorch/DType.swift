// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CTorch
public import CascadeTensorFiles

/// The type of a tensor's elements.
public enum DType: Int32, Sendable, CaseIterable {
    case bool, uint8, int8, int16, int32, int64, float16, bfloat16, float32, float64

    /// Size of one element, in bytes.
    public var byteCount: Int { scalarType.byteCount }

    /// The same type, as files name it.
    public var scalarType: ScalarType {
        switch self {
        case .bool: .bool
        case .uint8: .uint8
        case .int8: .int8
        case .int16: .int16
        case .int32: .int32
        case .int64: .int64
        case .float16: .float16
        case .bfloat16: .bfloat16
        case .float32: .float32
        case .float64: .float64
        }
    }

    /// The tensor type of what a file holds.
    public init(_ type: ScalarType) {
        self =
            switch type {
            case .bool: .bool
            case .uint8: .uint8
            case .int8: .int8
            case .int16: .int16
            case .int32: .int32
            case .int64: .int64
            case .float16: .float16
            case .bfloat16: .bfloat16
            case .float32: .float32
            case .float64: .float64
            }
    }
}

/// A Swift type that tensors can be made from and read into.
public protocol TensorElement: BitwiseCopyable, Sendable {
    /// The element type of a tensor of such values.
    static var dtype: DType { get }
}

extension Float: TensorElement {
    /// `float32`.
    public static let dtype = DType.float32
}
extension Double: TensorElement {
    /// `float64`.
    public static let dtype = DType.float64
}
extension Int64: TensorElement {
    /// `int64`.
    public static let dtype = DType.int64
}
extension Int32: TensorElement {
    /// `int32`.
    public static let dtype = DType.int32
}
extension UInt8: TensorElement {
    /// `uint8`.
    public static let dtype = DType.uint8
}
extension Bool: TensorElement {
    /// `bool`.
    public static let dtype = DType.bool
}
