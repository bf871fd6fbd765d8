// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeNN
import CascadeRecommenders
import CascadeSimulation
import CascadeTorch
import CascadeTraining
import Foundation
import TestSupport

extension TemporaryFolder {
    /// Users whose interests drift between topics.
    func driftWorld(_ name: String = "drift", users: Int, items: Int = 100, seed: UInt64 = 1) throws -> Dataset {
        var world = try Simulator.named("drift")
        (world.users, world.items, world.seed) = (users, items, seed)
        return try world.write(to: file(name))
    }

    /// Users named `u0`, `u1`, ..., each with the given items, at times from 1.
    func histories(_ histories: [[String]], name: String = "histories") throws -> Dataset {
        var builder = DatasetBuilder(name: name)
        for (user, items) in histories.enumerated() {
            for (time, item) in items.enumerated() {
                builder.add(Event(user: UserID("u\(user)"), item: ItemID(item), time: Int64(time + 1)))
            }
        }
        return try builder.write(to: file(name), minUserEvents: 1, minItemEvents: 1)
    }
}

/// A tree of settings from JSON.
func tree(_ text: String) throws -> JSONValue { try JSONDecoder().decode(JSONValue.self, from: Data(text.utf8)) }

/// Small models on one thread and without dropout, whose masks come from a generator that all tests of a process share.
enum Small {
    static let ease = #"{"name": "ease"}"#
    static let sasrec = #"{"name": "sasrec", "width": 16, "length": 20, "hidden": 32, "blocks": 1, "dropout": 0}"#
    static let t2diff = #"""
        {"name": "t2diff", "width": 8, "length": 20, "session": 4, "window": 4, "channels": 8, "unit": 8, "steps": 4,
         "dropout": 0}
        """#

    static func experiment(_ model: String, _ training: String = "", split: String? = nil) throws -> Experiment {
        let split = split.map { #""split": \#($0),"# } ?? ""
        let usual = #""threads": 1, "batch": 16, "cuts": 2, "logEvery": 1, "epochs": 3"#
        // Of two equal keys the settings of the test must win, so they are laid over the usual ones.
        var settings = try tree("{\(usual)}")
        guard case .object(let changes) = try tree("{\(training)}") else { throw ConfigurationError("not an object") }
        for (key, value) in changes { settings[key] = value }
        var experiment = try tree("{\(split) \"model\": \(model)}")
        experiment["training"] = settings
        return try Experiment(experiment)
    }
}

/// Trains and gives the manifest as it was left.
@discardableResult
func train(
    _ experiment: Experiment,
    on dataset: Dataset,
    to url: URL,
    _ change: (inout TrainingOptions) -> Void = { _ in }
) throws -> RunManifest {
    var options = TrainingOptions()
    change(&options)
    return try Trainer(experiment, on: dataset, to: url, options).train()
}

/// Gives every user fixed scores.
struct FixedScores: Retriever {
    static let card = ModelCard(name: "fixed", summary: "fixed scores", paper: "none")
    static let padding = Padding.right
    struct Configuration: Settings {}

    let length = 0
    private let table: Buffer  // [U, N]

    init(_ scores: [[Double]]) throws {
        table = Buffer(try Tensor(scores.flatMap { $0 }, shape: [scores.count, scores.first?.count ?? 0]))
    }

    init(_ c: Configuration, for data: DatasetShape, using generator: Generator) throws {
        table = Buffer(try .zeros([data.users, data.items]))
    }

    func scores(_ batch: Batch) throws -> Tensor { try table.value.rows(batch.users) }
}
