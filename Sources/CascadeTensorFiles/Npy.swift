// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import Foundation

/// Writes NumPy's array files (`.npy`): version 1.0, row-major, little-endian.
///
/// - Source: NumPy Enhancement Proposal 1 and `numpy.lib.format`.
public enum Npy {
    /// Writes an array in row-major order, whose count must be the product of `shape`.
    ///
    /// - Throws: ``FileError`` when the disk refuses; what was at `url` before is then untouched.
    public static func write<T: Scalar>(_ values: [T], shape: [Int], to url: URL) throws(FileError) {
        precondition(
            T.scalarType.byteCount(shape: shape) == values.count * T.byteCount,
            "\(values.count) values do not fill the shape \(shape)"
        )
        try write(type: T.scalarType, shape: shape, to: url) { write in try values.withUnsafeBytes { try write($0) } }
    }

    /// Writes an array whose bytes are asked for piece by piece, so that they need never be in memory at once.
    ///
    /// - Parameters:
    ///   - type: The elements' type.
    ///   - shape: The array's shape.
    ///   - url: The file.
    ///   - bytes: Must pass on exactly the product of `shape` times the type's size.
    /// - Throws: ``FileError`` when the type does not exist in NumPy (`bfloat16`), when too few or too many bytes are
    ///   passed, or when the disk refuses; what was at `url` before is then untouched.
    public static func write(
        type: ScalarType,
        shape: [Int],
        to url: URL,
        bytes: SafetensorsWriter.ByteProvider
    ) throws(FileError) {
        guard let byteCount = type.byteCount(shape: shape) else {
            preconditionFailure("the shape \(shape) is impossible")
        }
        guard let typeName = name(of: type) else {
            throw FileError(.wrongType, url, "NumPy has no type \(type.rawValue); convert the values to F32 first.")
        }
        let sizes = shape.map { "\($0)" }.joined(separator: ", ") + (shape.count == 1 ? "," : "")
        let description = "{'descr': '\(typeName)', 'fortran_order': False, 'shape': (\(sizes)), }"
        let prefix: [UInt8] = [0x93] + Array("NUMPY".utf8) + [1, 0]
        // Spaces and a newline bring prefix, length and description to a multiple of 64 bytes.
        let padding = 63 - (prefix.count + 2 + description.utf8.count) % 64
        let header = Array((description + String(repeating: " ", count: padding) + "\n").utf8)
        guard let length = UInt16(exactly: header.count) else {
            throw FileError(.wrongShape, url, "\(shape.count) dimensions are more than the format can describe.")
        }
        let start = prefix + [UInt8(length & 0xFF), UInt8(length >> 8)] + header
        try DurableFile.write(to: url) { write in
            try start.withUnsafeBytes { try write($0) }
            try passOn(bytes, byteCount: byteCount, of: "the array", url, write)
        }
    }

    private static func name(of type: ScalarType) -> String? {
        switch type {
        case .bool: "|b1"
        case .uint8: "|u1"
        case .int8: "|i1"
        case .int16: "<i2"
        case .int32: "<i4"
        case .int64: "<i8"
        case .float16: "<f2"
        case .bfloat16: nil
        case .float32: "<f4"
        case .float64: "<f8"
        }
    }
}
