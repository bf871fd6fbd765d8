// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeConfigurations
import CascadeTensorFiles
import Foundation
import TestSupport
import Testing

@testable import CascadeTensorBoard

@Suite("TensorBoard event files")
final class TensorBoardWriterTests {
    let folder: URL

    init() throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("cascade-test-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    @Test("the checksum reproduces the published vectors")
    func checksum() {
        #expect(crc32c(Array("123456789".utf8)) == 0xE306_9283)
        #expect(crc32c([]) == 0)
        // RFC 3720, appendix B.4: 32 zero bytes, 32 bytes of ones, and 0 to 31.
        #expect(crc32c([UInt8](repeating: 0, count: 32)) == 0x8A91_36AA)
        #expect(crc32c([UInt8](repeating: 0xFF, count: 32)) == 0x62A8_AB43)
        #expect(crc32c(Array(0..<32)) == 0x46DD_794E)
    }

    @Test("the version comes first, then the scalars as they were given")
    func events() throws {
        let writer = try TensorBoardWriter(directory: folder, wallTime: 1_700_000_000.5, suffix: "run")
        try writer.scalar("loss", 0.1, step: 0, wallTime: 1_700_000_001)
        try writer.scalar("validation/ndcg@10", -2.5, step: 300, wallTime: 1_700_000_002.25)
        try writer.scalar("größe", .infinity, step: 1 << 40, wallTime: 1_700_000_003)
        #expect(writer.url.lastPathComponent == "events.out.tfevents.1700000000.run")

        let events = try decode(writer.url)
        try #require(events.count == 4)
        #expect(events[0].wallTime == 1_700_000_000.5 && events[0].version == "brain.Event:2")
        #expect(events[1].wallTime == 1_700_000_001 && events[1].step == 0)
        #expect(events[1].tag == "loss" && events[1].value == Float(0.1))
        #expect(events[2].tag == "validation/ndcg@10" && events[2].value == -2.5 && events[2].step == 300)
        #expect(events[3].tag == "größe" && events[3].value == .infinity && events[3].step == 1 << 40)
    }

    @Test("every scalar is in the file as soon as the call returns")
    func immediate() throws {
        let writer = try TensorBoardWriter(directory: folder, wallTime: 5)
        for step in 1...20 {
            try writer.scalar("loss", Double(step), step: step, wallTime: 5)
            #expect(try decode(writer.url).count == step + 1)
        }
    }

    @Test("the exact bytes of one record")
    func golden() throws {
        let writer = try TensorBoardWriter(directory: folder, wallTime: 0)
        try writer.scalar("a", 1, step: 2, wallTime: 1)
        let bytes = try [UInt8](Data(contentsOf: writer.url)).dropFirst(12 + 24 + 4)
        let message: [UInt8] = [
            0x09, 0, 0, 0, 0, 0, 0, 0xF0, 0x3F,  // wall time 1.0
            0x10, 2,  // step
            0x2A, 10, 0x0A, 8, 0x0A, 1, 0x61, 0x15, 0, 0, 0x80, 0x3F,  // summary { value { tag "a" simple_value 1.0 } }
        ]
        #expect(Array(bytes.dropFirst(12).dropLast(4)) == message)
        #expect(bytes.prefix(8) == [UInt8(message.count), 0, 0, 0, 0, 0, 0, 0])
    }

    @Test("settings and the end of a run are messages of the plug-in for hyper-parameters")
    func settings() throws {
        let writer = try TensorBoardWriter(directory: folder, wallTime: 0)
        let settings: [String: JSONValue] = [
            "width": .integer(8), "rate": .number(0.5), "model": .string("x"), "drift": .bool(true), "list": .array([]),
        ]
        try writer.beginSession(settings, wallTime: 4)
        try writer.endSession(wallTime: 9)
        /// The one payload of a field.
        func field(_ number: UInt64, _ message: ArraySlice<UInt8>) throws -> ArraySlice<UInt8> {
            let found = try fields(message).filter { $0.field == number }
            try #require(found.count == 1)
            return found[0].payload
        }
        let records = try messages(writer.url).dropFirst().map { event in
            let value = try field(1, field(5, event))
            let plugin = try field(1, field(9, value))
            #expect(try String(decoding: field(1, plugin), as: UTF8.self) == "hparams")
            return (tag: String(decoding: try field(1, value), as: UTF8.self), content: try field(2, plugin))
        }
        #expect(records.map(\.tag) == ["_hparams_/session_start_info", "_hparams_/session_end_info"])
        let start = try field(3, records[0].content)
        #expect(try Double(bitPattern: number(field(5, start))) == 4)
        let entries = try fields(start).filter { $0.field == 1 }.map { entry in
            let value = try fields(field(2, entry.payload))[0]
            let shown = value.field == 3 ? String(decoding: value.payload, as: UTF8.self) : "\(number(value.payload))"
            return "\(String(decoding: try field(1, entry.payload), as: UTF8.self)) \(value.field) \(shown)"
        }
        #expect(entries == ["drift 4 1", "model 3 x", "rate 2 \(0.5.bitPattern)", "width 2 \(8.0.bitPattern)"])
        let end = try field(4, records[1].content)
        #expect(try number(field(1, end)) == 1 && Double(bitPattern: number(field(2, end))) == 9)
    }

    @Test("a taken name gets a number, and the other file is not touched")
    func takenName() throws {
        let first = try TensorBoardWriter(directory: folder, wallTime: 9)
        try first.scalar("loss", 1, step: 1, wallTime: 9)
        let second = try TensorBoardWriter(directory: folder, wallTime: 9)
        #expect(second.url.lastPathComponent == "events.out.tfevents.9.cascade.1")
        #expect(try decode(first.url).count == 2 && decode(second.url).count == 1)
    }

    @Test("a missing folder is an error")
    func missingFolder() {
        let error = #expect(throws: FileError.self) {
            try TensorBoardWriter(directory: folder.appendingPathComponent("absent"), wallTime: 0)
        }
        #expect(error?.reason == .writeFailed)
    }

