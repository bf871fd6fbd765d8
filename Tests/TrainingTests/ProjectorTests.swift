// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeAnalysis
import CascadeDatasets
import CascadeRecommenders
import CascadeTorch
import CascadeTraining
import Foundation
import TestSupport
import Testing

@Suite("TensorBoard's projector")
struct ProjectorTests {
    @Test("has a line of metadata for each vector, the most popular items first")
    func export() throws {
        let folder = try TemporaryFolder()
        let data = try folder.driftWorld(users: 12)
        try train(Small.experiment(Small.sasrec, #""epochs": 1"#), on: data, to: folder.file("run"))
        let run = try RunDirectory(folder.file("run")).open()
        try run.exportProjector(to: folder.file("projector"), limit: 7)
        func lines(_ name: String) throws -> [[String]] {
            try String(contentsOf: folder.file("projector/\(name)"), encoding: .utf8).split(separator: "\n")
                .map { $0.split(separator: "\t", omittingEmptySubsequences: false).map(String.init) }
        }
        let (metadata, tensors) = (try lines("metadata.tsv"), try lines("tensors.tsv"))
        #expect(metadata[0] == ["item", "title", "training events", "topic"])
        #expect(metadata.count == 8 && tensors.count == 7 && tensors.allSatisfy { $0.count == 16 })
        let counts = metadata.dropFirst().map { Int($0[2]) ?? -1 }
        #expect(counts == counts.sorted(by: >) && counts[0] == run.data.trainingItemCounts().max())
        let item = try data.itemIndex(ItemID(metadata[1][0]))
        #expect(metadata[1][1] == data.title(item) && metadata[1][3].hasPrefix("Topic "))
        let vectors = try #require(run.model.vectorRetriever).itemVectors().selected(0, item.rawValue).floats()
        #expect(tensors[0].map { Float($0) } == vectors.map { $0 })
        let configuration = try String(contentsOf: folder.file("projector/projector_config.pbtxt"), encoding: .utf8)
        for text in ["tensor_shape: 7", "tensor_shape: 16", #"tensor_path: "tensors.tsv""#] {
            #expect(configuration.contains(text))
        }
    }

    @Test("a model without vectors is refused, and leaves nothing")
    func refused() throws {
        let folder = try TemporaryFolder()
        let data = try folder.driftWorld(users: 12)
        try train(Small.experiment(#"{"name": "popularity"}"#), on: data, to: folder.file("run"))
        let error = #expect(throws: ConfigurationError.self) {
            try RunDirectory(folder.file("run")).open().exportProjector(to: folder.file("projector"), limit: 7)
        }
        #expect(try #require(error).description.contains("'popularity' has no item vectors"))
        #expect(!FileManager.default.fileExists(atPath: folder.file("projector").path))
    }
}
