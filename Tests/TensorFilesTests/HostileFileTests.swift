// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeTensorFiles
import Foundation
import TestSupport
import Testing

@Suite("Hostile safetensors files")
struct HostileFileTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    /// A file with any header text, however wrong, and `dataCount` zero bytes.
    func file(_ header: String, dataCount: Int, announced: UInt64? = nil) throws -> URL {
        let length = announced ?? UInt64(header.utf8.count)
        let bytes = withUnsafeBytes(of: length.littleEndian) { Array($0) } + Array(header.utf8)
        return try folder.file(UUID().uuidString, holding: bytes + Array(repeating: 0, count: dataCount))
    }

    static func tensor(_ name: String, _ dtype: String, _ shape: String, _ start: String, _ end: String) -> String {
        #""\#(name)":{"dtype":"\#(dtype)","shape":\#(shape),"data_offsets":[\#(start),\#(end)]}"#
    }

    @Test("the template that the cases below spoil is itself accepted")
    func template() throws {
        let text = "{\(Self.tensor("a", "F32", "[2]", "0", "8")),\(Self.tensor("b", "U8", "[]", "8", "9"))}"
        #expect(try SafetensorsFile(file(text, dataCount: 9)).names == ["a", "b"])
        #expect(try SafetensorsFile(file("{}", dataCount: 0)).names.isEmpty)
    }

    @Test("a header length that is zero, huge or longer than the file is refused")
    func headerLength() throws {
        for length in [0, 1, 100_000_001, UInt64(Int64.max), UInt64(Int64.max) + 1, .max - 7, .max] {
            #expect(throws: FileError.self, "\(length)") {
                try SafetensorsFile(file("{}", dataCount: 8, announced: length))
            }
        }
        let error = #expect(throws: FileError.self) { try SafetensorsFile(file("{}", dataCount: 8, announced: 11)) }
        #expect(error?.reason == .truncated)
    }

    @Test("a file too short for the length field is truncated", arguments: 0..<8)
    func shortFile(_ count: Int) throws {
        let url = try folder.file("short", holding: Array(repeating: 0, count: count))
        let error = #expect(throws: FileError.self) { try SafetensorsFile(url) }
        #expect(error?.reason == .truncated)
    }

    @Test(
        "offsets, shapes and types that do not fit are refused",
        arguments: [
            (tensor("a", "F32", "[2]", "0", "8"), 7, FileError.Reason.truncated),
            (tensor("a", "F32", "[2]", "0", "8"), 9, .malformed),
            (tensor("a", "F32", "[2]", "-8", "0"), 8, .malformed),
            (tensor("a", "F32", "[2]", "8", "0"), 8, .malformed),
            (tensor("a", "F32", "[2]", "0", "9223372036854775807"), 8, .truncated),
            (tensor("a", "F32", "[2]", "9223372036854775800", "9223372036854775807"), 8, .truncated),
            (tensor("a", "F32", "[2]", "0", "9223372036854775808"), 8, .malformed),
            (tensor("a", "F32", "[2]", "0", "1e300"), 8, .malformed),
            (tensor("a", "F32", "[2]", "0.5", "8"), 8, .malformed),
            (tensor("a", "F32", "[2]", "true", "8"), 8, .malformed),
            (tensor("a", "F32", "[2]", "null", "8"), 8, .malformed),
            (tensor("a", "F32", "[2]", "\"0\"", "8"), 8, .malformed),
            (tensor("a", "F32", "[2]", "0", "8,8"), 8, .malformed),
            (tensor("a", "F32", "[3]", "0", "8"), 8, .wrongShape),
            (tensor("a", "F32", "[-2]", "0", "8"), 8, .wrongShape),
            (tensor("a", "F32", "[-2,-1]", "0", "8"), 8, .wrongShape),
            (tensor("a", "F32", "[4611686018427387904,2]", "0", "8"), 8, .wrongShape),
            (tensor("a", "F32", "[4611686018427387904,4,0]", "0", "8"), 8, .wrongShape),
            (tensor("a", "F32", "2", "0", "8"), 8, .malformed),
            (tensor("a", "F12", "[2]", "0", "8"), 8, .wrongType),
            (tensor("a", "f32", "[2]", "0", "8"), 8, .wrongType),
            (tensor("a", "F32", "[1]", "0", "4") + "," + tensor("b", "F32", "[1]", "0", "4"), 4, .malformed),
            (tensor("a", "F32", "[2]", "0", "8") + "," + tensor("b", "F32", "[1]", "4", "8"), 8, .malformed),
            (tensor("a", "F32", "[1]", "0", "4") + "," + tensor("b", "F32", "[1]", "5", "9"), 9, .malformed),
            (tensor("b", "F32", "[1]", "4", "8"), 8, .malformed),
            (tensor("a", "F32", "[1]", "0", "4") + "," + tensor("a", "F32", "[1]", "0", "4"), 4, .malformed),
            (tensor("a", "F32", "[1]", "0", "4") + "," + tensor(#"\u0061"#, "F32", "[1]", "0", "4"), 4, .malformed),
            (#""__metadata__":{"k":1}"#, 0, .malformed),
            (#""__metadata__":{"k":"1","k":"2"}"#, 0, .malformed),
            (#""__metadata__":{},"__metadata__":{}"#, 0, .malformed),
            (#""a":{"dtype":"F32","shape":[1]}"#, 0, .malformed),
            (#""a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"shape":[1]}"#, 4, .malformed),
            (#""a":[]"#, 0, .malformed),
            (#""a""#, 0, .malformed),
        ]
    )
    func refuses(_ fields: String, _ dataCount: Int, _ reason: FileError.Reason) throws {
        let error = #expect(throws: FileError.self) { try SafetensorsFile(file("{\(fields)}", dataCount: dataCount)) }
        #expect(error?.reason == reason, "\(error?.description ?? "")")
    }

    @Test(
        "text that is not a JSON object in UTF-8 is refused",
        arguments: [
            "[]", "{", "{}}", "\u{FEFF}{}", " {}", "{\0}", "{\"a\0\":1}", "{\"a\":}", "nonsense",
        ]
    )
    func notJSON(_ text: String) throws {
        let error = #expect(throws: FileError.self) { try SafetensorsFile(file(text, dataCount: 0)) }
        #expect(error?.reason == .malformed)
    }

    @Test("nesting of any depth is refused")
    func deepNesting() throws {
        for opening in ["{\"a\":", "["] {
            let text = "{\"a\":" + String(repeating: opening, count: 100_000)
            let error = #expect(throws: FileError.self) { try SafetensorsFile(file(text, dataCount: 0)) }
            #expect(error?.reason == .malformed)
        }
    }

    @Test("invalid UTF-8 is refused")
    func invalidText() throws {
        for bad: [UInt8] in [[0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xE2, 0x82]] {
            let header =
                Array("{\"".utf8) + bad + Array("\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}".utf8)
            let url = try folder.file("utf8", holding: [UInt8(header.count), 0, 0, 0, 0, 0, 0, 0] + header)
            #expect(throws: FileError.self) { try SafetensorsFile(url) }
        }
    }

    @Test("a long name does not flood the message")
    func longName() throws {
        let name = String(repeating: "x", count: 1_000_000)
        let url = try file("{\(Self.tensor(name, "F32", "[2]", "0", "4"))}", dataCount: 4)
        let error = #expect(throws: FileError.self) { try SafetensorsFile(url) }
        #expect((error?.description.utf8.count ?? .max) < 1_000)
    }

    @Test("a missing file and a folder have their own reasons")
    func notAFile() throws {
        let missing = #expect(throws: FileError.self) { try SafetensorsFile(folder.file("absent")) }
        #expect(missing?.reason == .notFound && missing?.path.hasSuffix("absent") == true)
        let directory = #expect(throws: FileError.self) { try SafetensorsFile(folder.url) }
        #expect(directory?.reason == .unreadable)
    }

    @Test("thousands of flipped and truncated files load or throw, and never crash")
    func fuzz() throws {
        let url = folder.file("valid")
        var writer = SafetensorsWriter(metadata: ["format": "test", "note": "a: \"b\""])
        writer.add("weights", shape: [2, 3], [Float](repeating: 1, count: 6))
        writer.add("offsets", shape: [3], [Int64(0), 2, 5])
        writer.add("actions", shape: [5], [UInt8](repeating: 1, count: 5))
        try writer.write(to: url)
        let valid = try [UInt8](Data(contentsOf: url))
        let headerEnd = valid.count - 24 - 24 - 5

        let spoiled = try folder.file("spoiled", holding: valid)
        let handle = try FileHandle(forUpdating: spoiled)
        var generator = TestGenerator(state: 17)
        var loaded = 0
        var refused = 0
        var checksum = 0  // reads every byte that a loaded file promises
        for round in 0..<5_000 {
            var bytes = valid
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                // Mostly in the header, where the structure is.
                let end = round % 8 == 0 ? bytes.count : headerEnd
                let position = Int.random(in: 0..<end, using: &generator)
                switch round % 3 {
                case 0: bytes[position] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
                case 1: bytes[position] = UInt8.random(in: 0...255, using: &generator)
                default: bytes[position] = Array("0123456789-[]{},:\" e.".utf8).randomElement(using: &generator) ?? 0
                }
            }
            if round % 5 == 0 { bytes.removeLast(Int.random(in: 0...bytes.count, using: &generator)) }
            // Written in place: making or cutting thousands of files keeps some file systems busy for seconds.
            try handle.seek(toOffset: 0)
            try handle.write(contentsOf: bytes)
            if bytes.count != valid.count { try handle.truncate(atOffset: UInt64(bytes.count)) }
            do {
                let file = try SafetensorsFile(spoiled)
                for name in file.names {
                    checksum &+= try file.withUnsafeBytes(of: name) { $0.reduce(0) { $0 &+ Int($1) } }
                    checksum &+= Int((try? file.column(name, as: Int64.self))?.last ?? 0)
                }
                loaded += 1
            } catch is FileError {
                refused += 1
            }
        }
        #expect(loaded + refused == 5_000 && loaded > 0 && refused > 2_500 && checksum != 0)
    }
}
