// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeTensorFiles
import Foundation
import TestSupport
import Testing

/// Source files in a folder that lives as long as the object, and imports of them.
final class TemporarySources {
    let folder: TemporaryFolder
    var target: URL { folder.file("imported") }

    init() throws { folder = try TemporaryFolder() }

    func file(_ name: String, _ text: String) throws -> URL { try file(name, Array(text.utf8)) }

    func file(_ name: String, _ bytes: [UInt8]) throws -> URL {
        try Data(bytes).write(to: folder.file(name))
        return folder.file(name)
    }

    /// Imports files without filters, unless `options` set some.
    func importing(
        _ format: String,
        _ paths: URL...,
        options configure: (inout ImportOptions) -> Void = { _ in }
    ) throws -> ImportReport {
        var options = ImportOptions()
        (options.minUserEvents, options.minItemEvents) = (0, 0)
        configure(&options)
        return try importDataset(from: format, paths: paths, to: target, options: options)
    }

    /// The names of everything in the folder, hidden files too.
    func names() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: folder.url.path).sorted() }
}

extension Dataset {
    /// All events, user after user, as they would have been given to a builder.
    func allEvents() -> [Event] {
        (0..<userCount).flatMap { user in
            events(of: UserIndex(user)).map { row in
                Event(
                    user: userID(UserIndex(user)),
                    item: itemID(ItemIndex(Int(items[row]))),
                    action: Action(rawValue: actions[row]) ?? .view,
                    time: times[row],
                    query: query(at: row),
                    value: values[row].isNaN ? nil : values[row]
                )
            }
        }
    }
}

/// A gzip file of `bytes`, stored without compression (RFC 1951, section 3.2.4; RFC 1952, section 2.3).
func gzip(_ bytes: [UInt8]) -> [UInt8] {
    var file: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255]
    let starts = Array(stride(from: 0, to: max(1, bytes.count), by: 65_535))
    for start in starts {
        let block = bytes[start..<min(start + 65_535, bytes.count)]
        let size = UInt16(block.count)
        file += [start == starts.last ? 1 : 0] + littleEndian(size) + littleEndian(~size) + block
    }
    return file + littleEndian(checksum(bytes)) + littleEndian(UInt32(bytes.count))
}

private func littleEndian(_ number: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: number.littleEndian) { Array($0) }
}

/// CRC-32 as gzip uses it.
private func checksum(_ bytes: [UInt8]) -> UInt32 {
    let table: [UInt32] = (0..<256).map { byte in
        var crc = UInt32(byte)
        for _ in 0..<8 { crc = crc & 1 == 1 ? 0xEDB8_8320 ^ (crc >> 1) : crc >> 1 }
        return crc
    }
    var crc = ~UInt32(0)
    for byte in bytes { crc = table[Int(UInt8(truncatingIfNeeded: crc) ^ byte)] ^ (crc >> 8) }
    return ~crc
}

/// The folder with the shared real data sets; many machines have none.
enum RealData {
    static let folder: URL = {
        if let path = ProcessInfo.processInfo.environment["CASCADE_SHARED_DATA"] { return URL(fileURLWithPath: path) }
        // This file is Tests/DatasetsTests/ImporterSupport.swift of the package.
        var package = URL(fileURLWithPath: #filePath)
        for _ in 0..<3 { package.deleteLastPathComponent() }
        return package.deletingLastPathComponent().appendingPathComponent("shared/data")
    }()

    /// Whether a test may take over ten seconds without optimization: in an optimized build, where it takes a few, or
    /// when the environment has CASCADE_LONG_TESTS.
    static var isLongTestAllowed: Bool {
        #if DEBUG
            ProcessInfo.processInfo.environment["CASCADE_LONG_TESTS"] != nil
        #else
            true
        #endif
    }

    static func has(_ name: String) -> Bool {
        FileManager.default.fileExists(atPath: folder.appendingPathComponent(name).path)
    }
}
