// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeTensorFiles
import Foundation
import TestSupport
import Testing

@Suite("NumPy files")
struct NpyTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    @Test("has the exact bytes that numpy.save writes")
    func golden() throws {
        let url = folder.file("x.npy")
        try Npy.write([Int64(1), -2], shape: [2], to: url)
        let description = "{'descr': '<i8', 'fortran_order': False, 'shape': (2,), }"
        let header = description + String(repeating: " ", count: 118 - 1 - description.utf8.count) + "\n"
        let values: [UInt8] = [1, 0, 0, 0, 0, 0, 0, 0, 254, 255, 255, 255, 255, 255, 255, 255]
        let expected = [0x93] + Array("NUMPY".utf8) + [1, 0, 118, 0] + Array(header.utf8) + values
        #expect(try [UInt8](Data(contentsOf: url)) == expected)
    }

    @Test(
        "the data starts at a multiple of 64 for every shape",
        arguments: [
            ([], "()"), ([0], "(0,)"), ([3, 4], "(3, 4)"), ([1, 1, 1, 1, 1, 1, 12], "(1, 1, 1, 1, 1, 1, 12)"),
            (Array(repeating: 1, count: 30), nil),
        ] as [([Int], String?)]
    )
    func shapes(_ shape: [Int], _ text: String?) throws {
        let count = shape.reduce(1, *)
        let url = folder.file("x.npy")
        try Npy.write([Float](repeating: 1, count: count), shape: shape, to: url)
        let bytes = try [UInt8](Data(contentsOf: url))
        let start = 10 + Int(bytes[8]) + 256 * Int(bytes[9])
        #expect(start % 64 == 0 && bytes.count == start + 4 * count && bytes[start - 1] == UInt8(ascii: "\n"))
        let header = String(decoding: bytes[10..<start], as: UTF8.self)
        #expect(header.contains("'<f4'"))
        if let text { #expect(header.contains("'shape': \(text),")) }
    }

    @Test("bfloat16 and wrong byte counts are refused and leave no file")
    func refusals() throws {
        let url = folder.file("x.npy")
        let type = #expect(throws: FileError.self) { try Npy.write(type: .bfloat16, shape: [0], to: url) { _ in } }
        #expect(type?.reason == .wrongType)
        let short = #expect(throws: FileError.self) { try Npy.write(type: .uint8, shape: [2], to: url) { _ in } }
        #expect(short?.reason == .wrongShape)
        let many = Array(repeating: 1, count: 30_000)
        let long = #expect(throws: FileError.self) { try Npy.write([UInt8(1)], shape: many, to: url) }
        #expect(long?.reason == .wrongShape)
        #expect(try folder.names().isEmpty)
    }
}
