// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeTensorFiles
import TestSupport
import Testing

@Suite("Snippet: CascadeTensorFiles")
struct CascadeTensorFilesSnippet {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    @Test("Writes two tensors into one file and reads them back")
    func shows() throws {
        let url = folder.file("items.safetensors")
        // snippet.show
        var writer = SafetensorsWriter(metadata: ["model": "example"])
        writer.add("vectors", shape: [2, 3], [Float(1), 2, 3, 4, 5, 6])
        writer.add("counts", shape: [2], [Int32(10), 20])
        try writer.write(to: url)

        // The file is mapped into memory, and checked completely when it is opened.
        let file = try SafetensorsFile(url)
        let shape = try file.entry("vectors").shape
        let vectors = try file.array("vectors", as: Float.self)
        let counts = try file.column("counts", as: Int32.self)
        // snippet.hide
        #expect(file.metadata == ["model": "example"])
        #expect(shape == [2, 3] && vectors == [1, 2, 3, 4, 5, 6])
        #expect(Array(counts) == [10, 20])
    }
}
