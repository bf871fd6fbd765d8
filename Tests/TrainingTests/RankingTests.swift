// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeEvaluation
import CascadeRecommenders
import CascadeTensorFiles
import CascadeTraining
import Foundation
import TestSupport
import Testing

@Suite("CTR models in training")
struct RankingTests {
    let folder: TemporaryFolder
    let data: Dataset
    var run: RunDirectory { RunDirectory(folder.file("run")) }

    init() throws {
        folder = try TemporaryFolder()
        data = try folder.driftWorld(users: 80)
    }

    private func experiment(_ training: String = "", model: String = "dare") throws -> Experiment {
        try Experiment(
            tree(
                #"""
                {"split": {"kind": "positions", "minimum": 12, "first": 3, "last": 30, "every": 3},
                 "category": "topic",
                 "model": {"name": "\#(model)", "width": 8, "length": 30, "kept": 5, "head": {"hidden": [16, 8]}},
                 "training": {"threads": 1, "batch": 32, "logEvery": 1, "epochs": 4,
                              "learningRate": {"peak": 0.01}\#(training)}}
                """#
            )
        )
    }

    @Test("learn to tell what is chosen, and say so in the manifest")
    func learns() throws {
        let manifest = try train(experiment(#", "epochs": 12"#), on: data, to: run.url)
        #expect(manifest.experiment.candidates == CandidateSettings())
        let area = try #require(manifest.validation["auc"])
        #expect(area > 0.65, "the area under the curve is \(area)")
        let report = try run.open().evaluate(.test).report
        #expect(report.seen == nil && report.candidates == CandidateSettings())
        let found = try #require(report.metrics["auc"])
        let interval = try #require(report.intervals["auc"])
        #expect(interval.lower < found && found < interval.upper)
    }

    @Test("a run that was interrupted ends with the same bits", arguments: ["dare", "twin", "sdim"])
    func resume(model: String) throws {
        var experiment = try experiment(#", "averageDecay": 0.9, "evaluateSteps": 3"#, model: "dare")
        if model != "dare" {
            let settings = model == "sdim" ? #""hashes": 3"# : #""kept": 5"#  // SDIM searches nothing
            experiment = try Experiment(
                tree(
                    #"""
                    {"split": {"kind": "positions", "minimum": 12, "first": 3, "last": 30, "every": 3},
                     "category": "topic",
                     "model": {"name": "\#(model)", "width": 8, "length": 30, \#(settings)},
                     "training": {"threads": 1, "batch": 32, "epochs": 2, "evaluateSteps": 3}}
                    """#
                )
            )
        }
        let whole = RunDirectory(folder.file("whole"))
        let expected = try train(experiment, on: data, to: whole.url)
        for steps in [2, 5] {
            var left = steps
            try train(experiment, on: data, to: run.url) {
                $0.resume = true
                $0.isInterrupted = {
                    left -= 1
                    return left == 0
                }
            }
        }
        let manifest = try train(experiment, on: data, to: run.url) { $0.resume = true }
        #expect(manifest.step == expected.step && manifest.validation == expected.validation)
        #expect(try Data(contentsOf: run.weights) == Data(contentsOf: whole.weights))
    }

    @Test("an export holds the report of the run, and what each request adds to its metrics")
    func exports() throws {
        try train(experiment(), on: data, to: run.url)
        let trained = try run.open()
        try trained.export(to: folder.file("export"), .test, weights: run.weights)
        let (report, result) = try trained.evaluate(.test)
        #expect(result.ranks.isEmpty && result.perRequest["auc"]?.count == report.users)
        let text = try String(contentsOf: folder.file("export").appendingPathComponent("metrics.json"), encoding: .utf8)
        #expect(text == (try report.json()) + "\n")
    }

    @Test("settings that belong to the other kind of model are refused")
    func refused() throws {
        #expect(throws: ConfigurationError.self) { try experiment(#", "metric": "recall@20""#) }
        #expect(throws: ConfigurationError.self) {
            try Experiment(tree(#"{"model": {"name": "sasrec"}, "candidates": {"negatives": 3}}"#))
        }
        #expect(throws: ConfigurationError.self) {
            try Experiment(tree(#"{"model": {"name": "dare"}, "candidates": {"negatives": 0}}"#))
        }
        #expect(throws: ConfigurationError.self) {
            try Experiment(tree(#"{"model": {"name": "sasrec"}, "training": {"metric": "auc"}}"#))
        }
        try train(experiment(), on: data, to: run.url)
        var options = EvaluationOptions()
        options.seen = .include
        #expect(throws: ConfigurationError.self) { try run.open().evaluate(.test, options) }
        options = EvaluationOptions()
        options.draws = 3
        #expect(throws: ConfigurationError.self) { try run.open().evaluate(.test, options) }
        let unnamed = try Experiment(tree(#"{"model": {"name": "dare"}}"#))
        let error = #expect(throws: ConfigurationError.self) {
            try train(unnamed, on: data, to: folder.file("unnamed"))
        }
        #expect(try #require(error).description.contains("items have: topic"))
    }
}
