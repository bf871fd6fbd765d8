// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeRecommenders
import CascadeTensorFiles
import CascadeTorch
import CascadeTraining
import Foundation
import TestSupport
import Testing

@Suite("Trainer")
struct TrainerTests {
    let folder: TemporaryFolder
    let data: Dataset
    var run: RunDirectory { RunDirectory(folder.file("run")) }

    init() throws {
        folder = try TemporaryFolder()
        data = try folder.driftWorld(users: 40)
    }

    @Test("makes the loss fall", arguments: [Small.sasrec, Small.t2diff])
    func loss(model: String) throws {
        let experiment = try Small.experiment(model, #""epochs": 8, "learningRate": {"peak": 0.01}"#)
        var losses: [Double] = []
        let manifest = try train(experiment, on: data, to: run.url) {
            $0.observe = { if case .step(_, _, _, let loss, _) = $0 { losses.append(loss) } }
        }
        #expect(manifest.status == .finished && manifest.step == losses.count && manifest.epoch == 8)
        let (first, last) = (losses.prefix(5).reduce(0, +), losses.suffix(5).reduce(0, +))
        #expect(last < 0.9 * first, "from \(first / 5) to \(last / 5)")
    }

    @Test("keeps the weights that were best on validation, not the last")
    func best() throws {
        let experiment = try Small.experiment(Small.sasrec, #""epochs": 8, "learningRate": {"peak": 0.05}"#)
        var seen: [(step: Int, metrics: [String: Double], isBest: Bool)] = []
        let manifest = try train(experiment, on: data, to: run.url) {
            $0.observe = { event in
                if case .evaluated(_, let step, let metrics, let isBest) = event {
                    seen.append((step, metrics, isBest))
                }
            }
        }
        #expect(seen.count == 8)
        let values = seen.map { $0.metrics["ndcg@10"] ?? -1 }
        let best = try #require(values.max())
        let index = try #require(values.firstIndex(of: best))
        #expect(index < 7, "choose a higher learning rate, so that the last weights are not the best")
        #expect(manifest.bestStep == seen[index].step && manifest.validation == seen[index].metrics)
        #expect(seen.indices.allSatisfy { seen[$0].isBest == (values[$0] > (values.prefix($0).max() ?? -1)) })
        let kept = try run.open().evaluate(.validation).report.metrics
        for (name, value) in manifest.validation { #expect(kept[name] == value) }
    }

    @Test("stops when patience is over, and is not taken further by a resumption")
    func patience() throws {
        // At this learning rate nothing changes, so only the first evaluation is an improvement.
        let settings = #""epochs": 50, "patience": 2, "learningRate": {"peak": 1e-30}"#
        let experiment = try Small.experiment(Small.sasrec, settings)
        let manifest = try train(experiment, on: data, to: run.url)
        #expect(manifest.status == .finished && manifest.reason.contains("no better ndcg@10"))
        #expect(manifest.epoch == 3 && manifest.bestStep == manifest.step / 3)
        let (weights, state) = (try Data(contentsOf: run.weights), try Data(contentsOf: run.optimizer))
        let again = try train(experiment, on: data, to: run.url) { $0.resume = true }
        #expect(again.status == .finished && again.step == manifest.step && again.validation == manifest.validation)
        #expect(try Data(contentsOf: run.weights) == weights)
        #expect(try Data(contentsOf: run.optimizer) == state)
        let more = try Small.experiment(Small.sasrec, settings.replacing(#""patience": 2"#, with: #""patience": 3"#))
        #expect(try train(more, on: data, to: run.url) { $0.resume = true }.epoch == 4)
    }

    @Test("evaluates as often as it is told")
    func evaluateEvery() throws {
        var epochs: [Int] = []
        let experiment = try Small.experiment(
            Small.sasrec,
            #""epochs": 5, "evaluateEvery": 2, "validationUsers": 7, "clip": 1, "loss": {"kind": "sampled-softmax"}"#
        )
        try train(experiment, on: data, to: run.url) {
            $0.observe = { if case .evaluated(let epoch, _, _, _) = $0 { epochs.append(epoch) } }
        }
        #expect(epochs == [2, 4, 5])
    }

    @Test("trains and keeps the last weights when the split has no validation users")
    func noValidation() throws {
        let experiment = try Small.experiment(
            Small.sasrec,
            split: #"{"kind": "by-user", "validation": 0, "test": 0.3, "seed": 1}"#
        )
        let manifest = try train(experiment, on: data, to: run.url)
        #expect(manifest.status == .finished && manifest.validation.isEmpty)
        #expect(try run.open().evaluate(.test).report.users > 0)
    }

    @Test("ends a diverging run with advice, and leaves what it had")
    func divergence() throws {
        let experiment = try Small.experiment(Small.sasrec, #""learningRate": {"peak": 1e30}"#)
        let error = #expect(throws: DivergenceError.self) { try train(experiment, on: data, to: run.url) }
        #expect(try #require(error).description.contains("training.learning_rate"))
        let manifest = try run.manifest()
        #expect(manifest.status == .diverged && manifest.reason == error?.description)
    }

    @Test("spends its time budget and goes on from there")
    func timeBudget() throws {
        let experiment = try Small.experiment(Small.sasrec)
        let first = try train(experiment, on: data, to: run.url) { $0.timeBudget = 0 }
        #expect(first.status == .interrupted && first.step == 1 && first.reason.contains("time budget"))
        #expect(!first.validation.isEmpty)
        #expect(try run.open().evaluate(.test).report.users == 40)
        let last = try train(experiment, on: data, to: run.url) {
            $0.resume = true
            $0.timeBudget = 600
        }
        #expect(last.status == .finished && last.epoch == 3 && last.seconds >= first.seconds)
    }

    @Test("fits a model that counts in one pass, and logs its validation")
    func fitted() throws {
        let experiment = try Experiment(tree(#"{"model": {"name": "popularity"}}"#))
        for resume in [false, true] {
            let manifest = try train(experiment, on: data, to: run.url) { $0.resume = resume }
            #expect(manifest.status == .finished && manifest.step == 0 && manifest.parameters == 0)
            let lines = try progress(run)
            #expect(lines.count == 1 && lines[0]["kind"] == .string("validation"))
            #expect(lines[0]["recall@10"] == .number(try #require(manifest.validation["recall@10"])))
        }
        let opened = try run.open()
        let counts = opened.data.trainingItemCounts()
        let recommended = try opened.recommend(to: opened.data.dataset.userID(UserIndex(rawValue: 0)), count: 3)
        #expect(recommended.map(\.score) == recommended.map { Double(counts[$0.item.rawValue]) })
    }
}

/// The lines of a progress log, each of which must be a JSON object.
func progress(_ run: RunDirectory) throws -> [JSONValue] {
    let text = try String(contentsOf: run.progress, encoding: .utf8)
    #expect(text.isEmpty || text.hasSuffix("\n"))
    return try text.split(separator: "\n").map { try tree(String($0)) }
}
