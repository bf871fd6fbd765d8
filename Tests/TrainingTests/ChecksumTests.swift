// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeRecommenders
import CascadeTensorFiles
import CascadeTraining
import Foundation
import TestSupport
import Testing

@Suite("Checksums of a run")
struct ChecksumTests {
    let folder: TemporaryFolder
    let data: Dataset
    let run: RunDirectory

    init() throws {
        folder = try TemporaryFolder()
        data = try folder.driftWorld(users: 30)
        run = RunDirectory(folder.file("run"))
    }

    private func train(_ model: String = Small.sasrec, _ change: (inout TrainingOptions) -> Void = { _ in }) throws {
        let experiment = try Experiment(tree(#"{"model": \#(model), "training": {"threads": 1, "epochs": 2}}"#))
        try TrainingTests.train(experiment, on: data, to: run.url, change)
    }

    /// Adds noise to one tensor, so that the file is still well formed.
    private func damage(_ file: URL) throws {
        var bytes = try Data(contentsOf: file)
        for place in stride(from: bytes.count - 64, to: bytes.count, by: 4) { bytes[place] ^= 0x5A }
        try bytes.write(to: file)
    }

    private func refusal(_ body: () throws -> Void) throws -> String {
        try #require(#expect(throws: CheckpointError.self) { try body() }).description
    }

    @Test("noise in the weights is refused by whoever opens the run", arguments: [Small.sasrec, Small.ease])
    func weights(_ model: String) throws {
        try train(model)
        #expect(try run.manifest().checksums?["weights.safetensors"]?.count == 1)
        _ = try run.open()
        try damage(run.weights)
        let text = try refusal { _ = try run.open() }
        #expect(text.contains(run.weights.path) && text.contains("found the checksum") && text.contains("restore"))
        #expect(try refusal { try train(model) { $0.resume = true } }.contains(run.weights.path))
    }

    @Test("weights of another run are refused")
    func exchanged() throws {
        try train()
        let mine = try Data(contentsOf: run.weights)
        let other = RunDirectory(folder.file("other"))
        let experiment = try Experiment(tree(#"{"model": \#(Small.sasrec), "training": {"threads": 1, "epochs": 2}}"#))
        try TrainingTests.train(experiment, on: data, to: other.url) { $0.seed = 2 }
        try Data(contentsOf: other.weights).write(to: run.weights)
        #expect(try refusal { _ = try run.open() }.contains("another run's"))
        try mine.write(to: run.weights)
        _ = try run.open()
    }

    @Test("a damaged state is not resumed")
    func state() throws {
        try train { $0.timeBudget = 0 }
        try damage(run.optimizer)
        #expect(try refusal { try train { $0.resume = true } }.contains(run.optimizer.path))
    }

    @Test("a run without checksums opens and is taken up, and has them then")
    func before() throws {
        try train { $0.timeBudget = 0 }
        var manifest = try run.manifest()
        manifest.checksums = nil
        try run.write(manifest)
        _ = try run.open()
        try train { $0.resume = true }
        #expect(try run.manifest().checksums?["optimizer.safetensors"]?.count == 1)
        _ = try run.open()
    }

    @Test("a kill between the manifest and the file leaves a run that opens")
    func killed() throws {
        try train()
        let old = try Data(contentsOf: run.weights)
        var manifest = try run.manifest()
        var writer = SafetensorsWriter()
        writer.add("other", shape: [1], [Float(1)])
        try run.replace(run.weights, by: writer, noting: &manifest)
        // On the disk the manifest knows both; the file may be either.
        #expect(try run.manifest().checksums?["weights.safetensors"]?.count == 2)
        try run.check(run.weights)
        try old.write(to: run.weights)
        try run.check(run.weights)
        _ = try run.open()
    }
}
