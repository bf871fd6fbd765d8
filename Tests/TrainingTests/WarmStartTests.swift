// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeRecommenders
import CascadeSimulation
import CascadeTensorFiles
import CascadeTorch
import CascadeTraining
import Foundation
import TestSupport
import Testing

@Suite("Beginning with the weights of another run")
struct WarmStartTests {
    let folder: TemporaryFolder
    var parent: RunDirectory { RunDirectory(folder.file("parent")) }
    var child: RunDirectory { RunDirectory(folder.file("child")) }

    init() throws { folder = try TemporaryFolder() }

    /// Yesterday's histories, and today's: two items are gone, two are new, and all stand in another order.
    private func days() throws -> (yesterday: Dataset, today: Dataset) {
        let yesterday = try folder.histories(
            [["a", "b", "c", "d"], ["b", "c", "d", "e"], ["c", "d", "e", "f"], ["d", "e", "f", "a"]],
            name: "yesterday"
        )
        let today = try folder.histories(
            [["x", "d", "c", "b"], ["c", "y", "d", "a"], ["d", "c", "x", "y"]],
            name: "today"
        )
        return (yesterday, today)
    }

    /// A tensor's rows as numbers.
    private func rows(_ run: URL, _ name: String) throws -> [[Double]] {
        let tensor = try SafetensorsFile(run).tensor(name)
        let (count, width) = (tensor.shape[0], tensor.shape.dropFirst().reduce(1, *))
        let values = try tensor.doubles()
        return (0..<count).map { Array(values[$0 * width..<($0 + 1) * width]) }
    }

