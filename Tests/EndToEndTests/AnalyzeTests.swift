// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

@Suite("cascade analyze")
struct AnalyzeTests {
    let folder: TemporaryFolder
    private var a: String { folder.path("runs/a") }
    private var b: String { folder.path("runs/b") }

    init() throws { folder = try TemporaryFolder() }

    @Test("answers every kind of question with tables that agree with one another and with evaluate")
    func answers() async throws {
        let data = try folder.driftWorld(users: 60)
        for (run, steps) in [(a, "steps=4"), (b, "steps=6")] {
            let settings = Small.settings("t2diff", steps, "sampler.kind=ddpm", "reference_steps=0")
            try await cascade(["train"] + settings + ["--data", data, "--to", run])
        }
        try await diffusion()
        try await groups()
        try await learning()
    }

    /// The rows of a table that an analysis writes, by column.
    private func analyze(_ kind: String, _ runs: [String], _ options: String..., table: String? = nil) async throws
        -> [[String: String]]
    {
        let tables = options.contains("--picture") ? [] : ["--no-picture"]
        let further = options.filter { $0 != "--picture" }
        let target = folder.path("out/\(kind)")
        try await cascade(["analyze", kind] + runs + ["--to", target] + tables + further)
        let pictures = tables.isEmpty ? ["\(kind).png", "\(kind).svg"] : []
        let names = try folder.names("out/\(kind)")
        #expect(Set(names).isSuperset(of: ["\(kind).csv", "\(kind).md"] + pictures))
        #expect(pictures.isEmpty == !names.contains("\(kind).png"))
        let text = String(decoding: try folder.data("out/\(kind)/\(table ?? kind).csv"), as: UTF8.self)
        let lines = text.split(separator: "\n").map {
            $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        }
        #expect(lines.count > 1 && lines.allSatisfy { $0.count == lines[0].count })
        return lines.dropFirst().map { Dictionary(uniqueKeysWithValues: zip(lines[0], $0)) }
    }

    private func number(_ row: [String: String], _ column: String) throws -> Double {
        try #require(row[column].flatMap(Double.init), "\(column) in \(row)")
    }

    /// What the diffusion does: the state nears the truth, and each number of steps is evaluated.
    private func diffusion() async throws {
        let process = try await analyze("reverse-process", [a, b], "--picture")
        #expect(process.count == 6 * (4 + 6))
        for (run, last) in [("a", 4.0), ("b", 6)] {
            let states = process.filter {
                $0["run"] == run && $0["quantity"] == "state" && $0["compared"] == "drift from the last item"
            }
            let similarity = try states.map { try number($0, "similarity") }
            #expect(try states.map { try number($0, "schedule step") } == (1...Int(last)).reversed().map(Double.init))
            #expect(try #require(similarity.last) > similarity[0] + 0.03)
            for row in states {
                #expect(try number(row, "lower") <= number(row, "similarity"))
                #expect(try number(row, "similarity") <= number(row, "upper"))
                #expect(try number(row, "10th percentile") <= number(row, "90th percentile"))
            }
        }
        let errors = try await analyze("denoising-error", [b])
        #expect(try Set(errors.map { try number($0, "schedule step") }) == [6, 3, 1])
        for step in [6.0, 3, 1] {
            let own = try errors.filter { try number($0, "schedule step") == step }
            #expect(try own.map { try number($0, "position") } == own.indices.map(Double.init) && own.count > 1)
            for row in own {
                let (error, power) = (try number(row, "error"), try number(row, "power"))
                #expect(try error > 0 && abs(number(row, "unexplained") - error / power) < 1e-9)
            }
        }
        // The next item's position is the only one whose answer is not part of the condition.
        let noisy = try errors.filter { try number($0, "schedule step") == 6 }.map { try number($0, "unexplained") }
        #expect(try noisy[0] == #require(noisy.max()))
        let steps = try await analyze("denoising-steps", [b], "--steps", "1,3,50", "--metric", "recall@10")
        #expect(try steps.map { try number($0, "denoising steps") } == [1, 3])
        let one = ["evaluate", b, "--json", "--set", "sampler.kind=one-step"]
        let metrics = try #require(try await cascade(one).document()["metrics"] as? [String: Double])
        #expect(try abs(number(steps[0], "recall@10") - #require(metrics["recall@10"])) < 1e-12)
    }

