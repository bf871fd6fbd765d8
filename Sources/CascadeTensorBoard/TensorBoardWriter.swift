// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeTensorFiles
public import Foundation

/// Appends scalars, and a run's settings, to an event file that TensorBoard shows while the run is going on.
///
/// Every scalar is in the file when the call returns, so a killed run loses none. A resumed run starts a further file,
/// which TensorBoard joins to the earlier ones. Not for use by several threads at once.
///
/// - Source: TensorFlow's `event.proto` and `summary.proto` (messages), and its record writer (framing).
public final class TensorBoardWriter {
    private let file: AppendedFile

    /// The event file that is written.
    public var url: URL { file.url }

    /// Creates `events.out.tfevents.<seconds>.<suffix>` in a folder that exists.
    ///
    /// - Parameters:
    ///   - directory: The folder that TensorBoard is pointed at.
    ///   - wallTime: The time now, in seconds since 1970.
    ///   - suffix: End of the file's name; a number is added when the name is taken.
    /// - Throws: ``FileError`` when the file cannot be created.
    public init(directory: URL, wallTime: Double, suffix: String = "cascade") throws(FileError) {
        let name = "events.out.tfevents.\(Int64(wallTime)).\(suffix)"
        var url = directory.appendingPathComponent(name)
        var attempt = 0
        while FileManager.default.fileExists(atPath: url.path) {
            attempt += 1
            url = directory.appendingPathComponent("\(name).\(attempt)")
        }
        file = try AppendedFile(url)
        try append { event in
            event.double(1, wallTime)
            event.bytes(3, Array("brain.Event:2".utf8))
        }
    }

    /// Appends one point of a curve.
    ///
    /// - Parameters:
    ///   - tag: The curve's name, such as `loss` or `validation/ndcg@10`.
    ///   - value: Stored in single precision.
    ///   - step: Position on the horizontal axis.
    ///   - wallTime: The time now, in seconds since 1970.
    /// - Throws: ``FileError`` when the disk refuses.
    public func scalar(_ tag: String, _ value: Double, step: Int, wallTime: Double) throws(FileError) {
        var point = ProtocolBuffer()
        point.bytes(1, Array(tag.utf8))
        point.float(2, Float(value))
        var summary = ProtocolBuffer()
        summary.bytes(1, point.encoded)
        try append { event in
            event.double(1, wallTime)
            event.integer(2, Int64(step))
            event.bytes(5, summary.encoded)
        }
    }

    func append(_ fill: (inout ProtocolBuffer) -> Void) throws(FileError) {
        var event = ProtocolBuffer()
        fill(&event)
        try file.append(record(event.encoded))
    }
}

/// Frames one message as a TensorFlow record: length, checksum of the length, message, checksum of the message.
private func record(_ message: [UInt8]) -> [UInt8] {
    let length = littleEndian(UInt64(message.count))
    return length + littleEndian(maskedChecksum(length)) + message + littleEndian(maskedChecksum(message))
}

/// The checksum rotated and shifted, so that checksums of data that contain checksums stay good.
private func maskedChecksum(_ bytes: [UInt8]) -> UInt32 {
    let checksum = crc32c(bytes)
    return (checksum >> 15 | checksum << 17) &+ 0xA282_EAD8
}

/// The Castagnoli checksum of RFC 3720, appendix B.4.
func crc32c(_ bytes: [UInt8]) -> UInt32 {
    ~bytes.reduce(~0) { sum, byte in castagnoliTable[Int(UInt8(truncatingIfNeeded: sum) ^ byte)] ^ (sum >> 8) }
}

/// The checksum's step for every byte, from the bit-reversed polynomial 0x82F63B78.
private let castagnoliTable: [UInt32] = (0..<256).map { byte in
    (0..<8).reduce(UInt32(byte)) { sum, _ in sum & 1 == 1 ? sum >> 1 ^ 0x82F6_3B78 : sum >> 1 }
}

private func littleEndian(_ value: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian) { Array($0) }
}

/// The few field encodings of Protocol Buffers that an event needs.
///
/// - Source: https://protobuf.dev/programming-guides/encoding
struct ProtocolBuffer {
    private(set) var encoded: [UInt8] = []

    mutating func integer(_ field: UInt64, _ value: Int64) {
        variableLength(field << 3)
        variableLength(UInt64(bitPattern: value))
    }

    mutating func double(_ field: UInt64, _ value: Double) {
        variableLength(field << 3 | 1)
        encoded += littleEndian(value.bitPattern)
    }

    mutating func bytes(_ field: UInt64, _ value: [UInt8]) {
        variableLength(field << 3 | 2)
        variableLength(UInt64(value.count))
        encoded += value
    }

    mutating func float(_ field: UInt64, _ value: Float) {
        variableLength(field << 3 | 5)
        encoded += littleEndian(value.bitPattern)
    }

    /// Seven bits a byte, lowest first; the top bit says that more follow.
    private mutating func variableLength(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            encoded.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        encoded.append(UInt8(rest))
    }
}