    @Test(
        "rows follow the items' ids; new items are fresh; the rest is copied",
        arguments: [0, 0.9]
    )
    func rowsByID(decay: Double) throws {
        let (yesterday, today) = try days()
        let experiment = try Small.experiment(Small.sasrec, #""averageDecay": \#(decay)"#)
        try train(experiment, on: yesterday, to: parent.url)
        // A learning rate of nothing shows the first weights.
        let still = try Small.experiment(Small.sasrec, #""averageDecay": \#(decay), "learningRate": {"peak": 1e-30}"#)
        let manifest = try train(still, on: today, to: child.url) { $0.start = try? WarmStart(parent) }
        let (before, now) = (try rows(parent.weights, "items.weight"), try rows(child.weights, "items.weight"))
        #expect(before[0] == now[0], "the row of padding")
        for item in (0..<today.itemCount).map({ today.itemID(ItemIndex($0)) }) {
            let row = try now[today.itemIndex(item).rawValue + 1]
            guard let old = yesterday.find(item) else {
                #expect(!before.contains(row), "\(item) is new")
                continue
            }
            #expect(row == before[old.rawValue + 1], "\(item)")
        }
        let positions = "positions.weight"
        #expect(try rows(parent.weights, positions) == rows(child.weights, positions))
        let start = try #require(manifest.startedFrom)
        #expect(start.rows["items"] == .init(known: 4, new: 2) && start.rows["users"] == .init(known: 3, new: 0))
        #expect(start.data.hash == yesterday.manifest.contentHash && start.run == parent.url.standardizedFileURL.path)
    }

    @Test("on the same data with no learning rate the scores are the parent's, whatever the kind of model")
    func sameScores() throws {
        var shop = try Simulator.named("shop")
        (shop.users, shop.items) = (30, 400)
        let lists = try shop.write(to: folder.file("shop"))
        let drift = try folder.driftWorld(users: 40)
        for (model, data) in [("sasrec", drift), ("dare", drift), ("diffusion-gs", lists), ("hstu", lists)] {
            let capabilities = try ModelRegistry.builtin.entry(model).capabilities
            func experiment(_ peak: Double) throws -> Experiment {
                var tree = try tree(
                    #"{"training": {"threads": 1, "epochs": 1, "batch": 32, "cuts": 1, "learningRate": {"peak": \#(peak)}}}"#
                )
                tree["model"] = ["name": .string(model), "max_sequence_length": 8]
                if capabilities.contains(.clickThroughRate) { tree["category"] = "topic" }
                return try Experiment(tree)
            }
            let (one, two) = (RunDirectory(folder.file("\(model)-1")), RunDirectory(folder.file("\(model)-2")))
            let first = try train(experiment(0.01), on: data, to: one.url)
            let second = try train(experiment(1e-30), on: data, to: two.url) {
                $0.start = try? WarmStart(one)
            }
            #expect(second.startedFrom?.rows["items"]?.new == 0)
            let (before, now) = (try SafetensorsFile(one.weights), try SafetensorsFile(two.weights))
            let changed = try before.names.filter { name in
                try before.withUnsafeBytes(of: name) { Array($0) } != now.withUnsafeBytes(of: name) { Array($0) }
            }
            // Running statistics follow the batches, whatever the learning rate.
            #expect(changed.allSatisfy { $0.hasSuffix(".mean") || $0.hasSuffix(".variance") }, "\(model): \(changed)")
            guard changed.isEmpty else { continue }
            let (a, b) = (try one.open().evaluate(.test).report, try two.open().evaluate(.test).report)
            #expect(a.metrics == b.metrics, "\(model)")
            #expect(first.validation == second.validation, "\(model)")
        }
    }

    @Test("a run that began so resumes with the same bits as one that was never interrupted")
    func resumed() throws {
        let (yesterday, today) = (
            try folder.driftWorld("one", users: 40), try folder.driftWorld("two", users: 50, seed: 2)
        )
        let experiment = try Small.experiment(Small.sasrec)
        try train(experiment, on: yesterday, to: parent.url)
        let whole = RunDirectory(folder.file("whole"))
        let expected = try train(experiment, on: today, to: whole.url) { $0.start = try? WarmStart(parent) }
        var left = 3
        let cut = try train(experiment, on: today, to: child.url) {
            $0.start = try? WarmStart(parent)
            $0.isInterrupted = {
                left -= 1
                return left == 0
            }
        }
        #expect(cut.status == .interrupted && cut.startedFrom == expected.startedFrom)
        let resumed = try train(experiment, on: today, to: child.url) { $0.resume = true }
        #expect(resumed.step == expected.step && resumed.startedFrom == expected.startedFrom)
        #expect(try Data(contentsOf: child.weights) == Data(contentsOf: whole.weights))
    }

    @Test("the optimizer goes on where the parent's stood: its count, and the moments of known items")
    func moments() throws {
        let (yesterday, today) = try days()
        let first = try train(Small.experiment(Small.sasrec), on: yesterday, to: parent.url)
        // A mean that hardly moves shows what it began with.
        let slow = try Small.experiment(Small.sasrec, #""optimizer": {"beta1": 0.9999999}"#)
        try train(slow, on: today, to: child.url) { options in
            options.start = try? WarmStart(parent)
            options.budget = .steps(1)
        }
        let (before, now) = (
            try rows(parent.optimizer, "mean.items.weight"), try rows(child.optimizer, "mean.items.weight")
        )
        for item in (0..<today.itemCount).map({ today.itemID(ItemIndex($0)) }) {
            let row = try now[today.itemIndex(item).rawValue + 1]
            let expected = yesterday.find(item).map { before[$0.rawValue + 1] } ?? row.map { _ in 0 }
            #expect(zip(row, expected).allSatisfy { abs($0 - $1) < 1e-6 }, "\(item)")
            #expect(yesterday.find(item) == nil || row.contains { abs($0) > 1e-5 }, "\(item) has moments at all")
        }
        let state = try #require(try SafetensorsFile(child.optimizer).metadata["state"])
        #expect(try tree(state)["optimizerSteps"] == .integer(Int(first.step)))
    }

    @Test("other settings, models that are fitted, and lost data are refused")
    func refused() throws {
        let (yesterday, today) = try days()
        try train(Small.experiment(Small.sasrec), on: yesterday, to: parent.url)
        let wider = #"{"name": "sasrec", "width": 8, "length": 20, "hidden": 32, "blocks": 1, "dropout": 0}"#
        let other = #expect(throws: ConfigurationError.self) {
            try train(Small.experiment(wider), on: today, to: child.url) { $0.start = try? WarmStart(parent) }
        }
        #expect(other?.description.contains("expected the same sasrec") == true)
        let (counted, next) = (RunDirectory(folder.file("ease")), folder.file("next"))
        try train(Small.experiment(Small.ease), on: yesterday, to: counted.url)
        let fitted = #expect(throws: ConfigurationError.self) {
            try train(Small.experiment(Small.ease), on: today, to: next) { $0.start = try? WarmStart(counted) }
        }
        #expect(fitted?.description.contains("leave --from out") == true)
        #expect(throws: CheckpointError.self) { try WarmStart(parent, data: today.url) }
        try FileManager.default.moveItem(at: yesterday.url, to: folder.file("elsewhere"))
        let lost = #expect(throws: CheckpointError.self) { try WarmStart(parent) }
        #expect(lost?.description.contains("--from-data") == true)
        _ = try WarmStart(parent, data: folder.file("elsewhere"))
    }
}
