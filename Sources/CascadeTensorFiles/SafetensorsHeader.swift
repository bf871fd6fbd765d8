// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Foundation

/// The JSON header of a safetensors file, checked against the size of the file.
///
/// Layout of the file: 8 bytes with the header's length (unsigned, little-endian), the header, the data section.
struct SafetensorsHeader {
    /// Longest header that is read or written, in bytes; the format's reference implementation has the same bound.
    static let maximumLength = 100_000_000
    /// The key that holds the free-form text pairs.
    static let metadataKey = "__metadata__"

    let metadata: [String: String]
    /// In the order of their bytes, without gaps, up to the end of the file.
    let entries: [SafetensorsFile.Entry]
    /// Where the data section starts in the file, in bytes.
    let dataStart: Int

    init(_ file: MappedFile) throws(FileError) {
        let url = file.url
        guard file.count >= 8 else {
            throw FileError(
                .truncated,
                url,
                "only \(file.count) bytes, too short for a safetensors file. \(Self.remedy)"
            )
        }
        let announced = file.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) }
        guard announced >= 2, announced <= UInt64(Self.maximumLength) else {
            throw Self.malformed(url, "the header claims \(announced) bytes; expected 2 to \(Self.maximumLength)")
        }
        let length = Int(announced)
        guard length <= file.count - 8 else {
            let found = "the header claims \(length) bytes but only \(file.count - 8) follow"
            throw FileError(.truncated, url, "\(found). \(Self.remedy)")
        }
        dataStart = 8 + length
        let bytes = file.withUnsafeBytes { [UInt8]($0[8..<8 + length]) }
        let json = try Self.decode(bytes, url)
        metadata = json.metadata ?? [:]
        entries = try Self.layOut(json.tensors, dataCount: file.count - dataStart, url)
    }

    private static func decode(_ bytes: [UInt8], _ url: URL) throws(FileError) -> HeaderJSON {
        // Starting with a brace and free of zero bytes, it cannot be taken for anything but UTF-8.
        guard bytes.first == UInt8(ascii: "{"), !bytes.contains(0) else {
            throw malformed(url, "the header is not JSON text")
        }
        let json: HeaderJSON
        do {
            json = try JSONDecoder().decode(HeaderJSON.self, from: Data(bytes))
        } catch {
            throw malformed(url, "the header is not the JSON that safetensors prescribes")
        }
        guard keyCount(bytes) == json.keyCount else {
            throw malformed(url, "the header repeats a name or has fields that the format does not know")
        }
        return json
    }

    /// Checks every tensor by itself, and that together they fill the data section exactly.
    private static func layOut(
        _ tensors: [String: TensorJSON],
        dataCount: Int,
        _ url: URL
    ) throws(FileError) -> [SafetensorsFile.Entry] {
        var entries: [SafetensorsFile.Entry] = []
        entries.reserveCapacity(tensors.count)
        for (name, tensor) in tensors {
            guard let type = ScalarType(rawValue: tensor.dtype) else {
                let known = ScalarType.allCases.map(\.rawValue).joined(separator: ", ")
                let found = "\(quoted(name)) has the type \(quoted(tensor.dtype))"
                throw FileError(
                    .wrongType,
                    url,
                    "\(found); supported are \(known). Convert it with the tool that made it."
                )
            }
            guard tensor.data_offsets.count == 2, tensor.data_offsets[0] >= 0,
                tensor.data_offsets[0] <= tensor.data_offsets[1]
            else { throw malformed(url, "\(quoted(name)) has offsets that are not a range") }
            let range = tensor.data_offsets[0]..<tensor.data_offsets[1]
            guard range.upperBound <= dataCount else {
                let found = "\(quoted(name)) ends at byte \(range.upperBound) of the data, which has only \(dataCount)"
                throw FileError(.truncated, url, "\(found). \(remedy)")
            }
            guard type.byteCount(shape: tensor.shape) == range.count else {
                let found =
                    "\(quoted(name)) has \(range.count) bytes, which do not fit \(type.rawValue) \(tensor.shape.prefix(16))"
                throw FileError(.wrongShape, url, "\(found). \(remedy)")
            }
            entries.append(.init(name: name, type: type, shape: tensor.shape, range: range))
        }
        entries.sort {
            ($0.range.lowerBound, $0.range.upperBound, $0.name) < ($1.range.lowerBound, $1.range.upperBound, $1.name)
        }
        var end = 0
        for entry in entries {
            guard entry.range.lowerBound == end else {
                throw malformed(url, "\(quoted(entry.name)) starts at byte \(entry.range.lowerBound), expected \(end)")
            }
            end = entry.range.upperBound
        }
        guard end == dataCount else {
            throw malformed(url, "the tensors end at byte \(end) but the data section has \(dataCount)")
        }
        return entries
    }

    private static let remedy = "The file is damaged or incomplete; copy or make it again."

    private static func malformed(_ url: URL, _ message: String) -> FileError {
        FileError(.malformed, url, "\(message). \(remedy)")
    }

    /// Number of keys in valid JSON text: one colon each, outside the strings.
    private static func keyCount(_ bytes: [UInt8]) -> Int {
        var count = 0
        var inString = false
        var isEscaped = false
        for byte in bytes {
            switch byte {
            case _ where isEscaped: isEscaped = false
            case UInt8(ascii: "\\"): isEscaped = inString
            case UInt8(ascii: "\""): inString.toggle()
            case UInt8(ascii: ":") where !inString: count += 1
            default: break
            }
        }
        return count
    }
}

private struct TensorJSON: Decodable {
    let dtype: String
    let shape: [Int]
    let data_offsets: [Int]
}

private struct HeaderJSON: Decodable {
    var metadata: [String: String]?
    var tensors: [String: TensorJSON] = [:]

    private struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        for key in container.allKeys {
            if key.stringValue == SafetensorsHeader.metadataKey {
                metadata = try container.decode([String: String].self, forKey: key)
            } else {
                tensors[key.stringValue] = try container.decode(TensorJSON.self, forKey: key)
            }
        }
    }

    /// Number of keys in a header without repeated or unknown ones.
    var keyCount: Int { (metadata.map { $0.count + 1 } ?? 0) + tensors.count * 4 }
}