    /// Who is served well: groups of users add up to all of them, shares to one.
    private func groups() async throws {
        let metrics = try #require(
            try await cascade(["evaluate", a, "--json"]).document()["metrics"] as? [String: Double]
        )
        for kind in ["activity", "adjacent-similarity"] {
            let rows = try await analyze(kind, [a, b], "--metric", "recall@20").filter { $0["run"] == "a" }
            let users = try rows.map { try number($0, "users") }
            let sum = try zip(rows, users).reduce(0) { try $0 + number($1.0, "recall@20") * $1.1 }
            #expect(users.reduce(0, +) == 60 && rows.count > 5)
            #expect(try abs(sum / 60 - #require(metrics["recall@20"])) < 1e-12, "\(kind)")
        }
        let shares = try await analyze("popularity", [a])
        for source in ["training events", "test targets", "a"] {
            let own = shares.filter { $0["source"] == source }
            #expect(try abs(own.reduce(0) { try $0 + number($1, "share") } - 1) < 1e-9)
            #expect(try own.reduce(0) { try $0 + number($1, "items") } == 100)
        }
        let summary = try await analyze("popularity", [a], table: "popularity-summary")
        #expect(try abs(number(summary[2], "coverage") - #require(metrics["coverage@20"])) < 1e-12)
        #expect(try abs(number(summary[2], "mean training events") - #require(metrics["popularity@20"])) < 1e-9)
    }

    /// What was learnt, and how: losses, categories, a map, one setting.
    private func learning() async throws {
        let losses = try await analyze("losses", [a, b])
        #expect(Set(losses.compactMap { $0["term"] }) == ["loss", "main", "ranking", "reconstruction"])
        let probe = try await analyze("probe", [a])
        #expect(probe.compactMap { $0["run"] } == ["a", "most common category"])
        #expect(try number(probe[0], "accuracy") <= 1 && number(probe[1], "accuracy") < 0.5)
        let categories = try number(probe[0], "categories in the top 100")
        #expect(categories > 1 && categories <= 20)
        let map = try await analyze("map", [a], "--items", "40")
        #expect(map.count == 40 && Set(map.compactMap { $0["item"] }).count == 40)
        #expect(map.allSatisfy { $0["category"]?.hasPrefix("Topic ") ?? false || $0["category"] == "other" })
        let sensitivity = try await analyze("sensitivity", [b, a], "--split", "validation", "--metric", "mrr@20")
        #expect(try sensitivity.map { try number($0, "model.steps") } == [4, 6])
    }

    @Test("answers questions about CTR models, on a world whose truth is known")
    func clickModels() async throws {
        let data = folder.path("lifelong")
        let world = [
            "--simulator", "lifelong", "--users", "60", "--items", "120", "--categories", "8", "--mean-events", "60",
        ]
        try await cascade(["data", "simulate"] + world + ["--to", data])
        let (dare, twin) = (folder.path("runs/dare"), folder.path("runs/twin"))
        for (model, run) in [("dare", dare), ("twin", twin)] {
            let settings = [
                "split={kind: positions, minimum: 30, first: 3, last: 40, every: 4}", "width=8", "length=50", "kept=8",
                "head.hidden=[16, 8]", "batch=64", "epochs=3", "evaluateSteps=5", "learningRate.peak=0.02", "threads=1",
            ]
            let options = settings.flatMap { ["--set", $0] }
            try await cascade(["train", "--model", model, "--data", data, "--to", run] + options)
        }
        let evaluated = try await cascade(["evaluate", dare, "--json"]).document()
        let area = try #require((evaluated["metrics"] as? [String: Double])?["auc"])
        let search = try await analyze("search-quality", [dare, twin])
        #expect(search.compactMap { $0["model"] } == ["dare", "twin"])
        for row in search {
            #expect(try number(row, "NDCG") > 0.2 && number(row, "NDCG") <= 1)
            #expect(try number(row, "lower") <= number(row, "NDCG") && number(row, "NDCG") <= number(row, "upper"))
        }
        let attention = try await analyze("attention", [dare])
        #expect(Set(attention.compactMap { $0["series"] }) == ["mutual information", "dare"])
        let truth = attention.filter { $0["series"] == "mutual information" && $0["behavior"] == "same category" }
        #expect(try number(truth[0], "weight") == 1)
        #expect(try number(truth[truth.count - 1], "weight") < 0.5)
        let clusters = try await analyze("discriminability", [dare], "--steps", "2,8")
        #expect(try clusters.map { try number($0, "clusters") } == [2, 8])
        #expect(try clusters.allSatisfy { try number($0, "mutual information") >= -1e-12 })
        let curve = try await analyze("learning-curve", [dare, twin])
        #expect(try curve.filter { $0["run"] == "dare" }.map { try number($0, "training step") }.prefix(2) == [5, 10])
        let conflict = try await analyze("gradient-conflict", [twin], "--steps", "6", table: "gradient-conflict-rows")
        #expect(try abs(conflict.reduce(0) { try $0 + number($1, "rows") } - 1) < 1e-9)
        let activity = try await cascade(["analyze", "activity", dare, "--to", folder.path("x")], status: 78)
        #expect(activity.errors.contains("dare") && area > 0.5)
        let apart = try await cascade(["analyze", "gradient-conflict", dare, "--to", folder.path("x")], status: 78)
        #expect(apart.errors.contains("tables of their own"))
    }

    @Test("mistakes are named: kinds, options, models and runs that do not fit")
    func mistakes() async throws {
        let data = try folder.driftWorld()
        let (plain, floor, other) = (folder.path("sasrec"), folder.path("floor"), folder.path("other"))
        try await Small.train("sasrec", on: data, to: plain)
        try await Small.train("popularity", on: data, to: floor)
        try await Small.train("popularity", on: folder.driftWorld("data2", seed: 2), to: other)
        for (arguments, status, text) in [
            (["map2", plain], 64, "Did you mean 'map'?"),
            (["losses", plain, "--category", "topic"], 64, "takes no --category"), (["map"], 64, "<run>"),
            (["activity", plain, "--metric", "recal@20"], 64, "Did you mean 'recall@20'?"),
            (["probe", floor], 78, "'popularity' has no item vectors"),
            (["reverse-process", plain], 78, "'sasrec' has no diffusion"),
            (["activity", plain, other], 78, "the data set is"), (["activity", plain, plain], 78, "named twice"),
            (["losses", floor], 78, "holds no training steps"),
            (["probe", plain, "--category", "genre"], 65, "'genre'"),
            (["sensitivity", plain, folder.path("none")], 65, "no run here"),
        ] as [([String], Int32, String)] {
            let said = try await cascade(["analyze"] + arguments + ["--to", folder.path("out")], status: status).errors
            #expect(said.contains(text), "\(arguments): \(said)")
        }
        #expect(!folder.holds("out"))
        let help = try await cascade(["analyze", "--help"]).output
        #expect(help.contains("adjacent-similarity") && help.contains("options: --split, --seen, --metric, --key"))
    }

    @Test("TensorBoard finds settings and kept metrics in a run, and item vectors in an export")
    func tensorBoard() async throws {
        let (data, run) = (try folder.driftWorld(), folder.path("run"))
        try await Small.train("sasrec", on: data, to: run)
        let name = try #require(try folder.names("run").first { $0.contains("tfevents") })
        let events = String(decoding: try folder.data("run/\(name)"), as: UTF8.self)
        for text in ["_hparams_/session_start_info", "training.optimizer.beta1", "best/ndcg@10", "session_end_info"] {
            #expect(events.contains(text), "\(text)")
        }
        try await cascade(["export", run, "--projector", "--items", "20", "--to", folder.path("projector")])
        #expect(try folder.names("projector").dropFirst() == ["metadata.tsv", "projector_config.pbtxt", "tensors.tsv"])
        for wrong in [["--items", "20"], ["--projector", "--split", "test"], ["--projector", "--items", "0"]] {
            try await cascade(["export", run, "--to", folder.path("x")] + wrong, status: 64)
        }
    }
}
