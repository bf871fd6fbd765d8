// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeRecommenders
import CascadeSimulation
import CascadeTraining
import Foundation
import TestSupport
import Testing

@testable import CascadeComparison

@Suite("The file of a table")
struct TableSpecificationTests {
    static let tree: JSONValue = [
        "name": "tiny", "data": ["a": ["simulator": "drift", "users": 50], "b": ["directory": "elsewhere"]],
        "metrics": ["recall@10", "ndcg@10"], "seen": "include", "training": ["epochs": 3],
        "rows": [
            ["name": "floor", "model": ["name": "popularity"], "published": ["a": ["recall@10": 0.25]]],
            [
                "name": "model", "model": ["name": "t2diff", "width": 16],
                "per_data": ["b": ["training": ["epochs": 5]]],
            ],
            ["name": "model, one step", "weights_from": "model", "model": ["sampler": ["kind": "one-step"]]],
            ["name": "from a file", "experiment": "sas.yaml", "training": ["batch": 7]],
        ],
    ]

    func table(_ tree: JSONValue = Self.tree) throws -> TableSpecification {
        try TableSpecification(tree, file: "file") { name in
            #expect(name == "sas.yaml")
            return ["model": ["name": "sasrec", "width": 24], "training": ["batch": 5, "cuts": 2]]
        }
    }

    func experiment(_ row: Int, _ data: String) throws -> Experiment {
        try #require(try table().rows[row].experiments[data]).get()
    }

    @Test("settings come from the table, then the row's file, then the row, then the row on one data set")
    func layers() throws {
        let model = try experiment(1, "a")
        #expect(model.seen == .include && model.name == "model")
        #expect(model.model.settings["embedding_size"] == .integer(16))
        #expect(model.training.epochs == 3)
        #expect(try experiment(1, "b").training.epochs == 5)
        let file = try experiment(3, "a")
        #expect(file.model.settings["embedding_size"] == .integer(24))
        #expect(file.training.batchSize == 7 && file.training.prefixesPerUser == 2)
    }

    @Test("a model's setting may be shared by all rows, and changes to every row come last and are told")
    func changes() throws {
        var tree = Self.tree
        tree["model"] = ["dropout": 0.25]
        tree["rows"] = ["name": "a", "model": ["name": "sasrec", "width": 16]]
        tree["rows"] = .array([tree["rows"], ["name": "b", "model": ["name": "sasrec", "dropout": 0.5]]])
        let changed: JSONValue = ["model": ["width": 48], "training": ["epochs": 9]]
        let table = try TableSpecification(tree, file: "file", changing: changed) { _ in .null }
        let rows = try table.rows.map { try #require($0.experiments["a"]).get() }
        #expect(rows.map { $0.model.settings["embedding_size"] } == [48, 48])
        #expect(rows.map { $0.model.settings["dropout"] } == [0.25, 0.5])
        #expect(rows.map { $0.training.epochs } == [9, 9])
        #expect(table.protocolText.hasSuffix("In every row: model.width = 48, training.epochs = 9."))
        let single = try TableSpecification(["model": ["name": "sasrec"]], file: "x", changing: changed) { _ in .null }
        #expect(try #require(single.rows[0].experiments[""]).get().model.settings["embedding_size"] == 48)
    }

    @Test("a row that evaluates another's weights takes over that row's settings, per data set")
    func weights() throws {
        let row = try experiment(2, "b")
        #expect(row.model.settings["embedding_size"] == .integer(16))
        #expect(row.model.settings["sampler"]["kind"] == .string("one-step"))
        #expect(row.training.epochs == 5)
        #expect(try table().rows[2].weightsFrom == "model")
    }

    @Test("keys have other names than before version 0.2, under which they are read and said")
    func formerKeys() throws {
        var tree = Self.tree
        tree["data"] = [
            "a": ["world": "drift", "users": 50, "meanEvents": 9],
            "b": ["from": "csv", "paths": ["log.csv"], "minUserEvents": 3],
        ]
        tree["perData"] = ["b": ["training": ["epochs": 2]]]
        tree["rows"] = [
            ["name": "a", "model": ["name": "t2diff"], "perData": ["b": ["training": ["epochs": 5]]]],
            ["name": "b", "weightsOf": "a", "model": ["sampler": ["kind": "one-step"]]],
        ]
        let old = try table(tree)
        #expect(old.rows[1].weightsFrom == "a")
        #expect(try #require(old.rows[0].experiments["b"]).get().training.epochs == 5)
        #expect(
            Set(old.renamed) == [
                Renaming("perData", "per_data"), Renaming("rows[1].perData", "rows[1].per_data"),
                Renaming("rows[2].weightsOf", "rows[2].weights_from"),
                Renaming("data.a.world", "data.a.simulator"), Renaming("data.a.meanEvents", "data.a.mean_events"),
                Renaming("data.b.minUserEvents", "data.b.min_user_events"),
            ]
        )
        tree["data"]["a"]["simulator"] = "drift"
        #expect(throws: ConfigurationError.self) { try table(tree) }
    }

