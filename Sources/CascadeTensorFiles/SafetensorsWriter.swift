// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import Foundation

/// Collects tensors and writes them as one safetensors file.
///
/// The same tensors give the same bytes. Wider types come first and otherwise the order of `add` holds, so that every
/// tensor is aligned to its own type and can be viewed without a copy.
public struct SafetensorsWriter {
    /// Passes the bytes of one tensor, piece by piece, to `write`.
    public typealias ByteProvider = (_ write: @escaping DurableFile.ByteSink) throws -> Void

    private let metadata: [String: String]
    private var tensors: [Tensor] = []

    private struct Tensor {
        let name: String
        let type: ScalarType
        let shape: [Int]
        let byteCount: Int
        let provider: ByteProvider
    }

    /// Creates a writer without tensors.
    ///
    /// - Parameter metadata: Free-form text pairs for the header.
    public init(metadata: [String: String] = [:]) {
        self.metadata = metadata
    }

    /// Adds a tensor from an array in row-major order, whose count must be the product of `shape`.
    public mutating func add<T: Scalar>(_ name: String, shape: [Int], _ values: [T]) {
        add(name, type: T.scalarType, shape: shape) { write in try values.withUnsafeBytes { try write($0) } }
        precondition(
            tensors.last?.byteCount == values.count * T.byteCount,
            "'\(name)' has \(values.count) values, which do not fill the shape \(shape)"
        )
    }

    /// Adds a tensor whose bytes are asked for when the file is written, so that they need never be in memory at once.
    ///
    /// - Parameters:
    ///   - name: The tensor's name.
    ///   - type: The elements' type.
    ///   - shape: The tensor's shape.
    ///   - bytes: Must pass on exactly the product of `shape` times the type's size, or the write fails.
    public mutating func add(_ name: String, type: ScalarType, shape: [Int], bytes: @escaping ByteProvider) {
        guard let byteCount = type.byteCount(shape: shape) else {
            preconditionFailure("'\(name)' has the impossible shape \(shape)")
        }
        tensors.append(Tensor(name: name, type: type, shape: shape, byteCount: byteCount, provider: bytes))
    }

    /// Writes the file: complete under its name, or not at all.
    ///
    /// - Parameters:
    ///   - url: Where the file goes.
    ///   - approve: Is given the finished file under its temporary name, before it takes the final one.
    /// - Throws: ``FileError`` when two tensors share a name, a provider passes too few or too many bytes, or the disk
    ///   refuses; what was at `url` before is then untouched.
    public func write(to url: URL, approving approve: (URL) throws -> Void = { _ in }) throws(FileError) {
        let names = Set(tensors.map(\.name))
        guard names.count == tensors.count, !names.contains(SafetensorsHeader.metadataKey) else {
            throw FileError(
                .malformed,
                url,
                "two tensors share a name, or one is named '\(SafetensorsHeader.metadataKey)'."
            )
        }
        let ordered = ScalarWidth.descending.flatMap { width in tensors.filter { $0.type.byteCount == width } }
        let header = Self.header(ordered, metadata)
        guard header.count <= SafetensorsHeader.maximumLength else {
            throw FileError(.malformed, url, "the header would have \(header.count) bytes, more than readers accept.")
        }
        try DurableFile.write(to: url, approving: approve) { write in
            try withUnsafeBytes(of: UInt64(header.count)) { try write($0) }
            try header.withUnsafeBytes { try write($0) }
            for tensor in ordered {
                try passOn(tensor.provider, byteCount: tensor.byteCount, of: quoted(tensor.name), url, write)
            }
        }
    }

    private static func header(_ tensors: [Tensor], _ metadata: [String: String]) -> [UInt8] {
        var fields: [String] = []
        if !metadata.isEmpty {
            let pairs = metadata.sorted { $0.key < $1.key }.map { "\(json($0.key)):\(json($0.value))" }
            fields.append("\(json(SafetensorsHeader.metadataKey)):{\(pairs.joined(separator: ","))}")
        }
        var start = 0
        for tensor in tensors {
            let end = start + tensor.byteCount
            let shape = tensor.shape.map(String.init).joined(separator: ",")
            fields.append(
                #"\#(json(tensor.name)):{"dtype":"\#(tensor.type.rawValue)","shape":[\#(shape)],"data_offsets":[\#(start),\#(end)]}"#
            )
            start = end
        }
        var bytes = Array("{\(fields.joined(separator: ","))}".utf8)
        while bytes.count % 8 != 0 { bytes.append(UInt8(ascii: " ")) }  // the data section starts at a multiple of 8
        return bytes
    }

    /// A JSON string literal.
    private static func json(_ text: String) -> String {
        var literal = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": literal += "\\\""
            case "\\": literal += "\\\\"
            case "\0"..."\u{1F}": literal += "\\u00" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
            default: literal.unicodeScalars.append(scalar)
            }
        }
        return literal + "\""
    }
}

private enum ScalarWidth {
    /// Sizes of all scalar types in bytes, widest first.
    static let descending = Set(ScalarType.allCases.map(\.byteCount)).sorted(by: >)
}

/// Runs a byte provider and checks that it passes exactly `byteCount` bytes.
func passOn(
    _ provider: SafetensorsWriter.ByteProvider,
    byteCount: Int,
    of what: String,
    _ url: URL,
    _ write: @escaping DurableFile.ByteSink
) throws {
    var count = 0
    try provider { bytes in
        count += bytes.count
        // Checked before writing, so that a runaway provider cannot fill the disk.
        if count <= byteCount { try write(bytes) }
        guard count <= byteCount else {
            throw FileError(.wrongShape, url, "\(what): more than \(byteCount) bytes passed.")
        }
    }
    guard count == byteCount else {
        throw FileError(.wrongShape, url, "\(what): \(count) bytes passed; its shape needs \(byteCount).")
    }
}
