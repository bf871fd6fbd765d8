// Part of Cascade. SPDX-License-Identifier: Apache-2.0

#if _endian(big)
    #error("TensorFiles reads and writes memory as it is, and the formats are little-endian")
#endif

/// The type of one number in a tensor file; the raw value is its safetensors name.
public enum ScalarType: String, Sendable, Codable, CaseIterable {
    /// One byte, 0 or 1.
    case bool = "BOOL"
    /// Unsigned 8-bit integer.
    case uint8 = "U8"
    /// Signed 8-bit integer.
    case int8 = "I8"
    /// Signed 16-bit integer.
    case int16 = "I16"
    /// Signed 32-bit integer.
    case int32 = "I32"
    /// Signed 64-bit integer.
    case int64 = "I64"
    /// IEEE 754 half precision.
    case float16 = "F16"
    /// The upper half of a float32.
    case bfloat16 = "BF16"
    /// IEEE 754 single precision.
    case float32 = "F32"
    /// IEEE 754 double precision.
    case float64 = "F64"

    /// Size of one number, in bytes.
    public var byteCount: Int {
        switch self {
        case .bool, .uint8, .int8: 1
        case .int16, .float16, .bfloat16: 2
        case .int32, .float32: 4
        case .int64, .float64: 8
        }
    }

    /// Size of a tensor of this type in bytes; `nil` when a dimension is negative or the size overflows.
    func byteCount(shape: [Int]) -> Int? {
        // A zero dimension makes the tensor empty whatever the others are, so it is looked for first.
        guard shape.allSatisfy({ $0 >= 0 }) else { return nil }
        guard !shape.contains(0) else { return 0 }
        var bytes = byteCount
        for dimension in shape {
            let (product, overflow) = bytes.multipliedReportingOverflow(by: dimension)
            guard !overflow else { return nil }
            bytes = product
        }
        return bytes
    }
}

/// A Swift number that can be read from and written to a tensor file as it lies in memory.
public protocol Scalar: BitwiseCopyable, Sendable {
    /// The type's name on disk.
    static var scalarType: ScalarType { get }
}

extension UInt8: Scalar {
    /// `U8`.
    public static var scalarType: ScalarType { .uint8 }
}

extension Int8: Scalar {
    /// `I8`.
    public static var scalarType: ScalarType { .int8 }
}

extension Int16: Scalar {
    /// `I16`.
    public static var scalarType: ScalarType { .int16 }
}

extension Int32: Scalar {
    /// `I32`.
    public static var scalarType: ScalarType { .int32 }
}

extension Int64: Scalar {
    /// `I64`.
    public static var scalarType: ScalarType { .int64 }
}

extension Float: Scalar {
    /// `F32`.
    public static var scalarType: ScalarType { .float32 }
}

extension Double: Scalar {
    /// `F64`.
    public static var scalarType: ScalarType { .float64 }
}
