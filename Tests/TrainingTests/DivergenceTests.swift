// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeEvaluation
import CascadeNN
import CascadeRecommenders
import CascadeSimulation
import CascadeTensorFiles
import CascadeTorch
import CascadeTraining
import Foundation
import TestSupport
import Testing

@Suite("Divergence")
struct DivergenceTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    static let learning = ModelRegistry.builtin.entries.filter(\.learns).map(\.card.name)

    /// What makes a model quick; a model takes those of these settings that it has.
    private static let small = #"""
        {"width": 8, "length": 20, "hidden": 16, "blocks": 1, "session": 4, "window": 4, "channels": 8, "unit": 8,
         "steps": 4, "dropout": 0, "kept": 5, "relevant": 5, "layers": 2, "interests": 2,
         "head": {"hidden": [8]}, "tokens": {"side": 4, "dropout": 0, "text": {"buckets": 64}}}
        """#

    /// A small experiment with a model, on a small world that it can read.
    private func subject(_ name: String, peak: Double) throws -> (experiment: Experiment, data: Dataset) {
        let entry = try ModelRegistry.builtin.entry(name)
        var world = try Simulator.named(entry.capabilities.contains(.queries) ? "shop" : "drift")
        (world.users, world.items) = (30, entry.capabilities.contains(.queries) ? 400 : 100)
        let data = try world.write(to: folder.file("data"))
        guard case .object(let defaults) = try entry.specification().settings,
            case .object(let small) = try tree(Self.small)
        else {
            throw ConfigurationError("not an object")
        }
        var settings = JSONValue.object(small.filter { defaults[$0.key] != nil })
        settings["name"] = .string(name)
        var tree = try tree(#"{"training": {"threads": 1, "epochs": 2, "cuts": 1, "batch": 32}}"#)
        tree["training"]["learningRate"]["peak"] = .number(peak)
        tree["model"] = settings
        if entry.capabilities.contains(.clickThroughRate) { tree["category"] = .string("topic") }
        return (try Experiment(tree), data)
    }

    @Test("a huge learning rate is refused, or leaves scores that tell items apart", arguments: learning)
    func hugeRate(_ name: String) throws {
        let (experiment, data) = try subject(name, peak: 1e6)
        let run = RunDirectory(folder.file("run"))
        do {
            try train(experiment, on: data, to: run.url)
        } catch let error as DivergenceError {
            let manifest = try run.manifest()
            #expect(manifest.status == .diverged && manifest.reason == error.description)
            #expect(error.description.contains("lower training.learning_rate"))
            return
        }
        let opened = try run.open()
        #expect(try opened.task.validate(.validation, limit: 0).health.fault == nil)
    }

    @Test("a usual learning rate is not taken for divergence", arguments: learning)
    func usualRate(_ name: String) throws {
        let (experiment, data) = try subject(name, peak: 1e-3)
        #expect(try train(experiment, on: data, to: folder.file("run")).status == .finished)
    }

    @Test(
        "scores that are all alike, of items or of users, are found",
        arguments: [
            ([[0, 1, 2], [2, 1, 0]], nil), ([[1, 1, 1], [5, 5, 5]], ScoreHealth.Fault.constant),
            ([[0, 0, 0], [0, 0, 0]], .constant), ([[1e9, 1e9 + 1, 1e9], [1e9, 1e9, 1e9]], .constant),
            ([[3, 1, 2], [3, 1, 2]], .alike), ([[3, 1, 2], [3, 1.5, 2]], nil),
        ] as [([[Double]], ScoreHealth.Fault?)]
    )
    func faults(_ scores: [[Double]], _ fault: ScoreHealth.Fault?) throws {
        let data = try folder.histories([["a", "b", "c"], ["b", "c", "a"]])
        let division = try SplitDataset(data, .leaveOneOut)
        let outcome = try TopKEvaluator(division, seen: .include).evaluate(FixedScores(scores), .test)
        #expect(outcome.health.fault == fault)
    }

    @Test("users with the same history may have the same scores")
    func sameHistories() throws {
        let data = try folder.histories([["a", "b", "c"], ["a", "b", "c"]])
        let scores = try FixedScores([[3, 1, 2], [3, 1, 2]])
        let outcome = try TopKEvaluator(SplitDataset(data, .leaveOneOut), seen: .include).evaluate(scores, .test)
        #expect(outcome.health.fault == nil)
    }

    @Test("an infinite score is refused as one that is not a number is", arguments: [Double.infinity, .nan])
    func infinite(_ score: Double) throws {
        let data = try folder.histories([["a", "b", "c"], ["b", "c", "a"]])
        let scores = try FixedScores([[3, 1, 2], [score, 1, 2]])
        #expect(throws: DivergenceError.self) {
            try TopKEvaluator(SplitDataset(data, .leaveOneOut), seen: .include).evaluate(scores, .test)
        }
    }

    @Test("chance is told from a ranking that is better, whatever was seen", arguments: SeenPolicy.allCases)
    func chance(_ seen: SeenPolicy) throws {
        var random = SplitMix64(seed: 5)
        let data = try folder.driftWorld(users: 200)
        let division = try SplitDataset(data, .leaveOneOut)
        func isAtChance(_ bonus: Double) throws -> Bool {
            let scores = division.cases(.test).map { example in
                (0..<data.itemCount).map { item in
                    Double.random(in: 0..<1, using: &random) + (item == Int(data.items[example.target]) ? bonus : 0)
                }
            }
            return try TopKEvaluator(division, seen: seen).evaluate(FixedScores(scores), .test).health.isAtChance
        }
        #expect(try isAtChance(0))
        #expect(try !isAtChance(0.3))
    }

    @Test("a model that learns nothing is warned about, in the log and in the manifest")
    func warning() throws {
        let data = try folder.driftWorld(users: 200)
        let experiment = try Small.experiment(Small.sasrec, #""epochs": 2, "learningRate": {"peak": 1e-30}"#)
        let run = RunDirectory(folder.file("run"))
        var notices: [String] = []
        let manifest = try train(experiment, on: data, to: run.url) {
            $0.observe = { if case .notice(let text) = $0 { notices.append(text) } }
        }
        #expect(manifest.status == .finished && manifest.warnings?.count == 1)
        #expect(notices.count == 1 && notices[0].contains("no better than chance"))
        let lines = try progress(run).filter { $0["kind"] == .string("warning") }
        #expect(lines.count == 1 && lines[0]["text"] == .string(notices[0]))
        let learned = try Small.experiment(Small.sasrec, #""epochs": 12, "learningRate": {"peak": 0.01}"#)
        #expect(try train(learned, on: data, to: folder.file("learned")).warnings == nil)
    }

    @Test("log-odds that tell no candidates apart are found")
    func rankers() throws {
        func health(_ scores: [Float]) throws -> ScoreHealth {
            ScoreHealth(
                scores: scores,
                requests: [0, 0, 1, 1],
                items: [1, 2, 3, 4],
                labels: [true, false, true, false],
                metrics: try ClickMetrics(
                    probabilities: scores.map { 1 / (1 + exp(-$0)) },
                    labels: [true, false, true, false],
                    requests: [0, 0, 1, 1]
                )
            )
        }
        #expect(try health([1, 1, 2, 2]).fault == .constant)
        #expect(try health([1, 1, 2, 2.1]).fault == nil)
        #expect(try health([0, 1, 0, 1]).isAtChance)
    }
}
