// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeBenchmarks
import CascadeDatasets
import CascadeDiffusion
import CascadeNN
import CascadeRecommenders
import CascadeTensorFiles
import CascadeTorch
import CascadeTraining
import Foundation
import TestSupport
import Testing

@Suite("Distiller")
struct DistillerTests {
    let folder: TemporaryFolder
    let data: Dataset
    var teacher: RunDirectory { RunDirectory(folder.file("teacher")) }

    init() throws {
        folder = try TemporaryFolder()
        data = try folder.driftWorld(users: 40)
        let experiment = try Small.experiment(Small.t2diff, #""epochs": 2, "learningRate": {"peak": 0.01}"#)
        try train(experiment, on: data, to: teacher.url)
    }

    @discardableResult
    private func distill(
        to name: String,
        steps: Int = 1,
        _ settings: String = #"{"epochs": 2, "averageDecay": 0.8}"#,
        _ change: (inout TrainingOptions) -> Void = { _ in }
    ) throws -> RunManifest {
        var options = TrainingOptions()
        change(&options)
        let settings = try DistillationSettings(overriding: tree(settings), path: "distillation")
        return try Distiller(teacher, steps: steps, settings, options).run(to: folder.file(name))
    }

    @Test("a student is an ordinary run that knows where it comes from", arguments: [1, 2])
    func student(_ steps: Int) throws {
        var events: [(epoch: Int, isBest: Bool)] = []
        let manifest = try distill(to: "student", steps: steps) {
            $0.seed = 7
            $0.observe = { if case .evaluated(let epoch, _, _, let isBest) = $0 { events.append((epoch, isBest)) } }
        }
        #expect(events.map(\.epoch) == [0, 1, 2] && !events[0].isBest && events[1].isBest)
        let (before, run) = (try teacher.open(), RunDirectory(folder.file("student")))
        let opened = try run.open()
        #expect(opened.manifest.status == .finished && opened.manifest.epoch == 2 && opened.manifest.seed == 7)
        var experiment = before.experiment
        experiment.model = try experiment.model.sampling(
            steps == 1 ? Sampler(.oneStep) : Sampler(.ddim, steps: steps)
        )
        #expect(opened.experiment == experiment)
        let origin = try #require(opened.manifest.distilledFrom)
        #expect(origin.run == teacher.url.standardizedFileURL.path && origin.steps == steps && origin.seed == 1)
        #expect(origin.settings["ema_decay"] == .number(0.8))
        for (metric, value) in try opened.evaluate(.validation).report.metrics {
            if let kept = manifest.validation[metric] { #expect(kept == value) }
        }
        for (metric, value) in try before.evaluate(.validation).report.metrics {
            if let kept = origin.teacher[metric] { #expect(kept == value) }
        }
        // Nothing but the denoiser differs.
        for (old, new) in zip(try before.model.state(), try opened.model.state()) {
            let isSame = try old.part.floats() == new.part.floats()
            #expect(isSame != old.name.hasPrefix("denoiser."), "\(old.name)")
        }
        let lines = try progress(run)
        #expect(lines.count { $0["kind"] == .string("validation") } == 2)
        let trained = try #require(lines.first { $0["kind"] == .string("train") })
        #expect(trained["consistency"] != .null && trained["regression"] != .null)
    }

    @Test("the same seed gives the same student, another seed another")
    func seeds() throws {
        for (name, seed) in [("a", 1), ("b", 1), ("c", 2)] as [(String, UInt64)] {
            try distill(to: name) { $0.seed = seed }
        }
        let weights = try ["a", "b", "c"].map { try Data(contentsOf: RunDirectory(folder.file($0)).weights) }
        #expect(weights[0] == weights[1] && weights[0] != weights[2])
    }

    @Test("an interruption leaves the best student so far, whole")
    func interruption() throws {
        var steps = 0
        let manifest = try distill(to: "student", settings(epochs: 50)) {
            $0.observe = { if case .step = $0 { steps += 1 } }
            $0.isInterrupted = { steps == 3 }
        }
        #expect(manifest.status == .interrupted && manifest.step == 3 && manifest.bestStep == 3)
        #expect(try RunDirectory(folder.file("student")).open().evaluate(.test).report.users == 40)
    }

    private func settings(epochs: Int) -> String { #"{"epochs": \#(epochs), "averageDecay": 0.5}"# }

    @Test("stops when patience is over")
    func patience() throws {
        let manifest = try distill(to: "student", #"{"patience": 1, "learningRate": {"peak": 1e-30}}"#)
        #expect(manifest.epoch == 2 && manifest.reason.contains("no better ndcg@10"))
    }

    @Test("what fails leaves nothing behind")
    func failures() throws {
        let before = try FileManager.default.contentsOfDirectory(atPath: folder.url.path).sorted()
        #expect(throws: DivergenceError.self) {
            try distill(to: "student", #"{"learningRate": {"peak": 1e30}, "clip": 0}"#)
        }
        for steps in [0, 5] {
            let error = #expect(throws: ConfigurationError.self) { try distill(to: "student", steps: steps) }
            #expect(try #require(error).description.contains("--steps: found \(steps), expected 1 to 4"))
        }
        #expect(throws: FileError.self) { try distill(to: "teacher") }
        let sasrec = RunDirectory(folder.file("sasrec"))
        try train(Small.experiment(Small.sasrec, #""epochs": 1"#), on: data, to: sasrec.url)
        let error = #expect(throws: ConfigurationError.self) {
            try Distiller(sasrec, steps: 1, DistillationSettings(), TrainingOptions())
        }
        #expect(try #require(error).description.contains("'sasrec' cannot be distilled; those that can are: t2diff"))
        try FileManager.default.removeItem(at: sasrec.url)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path).sorted() == before)
    }

    @Test("training does not take a student up")
    func noTraining() throws {
        try distill(to: "student", settings(epochs: 1))
        let experiment = try RunDirectory(folder.file("student")).manifest().experiment
        let error = #expect(throws: CheckpointError.self) {
            try train(experiment, on: data, to: folder.file("student")) { $0.resume = true }
        }
        #expect(try #require(error).description.contains("distilled"))
    }

    @Test("without validation users the last student is kept")
    func noValidation() throws {
        let experiment = try Small.experiment(
            Small.t2diff,
            #""epochs": 1"#,
            split: #"{"kind": "by-user", "validation": 0, "test": 0.3, "seed": 1}"#
        )
        try FileManager.default.removeItem(at: teacher.url)
        try train(experiment, on: data, to: teacher.url)
        let manifest = try distill(to: "student", #"{"epochs": 3, "patience": 1}"#)
        #expect(manifest.validation.isEmpty && manifest.bestStep == manifest.step && manifest.epoch == 3)
    }
}

@Suite("Inference benchmark")
struct InferenceBenchmarkTests {
    @Test("measures each number of steps and users of a diffusion, and other models once for each number of users")
    func rows() throws {
        let folder = try TemporaryFolder()
        let data = try folder.driftWorld(users: 12)
        func run(_ model: String) throws -> [InferenceBenchmark.Row] {
            let benchmark = try InferenceBenchmark(Small.experiment(model), on: data)
            var seen = 0
            let rows = try benchmark.run(steps: [1, 60], batches: [1, 20], repeats: 2) { _ in seen += 1 }
            #expect(seen == rows.count)
            return rows
        }
        let diffusion = try run(Small.t2diff)
        #expect(diffusion.map(\.steps) == [1, 1, 60, 60] && diffusion.map(\.batch) == [1, 20, 1, 20])
        #expect(diffusion.allSatisfy { $0.sampler == "ddim" && $0.items == data.itemCount && $0.repeats >= 2 })
        let vectors = try diffusion.map { try #require($0.vectors) }
        #expect(vectors[2] > 2 * vectors[0] && vectors.allSatisfy { $0 > 0 } && diffusion.allSatisfy { $0.ranking > 0 })
        let one = try run(
            Small.t2diff.replacing(#""dropout": 0"#, with: #""sampler": {"kind": "one-step", "steps": 3}"#)
        )
        #expect(one[0].sampler == "ddim")
        #expect(try run(Small.sasrec).map(\.steps) == [nil, nil])
        let counted = try run(#"{"name": "popularity"}"#)
        #expect(counted.map(\.batch) == [1, 20] && counted.allSatisfy { $0.vectors == nil && $0.sampler == nil })
    }
}
