// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeTensorFiles
import Foundation
import TestSupport
import Testing

@Suite("Safetensors files")
struct SafetensorsTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    @Test("a copied file stays readable when the file is cut short, and when it goes")
    func copied() throws {
        let url = folder.file("long.safetensors")
        let numbers = (0..<100_000).map { Int32($0) }
        var writer = SafetensorsWriter()
        writer.add("numbers", shape: [numbers.count], numbers)
        try writer.write(to: url)
        let file = try SafetensorsFile(url, loading: .copied)
        let column = try file.column("numbers", as: Int32.self)
        #expect(truncate(url.path, 0) == 0)
        #expect(Array(column) == numbers)
        #expect(try file.array("numbers", as: Int32.self) == numbers)
        try FileManager.default.removeItem(at: url)
        #expect(column[99_999] == 99_999)
    }

    @Test("what is written is read back, for every type")
    func roundTrip() throws {
        let url = folder.file("all.safetensors")
        var writer = SafetensorsWriter(metadata: ["format": "a \"quoted\" \\ text\nof two lines", "é": "日本"])
        writer.add("u8", shape: [3], [UInt8(0), 1, 255])
        writer.add("i8", shape: [3], [Int8.min, 0, Int8.max])
        writer.add("i16", shape: [1], [Int16.min])
        writer.add("i32", shape: [2, 2], [Int32.min, -1, 0, Int32.max])
        writer.add("i64", shape: [2], [Int64.min, Int64.max])
        writer.add("f32", shape: [1, 2, 1], [Float.infinity, -0.0])
        writer.add("f64", shape: [], [Double.pi])
        writer.add("none", shape: [0, 7], [Float]())
        try writer.write(to: url)

        let file = try SafetensorsFile(url)
        #expect(file.url == url)
        #expect(file.metadata == ["format": "a \"quoted\" \\ text\nof two lines", "é": "日本"])
        #expect(try file.array("u8", as: UInt8.self) == [0, 1, 255])
        #expect(try file.array("i8", as: Int8.self) == [-128, 0, 127])
        #expect(try file.array("i16", as: Int16.self) == [-32768])
        #expect(try file.array("i32", as: Int32.self) == [Int32.min, -1, 0, Int32.max])
        #expect(try file.array("i64", as: Int64.self) == [Int64.min, Int64.max])
        #expect(try file.array("f32", as: Float.self).map(\.bitPattern) == [0x7F80_0000, 0x8000_0000])
        #expect(try file.array("f64", as: Double.self) == [Double.pi])
        #expect(try file.array("none", as: Float.self).isEmpty)
        #expect(try file.entry("i32").shape == [2, 2])
        #expect(try file.entry("f64").shape.isEmpty)
        #expect(try file.entry("none").range.isEmpty)
        #expect(try folder.names() == ["all.safetensors"])
    }

    @Test("wider types come first, each otherwise in the order added, and the data starts at a multiple of 8")
    func layout() throws {
        let url = folder.file("layout.safetensors")
        var writer = SafetensorsWriter()
        writer.add("bytes", shape: [3], [UInt8(1), 2, 3])
        writer.add("b", shape: [1], [Float(1)])
        writer.add("a", shape: [1], [Int32(2)])
        writer.add("times", shape: [1], [Int64(3)])
        try writer.write(to: url)

        let file = try SafetensorsFile(url)
        #expect(file.names == ["times", "b", "a", "bytes"])
        #expect(try file.entry("times").range == 0..<8)
        #expect(try file.entry("bytes").range == 16..<19)
        let bytes = try [UInt8](Data(contentsOf: url))
        #expect(bytes[0] % 8 == 0 && bytes.count == 8 + Int(bytes[0]) + 256 * Int(bytes[1]) + 19)
    }

    @Test("writes the exact bytes of the format")
    func goldenBytes() throws {
        let url = folder.file("golden.safetensors")
        var writer = SafetensorsWriter(metadata: ["b": "2", "a": "1"])
        writer.add("x", shape: [2], [Int32(1), -1])
        try writer.write(to: url)
        let header = #"{"__metadata__":{"a":"1","b":"2"},"x":{"dtype":"I32","shape":[2],"data_offsets":[0,8]}}"#
        let padded = header + String(repeating: " ", count: (8 - header.utf8.count % 8) % 8)
        let expected =
            [UInt8(padded.utf8.count), 0, 0, 0, 0, 0, 0, 0] + Array(padded.utf8) + [1, 0, 0, 0, 255, 255, 255, 255]
        #expect(try [UInt8](Data(contentsOf: url)) == expected)
    }

    @Test("the same tensors give the same bytes")
    func deterministic() throws {
        let files = try (0..<2).map { index in
            let url = folder.file("\(index)")
            var writer = SafetensorsWriter(metadata: Dictionary(uniqueKeysWithValues: (0..<20).map { ("k\($0)", "v") }))
            for name in 0..<20 { writer.add("t\(name)", shape: [1], [Float(name)]) }
            try writer.write(to: url)
            return try Data(contentsOf: url)
        }
        #expect(files[0] == files[1])
    }

    @Test("a provider's pieces are joined; a wrong number of bytes leaves no file", arguments: [15, 16, 17])
    func providers(_ count: Int) throws {
        let url = folder.file("pieces.safetensors")
        var writer = SafetensorsWriter()
        writer.add("x", type: .float16, shape: [4, 2]) { write in
            let pieces: [[UInt8]] = [Array(0..<10), [], Array(10..<UInt8(count))]
            for piece in pieces { try piece.withUnsafeBytes { try write($0) } }
        }
        guard count != 16 else {
            try writer.write(to: url)
            let bytes = try SafetensorsFile(url).withUnsafeBytes(of: "x") { Array($0) }
            #expect(bytes == Array(0..<16))
            return
        }
        let error = #expect(throws: FileError.self) { try writer.write(to: url) }
        #expect(error?.reason == .wrongShape && error?.description.contains("'x'") == true)
        #expect(try folder.names().isEmpty)
    }

    @Test("an error of a provider is wrapped and the old file stays")
    func failingProvider() throws {
        struct Unlucky: Error {}
        let url = try folder.file("old", holding: [1, 2, 3])
        var writer = SafetensorsWriter()
        writer.add("x", type: .uint8, shape: [1]) { _ in throw Unlucky() }
        let error = #expect(throws: FileError.self) { try writer.write(to: url) }
        #expect(error?.reason == .writeFailed && error?.description.contains("Unlucky") == true)
        #expect(try Data(contentsOf: url) == Data([1, 2, 3]))
        #expect(try folder.names() == ["old"])
    }

    @Test("refuses two tensors of one name, and the reserved name", arguments: ["x", "__metadata__"])
    func refusesNames(_ name: String) throws {
        var writer = SafetensorsWriter()
        writer.add("x", shape: [1], [Float(1)])
        writer.add(name, shape: [1], [Float(1)])
        #expect(throws: FileError.self) { try writer.write(to: folder.file("twice")) }
    }

    @Test("a missing tensor's error names the nearest one")
    func missingTensor() throws {
        let url = folder.file("model.safetensors")
        var writer = SafetensorsWriter()
        writer.add("items.weight", shape: [1], [Float(1)])
        writer.add("norm.bias", shape: [1], [Float(1)])
        try writer.write(to: url)
        let file = try SafetensorsFile(url)
        let slip = #expect(throws: FileError.self) { try file.entry("item.weight") }
        #expect(slip?.reason == .missingTensor && slip?.description.contains("'items.weight'") == true)
        let other = #expect(throws: FileError.self) { try file.array("completely different", as: Float.self) }
        #expect(other?.description.contains("2 tensors") == true)
    }

    @Test("a wrong type or number of dimensions is refused with both named")
    func wrongTypeOrShape() throws {
        let url = folder.file("model.safetensors")
        var writer = SafetensorsWriter()
        writer.add("x", shape: [1, 1], [Float(1)])
        try writer.write(to: url)
        let file = try SafetensorsFile(url)
        let type = #expect(throws: FileError.self) { try file.array("x", as: Int32.self) }
        #expect(type?.reason == .wrongType && type?.description.contains("F32; expected I32") == true)
        let shape = #expect(throws: FileError.self) { try file.column("x", as: Float.self) }
        #expect(shape?.reason == .wrongShape && shape?.description.contains("[1, 1]") == true)
    }
}