    /// What the decoder below understands of one event.
    struct Event {
        var wallTime = 0.0
        var step = 0
        var version: String?
        var tag: String?
        var value: Float?
    }

    func decode(_ url: URL) throws -> [Event] { try messages(url).map(event) }

    /// Reads an event file by the format's description, with its own bitwise checksum.
    func messages(_ url: URL) throws -> [ArraySlice<UInt8>] {
        var rest = try [UInt8](Data(contentsOf: url))[...]
        var events: [ArraySlice<UInt8>] = []
        while !rest.isEmpty {
            let lengthBytes = rest.prefix(8)
            let length = Int(number(lengthBytes))
            try #require(rest.count >= length + 16)
            let message = rest.dropFirst(12).prefix(length)
            try #require(number(rest.dropFirst(8).prefix(4)) == masked(bitwiseChecksum(lengthBytes)))
            try #require(number(rest.dropFirst(12 + length).prefix(4)) == masked(bitwiseChecksum(message)))
            events.append(message)
            rest = rest.dropFirst(length + 16)
        }
        return events
    }

    func event(_ message: ArraySlice<UInt8>) throws -> Event {
        var event = Event()
        for (field, payload) in try fields(message) {
            switch field {
            case 1: event.wallTime = Double(bitPattern: number(payload))
            case 2: event.step = Int(number(payload))
            case 3: event.version = String(decoding: payload, as: UTF8.self)
            default:
                for (_, value) in try fields(payload) {
                    for (field, payload) in try fields(value) {
                        if field == 1 { event.tag = String(decoding: payload, as: UTF8.self) }
                        if field == 2 { event.value = Float(bitPattern: UInt32(number(payload))) }
                    }
                }
            }
        }
        return event
    }

    /// The fields of a message; integers come out as eight little-endian bytes.
    func fields(_ message: ArraySlice<UInt8>) throws -> [(field: UInt64, payload: ArraySlice<UInt8>)] {
        var rest = message
        var fields: [(UInt64, ArraySlice<UInt8>)] = []
        func variableLength() throws -> UInt64 {
            var (value, shift): (UInt64, UInt64) = (0, 0)
            while true {
                let next = rest.popFirst()
                let byte = try #require(next)
                value |= UInt64(byte & 0x7F) << shift
                if byte < 0x80 { return value }
                shift += 7
            }
        }
        while !rest.isEmpty {
            let key = try variableLength()
            let payload: ArraySlice<UInt8>
            switch key & 7 {
            case 0: payload = withUnsafeBytes(of: try variableLength()) { Array($0) }[...]
            case 1: payload = rest.prefix(8)
            case 2:
                let count = Int(try variableLength())
                payload = rest.prefix(count)
            default: payload = rest.prefix(4)
            }
            if key & 7 != 0 { rest = rest.dropFirst(payload.count) }
            fields.append((key >> 3, payload))
        }
        return fields
    }

    func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    func bitwiseChecksum(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        var sum: UInt64 = 0xFFFF_FFFF
        for byte in bytes {
            for bit in 0..<8 {
                let carry = (sum ^ UInt64(byte) >> UInt64(bit)) & 1
                sum = sum >> 1 ^ carry * 0x82F6_3B78
            }
        }
        return sum ^ 0xFFFF_FFFF
    }

    func masked(_ checksum: UInt64) -> UInt64 {
        ((checksum >> 15 | checksum << 17 & 0xFFFF_FFFF) + 0xA282_EAD8) & 0xFFFF_FFFF
    }
}
