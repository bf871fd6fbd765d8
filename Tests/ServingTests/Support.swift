// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeFunnel
import CascadeRecommenders
import CascadeRuns
import CascadeSimulation
import CascadeTensorFiles
import CascadeTraining
import Foundation
import TestSupport

/// A small data set, and runs of small models that have learned a little of it.
struct Workshop {
    let folder: TemporaryFolder
    let data: Dataset

    /// Interests that drift between topics, or with `world: "shop"` people who search.
    init(world name: String = "drift", users: Int = 40, items: Int = 100) throws {
        folder = try TemporaryFolder()
        var world = try Simulator.named(name)
        (world.users, world.items) = (users, items)
        data = try world.write(to: folder.file("data"))
    }

    /// Trains a model for one epoch and gives its directory.
    func run(_ model: String, seed: UInt64 = 1, _ name: String? = nil) throws -> RunDirectory {
        let directory = RunDirectory(folder.file(name ?? model))
        var tree = try JSONDecoder().decode(JSONValue.self, from: Data((Self.models[model] ?? "{}").utf8))
        tree = tree.placing(.string(model), at: ["model", "name"])
        tree = tree.placing(.integer(1), at: ["training", "threads"]).placing(.integer(1), at: ["training", "epochs"])
        tree = tree.placing(.integer(32), at: ["training", "batch"])
        var options = TrainingOptions()
        options.seed = seed
        _ = try Trainer(Experiment(tree), on: data, to: directory.url, options).train()
        return directory
    }

    private static let models = [
        "sasrec": #"{"model": {"width": 16, "length": 20, "hidden": 32, "blocks": 1, "dropout": 0}}"#,
        "comirec-sa": #"{"model": {"width": 16, "length": 20}}"#,
        "t2diff": #"""
        {"model": {"width": 8, "length": 20, "session": 4, "window": 4, "channels": 8, "unit": 8, "steps": 4,
         "dropout": 0}, "training": {"cuts": 2}}
        """#,
        "dare": #"{"category": "topic", "model": {"width": 8, "length": 30, "kept": 5, "head": {"hidden": [16, 8]}}}"#,
        "twin": #"{"category": "topic", "model": {"width": 8, "length": 30, "kept": 5, "head": {"hidden": [16, 8]}}}"#,
        "diffusion-gs": #"""
        {"model": {"width": 8, "length": 20, "layers": 2, "steps": 5, "head": {"hidden": [8]},
         "tokens": {"side": 4, "text": {"buckets": 512}}}}
        """#,
        "qin": #"{"model": {"width": 8, "length": 20, "tokens": {"side": 4, "text": {"buckets": 512}}}}"#,
    ]

    /// A user's events in some rows, as a service remembers them.
    func events(_ user: UserIndex, _ rows: Range<Int>? = nil) -> [Event] {
        (rows ?? data.events(of: user)).map { row in
            Event(
                user: data.userID(user),
                item: data.itemID(ItemIndex(Int(data.items[row]))),
                action: Action(rawValue: data.actions[row]) ?? .click,
                time: data.times[row],
                query: data.query(at: row)
            )
        }
    }

    /// What a user requests after some of their events; after all of them when none are named.
    func request(_ user: Int, _ rows: Range<Int>? = nil, query: String? = nil, now: Int64? = nil) -> FunnelRequest {
        let history = events(UserIndex(user), rows)
        return FunnelRequest(
            id: "request \(user)",
            user: data.userID(UserIndex(user)),
            history: history,
            query: query,
            count: 10,
            now: now ?? history.last?.time ?? 0
        )
    }
}

/// Of rounding alone: the same operations on the same numbers, perhaps beside other rows.
let tolerance = 1e-6

/// Whether two lists have the same items, and scores but for rounding.
func areClose(_ found: [ScoredItem], _ expected: [(ItemID, Double)]) -> Bool {
    found.map(\.item) == expected.map(\.0)
        && zip(found, expected).allSatisfy { abs($0.score - $1.1) <= tolerance * max(1, abs($1.1)) }
}
