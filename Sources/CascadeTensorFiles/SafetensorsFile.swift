// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import Foundation

/// A safetensors file, mapped or copied into memory and checked completely when it is opened.
///
/// No file can make a later access read outside the mapping, whoever wrote it.
///
/// - Source: The safetensors format, https://github.com/huggingface/safetensors.
public struct SafetensorsFile: Sendable {
    /// One tensor of the file.
    public struct Entry: Sendable, Equatable {
        /// Its name, unique in the file.
        public let name: String
        /// Type of its numbers.
        public let type: ScalarType
        /// Size of every dimension; empty for a single number.
        public let shape: [Int]
        /// Its bytes within the data section.
        public let range: Range<Int>
    }

    /// Free-form text pairs from the header.
    public let metadata: [String: String]
    /// The names of all tensors, in the order of their bytes.
    public let names: [String]
    private let entries: [String: Entry]
    private let dataStart: Int
    private let file: MappedFile

    /// Maps (or copies) and checks the file at `url`.
    ///
    /// - Throws: ``FileError`` when it cannot be read, or when its header, offsets, shapes or length do not fit together.
    public init(_ url: URL, loading: FileLoading = .mapped) throws(FileError) {
        file = try MappedFile(url, loading: loading)
        let header = try SafetensorsHeader(file)
        metadata = header.metadata
        names = header.entries.map(\.name)
        entries = Dictionary(uniqueKeysWithValues: header.entries.map { ($0.name, $0) })
        dataStart = header.dataStart
    }

    /// The file that is mapped.
    public var url: URL { file.url }

    /// Describes one tensor.
    ///
    /// - Throws: ``FileError`` when there is none of that name; the message has the nearest name that exists.
    public func entry(_ name: String) throws(FileError) -> Entry {
        if let entry = entries[name] { return entry }
        let hint =
            nearestName(to: name, among: names).map { "Did you mean \(quoted($0))?" }
            ?? "It has \(names.count) tensors."
        throw FileError(.missingTensor, url, "there is no tensor \(quoted(name)). \(hint)")
    }

    /// Calls `body` with the bytes of one tensor, which need not be aligned; valid only during the call.
    ///
    /// - Throws: ``FileError`` when there is no such tensor, and what `body` throws.
    public func withUnsafeBytes<R>(of name: String, _ body: (UnsafeRawBufferPointer) throws -> R) throws -> R {
        let range = try entry(name).range
        return try file.withUnsafeBytes { bytes in
            try body(
                UnsafeRawBufferPointer(rebasing: bytes[dataStart + range.lowerBound..<dataStart + range.upperBound])
            )
        }
    }

    /// Copies one tensor, of any shape, into an array in row-major order.
    ///
    /// - Throws: ``FileError`` when there is no such tensor or it has another type.
    public func array<T: Scalar>(_ name: String, as type: T.Type) throws(FileError) -> [T] {
        let entry = try entry(name, of: type)
        return file.withUnsafeBytes { bytes in
            [T](unsafeUninitializedCapacity: entry.range.count / T.byteCount) { buffer, count in
                let start = dataStart + entry.range.lowerBound
                UnsafeMutableRawBufferPointer(buffer).copyMemory(
                    from: UnsafeRawBufferPointer(rebasing: bytes[start..<start + entry.range.count])
                )
                count = entry.range.count / T.byteCount
            }
        }
    }

    /// Views a one-dimensional tensor without copying it (where it is aligned in the file).
    ///
    /// - Throws: ``FileError`` when there is no such tensor, or it has another type or number of dimensions.
    public func column<T: Scalar>(_ name: String, as type: T.Type) throws(FileError) -> Column<T> {
        let entry = try entry(name, of: type)
        guard entry.shape.count == 1 else {
            let found = "\(quoted(name)) has the shape \(entry.shape.prefix(16))"
            throw FileError(.wrongShape, url, "\(found); expected one dimension. Was the file made for something else?")
        }
        return try values(name, as: type)
    }

    /// Views a tensor of any shape, in row-major order, without copying it (where it is aligned in the file).
    ///
    /// - Throws: ``FileError`` when there is no such tensor or it has another type.
    public func values<T: Scalar>(_ name: String, as type: T.Type) throws(FileError) -> Column<T> {
        let entry = try entry(name, of: type)
        return Column(file, offset: dataStart + entry.range.lowerBound, count: entry.range.count / T.byteCount)
    }

    private func entry<T: Scalar>(_ name: String, of type: T.Type) throws(FileError) -> Entry {
        let entry = try entry(name)
        guard entry.type == T.scalarType else {
            let found = "\(quoted(name)) holds \(entry.type.rawValue)"
            throw FileError(
                .wrongType,
                url,
                "\(found); expected \(T.scalarType.rawValue). Was it made by another version?"
            )
        }
        return entry
    }
}