    @Test("settings of one data set hold there, in every row that says nothing else")
    func perData() throws {
        var tree = Self.tree
        tree["per_data"] = ["b": ["training": ["epochs": 2, "batch": 7]]]
        tree["rows"] = [
            ["name": "says nothing", "model": ["name": "sasrec"]],
            ["name": "says", "model": ["name": "sasrec"], "training": ["epochs": 4]],
        ]
        let rows = try table(tree).rows
        func training(_ row: Int, _ data: String) throws -> TrainingSettings {
            try #require(rows[row].experiments[data]).get().training
        }
        #expect(try training(0, "b").epochs == 2 && training(1, "b").epochs == 4)
        #expect(try training(0, "b").batchSize == 7 && training(1, "b").batchSize == 7)
        #expect(try training(0, "a").epochs == 3 && training(0, "a").batchSize != 7)
    }

    @Test("published figures belong to a data set and a metric")
    func published() throws {
        #expect(try table().rows[0].published == ["a": ["recall@10": 0.25]])
    }

    @Test("a row's own mistake stays with the row")
    func brokenRow() throws {
        var tree = Self.tree
        tree["rows"] = [["name": "broken", "model": ["name": "sasrec", "widht": 3]]]
        let row = try table(tree).rows[0]
        #expect(throws: ConfigurationError("unknown key 'widht' in 'model'. Did you mean 'embedding_size'?")) {
            try #require(row.experiments["a"]).get()
        }
    }

    @Test(
        "mistakes of the table are refused with what was expected",
        arguments: [
            ("rowz", JSONValue.integer(1), "unknown key 'rowz' in the table. Did you mean 'rows'?"),
            ("metrics", ["recal@10"], "metrics: 'recal@10' is not a metric. Did you mean 'recall@10'?"),
            ("main", "ndcg@11", "main: 'ndcg@11' is not a metric. Did you mean 'ndcg@1'?"),
            ("main", "logloss", "main: 'logloss' is not best where it is highest; rank the rows by another metric"),
            ("rows", [["model": ["name": "sasrec"]]], "rows[1]: a row needs a name"),
            ("rows", [["name": "a"], ["name": "a"]], "rows: two rows are called 'a'; give each its own name"),
            (
                "rows", [["name": "a", "weights_from": "b"]],
                "rows.a.weights_from: found 'b', expected the name of a row that is trained"
            ),
            (
                "rows", [["name": "a", "published": ["recall@10": 0.1]]],
                "rows.a.published: the table has several data sets; give figures for each by its name"
            ),
            ("data", ["x": ["form": "csv"]], "data.x: expected 'directory', 'from' with 'paths', or 'simulator'"),
            (
                "data", ["x": ["from": "csv", "paths": ["p"], "minUserEvent": 3]],
                "data.x: unknown key 'minUserEvent'. Did you mean 'min_user_events'?"
            ),
            (
                "data", ["x": ["from": "csv", "paths": ["p"], "columns": ["reqest": "r"]]],
                "data.x.columns: unknown key 'reqest'. Did you mean 'request'?"
            ),
            ("data", ["x": ["simulator": "drift", "user": 3]], "data.x: unknown key 'user'. Did you mean 'users'?"),
            (
                "per_data", ["other": ["training": ["epochs": 2]]],
                "per_data: the table has no data set 'other'. It has: a, b"
            ),
            (
                "rows", [["name": "r", "per_data": ["bb": ["training": ["epochs": 2]]]]],
                "rows.r.per_data: the table has no data set 'bb'. Did you mean 'b'?"
            ),
            ("draws", 0, "draws: expected a whole number from 1"),
        ] as [(String, JSONValue, String)]
    )
    func refused(_ key: String, _ value: JSONValue, _ message: String) throws {
        var tree = Self.tree
        tree[key] = value
        #expect(throws: ConfigurationError(message)) { try table(tree) }
    }

    @Test("an experiment file is a table with one row on any data set")
    func single() throws {
        let table = try TableSpecification(["model": ["name": "sasrec"]], file: "x") { _ in .null }
        let joined = try #require(TableSpecification.joined([table])).on([
            DataRecipe("here", at: URL(filePath: "/nowhere"))
        ])
        #expect(joined.rows.map(\.name) == ["sasrec"])
        #expect(try joined.rows[0].experiments["here"]?.get().model.name == "sasrec")
    }

    @Test("data sets are imported or simulated once")
    func data() throws {
        let folder = try TemporaryFolder()
        let parameters: JSONValue = [
            "simulator": "drift", "users": 20, "items": 200, "categories": 5, "mean_events": 30, "seed": 3,
        ]
        let recipe = try DataRecipe("w", parameters)
        var simulator = try Simulator.named("drift")
        (simulator.users, simulator.items, simulator.categories, simulator.meanEvents, simulator.seed) = (
            20, 200, 5, 30, 3
        )
        #expect(recipe.origin == .simulator(simulator))
        let made = try recipe.dataset(in: folder.url)
        #expect(made.userCount == 20)
        let again = try recipe.dataset(in: folder.url)
        #expect(again.manifest.contentHash == made.manifest.contentHash)
        let missing = try DataRecipe("x", ["from": "csv", "paths": ["not/here.csv"]])
        #expect(throws: ConfigurationError.self) { try missing.dataset(in: folder.url) }
    }
}
