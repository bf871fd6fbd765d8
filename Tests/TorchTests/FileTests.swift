// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeTensorFiles
import CascadeTorch
import Foundation
import TestSupport
import Testing

@Suite("Tensors in files")
struct FileTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    @Test("every element type survives a safetensors file", arguments: DType.allCases)
    func safetensors(_ dtype: DType) throws {
        let values = try Tensor([0, 1, 0, 3, 100, 7] as [Float], shape: [2, 3]).to(dtype)
        let url = folder.url.appendingPathComponent("x.safetensors")
        var writer = SafetensorsWriter(metadata: ["kind": "test"])
        writer.add("matrix", values)
        writer.add("turned", try values.transposed())
        writer.add("number", try .scalar(1, dtype))
        writer.add("nothing", try .zeros([0, 2], dtype))
        try writer.write(to: url)

        let file = try SafetensorsFile(url)
        #expect(try file.entry("matrix").type == dtype.scalarType)
        let found = try file.tensor("matrix")
        #expect(found.dtype == dtype && found.shape == [2, 3])
        #expect(try found.bytes() == values.bytes())
        #expect(try file.tensor("turned").bytes() == values.transposed().contiguous().bytes())
        #expect(try file.tensor("number").shape == [])
        #expect(try file.tensor("nothing").shape == [0, 2])
    }

    @Test("a tensor read from a file outlives it and is a copy")
    func outlives() throws {
        let url = folder.url.appendingPathComponent("y.safetensors")
        var writer = SafetensorsWriter()
        writer.add("y", try Tensor([1, 2] as [Float]))
        try writer.write(to: url)
        let read = try SafetensorsFile(url).tensor("y")
        try FileManager.default.removeItem(at: url)
        try read.scale(2)
        #expect(try read.floats() == [2, 4])
    }

    @Test("trained tensors can be written")
    func trained() throws {
        let weight = try Tensor([1, 2] as [Float])
        try weight.setRequiresGradient(true)
        let url = folder.url.appendingPathComponent("z.safetensors")
        var writer = SafetensorsWriter()
        writer.add("z", weight)
        try writer.write(to: url)
        #expect(try SafetensorsFile(url).tensor("z").floats() == [1, 2])
    }

    @Test("a missing tensor is an error of the file")
    func missing() throws {
        let url = folder.url.appendingPathComponent("w.safetensors")
        var writer = SafetensorsWriter()
        writer.add("weight", try Tensor([1] as [Float]))
        try writer.write(to: url)
        let error = try #require(throws: FileError.self) { try SafetensorsFile(url).tensor("weigth") }
        #expect(error.reason == .missingTensor)
        #expect(error.description.contains("weight"))
    }

    @Test("an .npy file is its header and the elements in row-major order")
    func npy() throws {
        let url = folder.url.appendingPathComponent("x.npy")
        let x = try Tensor([1, 2, 3, 4, 5, 6] as [Float], shape: [2, 3]).transposed()
        try x.writeNpy(to: url)
        let bytes = [UInt8](try Data(contentsOf: url))
        #expect(Array(bytes.prefix(6)) == [0x93] + Array("NUMPY".utf8))
        let header = String(decoding: bytes.dropLast(24), as: UTF8.self)
        #expect(header.contains("'<f4'") && header.contains("(3, 2)") && header.contains("False"))
        #expect(Array(bytes.suffix(24)) == (try x.bytes()))
    }
}
