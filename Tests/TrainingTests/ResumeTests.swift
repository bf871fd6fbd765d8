// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeRecommenders
import CascadeTensorFiles
import CascadeTraining
import Foundation
import TestSupport
import Testing

@Suite("Resuming")
struct ResumeTests {
    let folder: TemporaryFolder
    let data: Dataset
    var whole: RunDirectory { RunDirectory(folder.file("whole")) }
    var broken: RunDirectory { RunDirectory(folder.file("broken")) }

    init() throws {
        folder = try TemporaryFolder()
        data = try folder.driftWorld(users: 40)
    }

    /// Trains, interrupted after each of the numbers of steps in turn, then to the end.
    private func trainInPieces(_ experiment: Experiment, _ pieces: [Int]) throws -> RunManifest {
        for (index, steps) in pieces.enumerated() {
            var left = steps
            let manifest = try train(experiment, on: data, to: broken.url) {
                $0.resume = index > 0
                $0.isInterrupted = {
                    left -= 1
                    return left == 0
                }
            }
            #expect(manifest.status == .interrupted && manifest.step == pieces.prefix(index + 1).reduce(0, +))
        }
        return try train(experiment, on: data, to: broken.url) { $0.resume = true }
    }

    @Test(
        "ends with the same bits as a run that was never interrupted",
        arguments: [Small.sasrec, Small.t2diff],
        [0, 0.9]
    )
    func exact(model: String, decay: Double) throws {
        let experiment = try Small.experiment(
            model,
            #"""
            "averageDecay": \#(decay), "clip": 1, "learningRate": {"peak": 0.01, "warmup": 4, "decay": "cosine", "decaySteps": 20},
            "loss": {"kind": "sampled-softmax", "negatives": 16}
            """#
        )
        let expected = try train(experiment, on: data, to: whole.url)
        let epoch = expected.step / 3
        // In the first epoch, on the last batch of the second, and in the third.
        let manifest = try trainInPieces(experiment, [1, 2 * epoch - 1, 2])
        #expect(manifest.status == .finished && manifest.step == expected.step)
        #expect(manifest.bestStep == expected.bestStep && manifest.validation == expected.validation)
        #expect(try Data(contentsOf: broken.weights) == Data(contentsOf: whole.weights))
        // The optimizer's file also has the seconds spent, so its tensors are compared.
        let (a, b) = (try SafetensorsFile(whole.optimizer), try SafetensorsFile(broken.optimizer))
        #expect(a.names == b.names && a.names.contains { $0.hasPrefix("average.") } == (decay > 0))
        let changed = try a.names.filter { name in
            try a.withUnsafeBytes(of: name) { Array($0) } != b.withUnsafeBytes(of: name) { Array($0) }
        }
        #expect(changed.isEmpty)
        let losses = try [whole, broken].map { run in
            try progress(run).filter { $0["kind"] == .string("train") }.map { [$0["step"], $0["loss"], $0["main"]] }
        }
        #expect(losses[0] == losses[1] && losses[0].count == expected.step)
    }

    @Test("logs every step once, as JSON, and forgets lines that the checkpoint does not know")
    func log() throws {
        let experiment = try Small.experiment(Small.t2diff, #""cuts": 1"#)
        var left = 2
        let first = try train(experiment, on: data, to: broken.url) {
            $0.isInterrupted = {
                left -= 1
                return left == 0
            }
        }
        #expect(first.step == 2)
        let file = try FileHandle(forWritingTo: broken.progress)
        try file.seekToEnd()
        try file.write(contentsOf: Data("{\"kind\":\"train\",\"step\":3,\"loss\":99}\n{\"kind\":\"tra".utf8))
        try file.close()
        let last = try train(experiment, on: data, to: broken.url) { $0.resume = true }
        let lines = try progress(broken)
        let steps = lines.filter { $0["kind"] == .string("train") }.map { $0["step"] }
        #expect(steps == (1...last.step).map { .integer($0) })
        #expect(!lines.contains { $0["loss"] == .integer(99) })
        for line in lines where line["kind"] == .string("train") {
            for key in ["epoch", "loss", "main", "reconstruction", "ranking", "learningRate", "examplesPerSecond"] {
                #expect(line[key] != .null, "\(key)")
            }
        }
        #expect(lines.count { $0["kind"] == .string("validation") } == 3)
        let boards = try FileManager.default.contentsOfDirectory(atPath: broken.url.path).filter {
            $0.contains("tfevents")
        }
        #expect(boards.count == 2)
    }

    @Test("makes checkpoints between evaluations, and removes what a killed process left")
    func checkpoints() throws {
        let experiment = try Small.experiment(Small.sasrec, #""checkpointSeconds": 0"#)
        var steps: [Int] = []
        try train(experiment, on: data, to: broken.url) { options in
            options.observe = { event in
                guard case .step = event else { return }
                if let file = try? SafetensorsFile(broken.optimizer), let state = file.metadata["state"],
                    case .integer(let step) = (try? tree(state))?["step"]
                {
                    steps.append(step)
                }
            }
        }
        #expect(steps == (1...steps.count).map { $0 } && steps.count > 4)
        let litter = broken.url.appendingPathComponent(".cascade-1-0.tmp")
        try Data("half a file".utf8).write(to: litter)
        try train(experiment, on: data, to: broken.url) { $0.resume = true }
        #expect(!FileManager.default.fileExists(atPath: litter.path))
    }

    @Test("starts anew where a run was killed before its first file was whole")
    func killedAtOnce() throws {
        try FileManager.default.createDirectory(at: broken.url, withIntermediateDirectories: true)
        try Data("{".utf8).write(to: broken.url.appendingPathComponent(".cascade-1-0.tmp"))
        let experiment = try Small.experiment(Small.sasrec, #""epochs": 1"#)
        #expect(try train(experiment, on: data, to: broken.url) { $0.resume = true }.status == .finished)
    }

    @Test("goes on for more epochs, but not with other settings, another seed or other data")
    func refusals() throws {
        let experiment = try Small.experiment(Small.sasrec, #""epochs": 1"#)
        let first = try train(experiment, on: data, to: broken.url)
        let more = try Small.experiment(Small.sasrec, #""epochs": 2, "logEvery": 5"#)
        func refusal(
            _ experiment: Experiment,
            on dataset: Dataset,
            _ change: (inout TrainingOptions) -> Void = { $0.resume = true }
        ) throws -> String {
            let error = #expect(throws: CheckpointError.self) {
                try train(experiment, on: dataset, to: broken.url, change)
            }
            return try #require(error).description
        }
        #expect(try refusal(more, on: data) { $0.resume = false }.contains("--resume"))
        #expect(try refusal(Small.experiment(Small.t2diff), on: data).contains("another experiment"))
        #expect(try refusal(Small.experiment(Small.sasrec, #""batch": 8"#), on: data).contains("other settings"))
        let seed = try refusal(more, on: data) {
            $0.resume = true
            $0.seed = 2
        }
        #expect(seed.contains("seed 1, not 2"))
        let other = try folder.driftWorld("other", users: 40, seed: 2)
        #expect(try refusal(more, on: other).contains("other data"))
        #expect(try train(more, on: data, to: broken.url) { $0.resume = true }.step == 2 * first.step)
    }

    @Test("refuses a directory that holds something else")
    func strangeDirectory() throws {
        let experiment = try Small.experiment(Small.sasrec)
        let strange = folder.file("strange")
        try FileManager.default.createDirectory(at: strange, withIntermediateDirectories: true)
        try Data("mine".utf8).write(to: strange.appendingPathComponent("notes.txt"))
        for url in [data.url, strange] {
            let error = #expect(throws: CheckpointError.self) { try train(experiment, on: data, to: url) }
            #expect(try #require(error).description.contains("not a run"))
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: strange.path) == ["notes.txt"])
    }

    @Test("refuses a damaged checkpoint and leaves it alone")
    func damagedCheckpoint() throws {
        let experiment = try Small.experiment(Small.sasrec, #""epochs": 1"#)
        try train(experiment, on: data, to: broken.url)
        let more = try Small.experiment(Small.sasrec, #""epochs": 2"#)
        let bytes = try Data(contentsOf: broken.optimizer)
        // As a run of before checksums, which find any damage first.
        var manifest = try broken.manifest()
        manifest.checksums = nil
        try broken.write(manifest)
        try bytes.dropLast(100).write(to: broken.optimizer)
        let truncated = #expect(throws: FileError.self) {
            try train(more, on: data, to: broken.url) { $0.resume = true }
        }
        #expect(try #require(truncated).reason == .truncated)
        try Data(contentsOf: broken.weights).write(to: broken.optimizer)
        let foreign = #expect(throws: CheckpointError.self) {
            try train(more, on: data, to: broken.url) { $0.resume = true }
        }
        #expect(try #require(foreign).description.contains("no training state"))
        let weights = try Data(contentsOf: broken.weights)
        try FileManager.default.removeItem(at: broken.optimizer)
        let missing = #expect(throws: CheckpointError.self) {
            try train(more, on: data, to: broken.url) { $0.resume = true }
        }
        #expect(try #require(missing).description.contains("optimizer.safetensors: missing"))
        #expect(try Data(contentsOf: broken.weights) == weights && broken.manifest().epoch == 1)
        try bytes.write(to: broken.optimizer)
        #expect(try train(more, on: data, to: broken.url) { $0.resume = true }.status == .finished)
    }
}
