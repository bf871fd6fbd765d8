// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeSimulation
import Foundation
import TestSupport
import Testing

@Suite("cascade search")
struct SearchTests {
    private static let settings = [
        "width=8", "length=20", "layers=2", "steps=5", "tokens.side=4", "tokens.text.buckets=512", "head.hidden=[8]",
        "batch=64",
        "epochs=1", "threads=1",
    ].flatMap { ["--set", $0] }

    private func shop(_ folder: TemporaryFolder) throws -> String {
        var world = try Simulator.named("shop")
        (world.users, world.items) = (60, 400)
        _ = try world.write(to: folder.url.appendingPathComponent("shop"))
        return folder.path("shop")
    }

    @Test("a model is trained, evaluated as an independent script evaluates it, and answers any text")
    func search() async throws {
        let folder = try TemporaryFolder()
        let (data, run) = (try shop(folder), folder.path("run"))
        try await cascade(["train", "--model", "diffusion-gs", "--data", data, "--to", run] + Self.settings)
        let metrics = try #require(
            try await cascade(["evaluate", run, "--json"]).document()["metrics"] as? [String: Any]
        )
        for name in ["auc", "gauc", "mrr", "ndcg@10", "logloss", "purchase-auc"] {
            #expect(metrics[name] != nil, "\(name)")
        }
        let refused = try await cascade(["evaluate", run, "--seen", "include"], status: 78)
        #expect(refused.errors.contains("scores the candidates of requests"))
        try await cascade(["evaluate", run, "--set", "sampler.kind=ddim", "--set", "sampler.steps=3"])
        try await cascade(["export", run, "--to", folder.path("export")])
        let checked = try await python([fixture("check_export.py"), folder.path("export")])
        #expect(
            checked.status == 0 && checked.output.contains("every metric agrees")
                && checked.output.contains("purchase-gauc"),
            "\(checked.output)\(checked.errors)"
        )

        let ask = ["search", run, "--user", "user-3", "-k", "4", "--candidates", "20", "--history", "2"]
        let texts = [
            "crimson running shoe", "", String(repeating: "shoe ", count: 2_000), "🏃‍♀️ 👟", "حذاء للجري",
            "a\u{1}\u{7}\u{202E}b",
            "'; DROP TABLE items; --", "\"shoe\" AND NEAR(a b, 2) OR title:* ^x -y (",
        ]
        for text in texts {
            let answer = try await cascade(ask + ["--query", text, "--json"]).document()
            let items = try #require(answer["items"] as? [[String: Any]])
            let clicks = items.compactMap { $0["click"] as? Double }
            #expect(clicks.count == 4 && clicks == clicks.sorted(by: >) && answer["candidates"] as? Int == 20)
            #expect((answer["history"] as? [Any])?.count == 2)
        }
        #expect(try await cascade(ask + ["--query", "running shoe"]).output.contains("adds"))
        let nobody = try await cascade(["search", run, "--query", "running shoe", "--json"]).document()
        #expect((nobody["history"] as? [Any])?.isEmpty == true)
        #expect(try await cascade(["search", run, "--user", "x", "--query", "a"], status: 65).errors.contains("'x'"))

        let drawn = try await cascade(["analyze", "interest", run, "--to", folder.path("pictures")])
        #expect(drawn.output.contains("interest.svg") && folder.holds("pictures/interest.png"))
    }

    @Test("models and data that do not go together are refused with what to do")
    func mistakes() async throws {
        let folder = try TemporaryFolder()
        let drift = try folder.driftWorld()
        let train = ["train", "--model", "diffusion-gs", "--data", drift, "--to", folder.path("run")]
        #expect(try await cascade(train, status: 65).errors.contains("has no search requests"))
        try await Small.train("sasrec", on: drift, to: folder.path("sasrec"))
        let search = ["search", folder.path("sasrec"), "--query", "a"]
        #expect(try await cascade(search, status: 78).errors.contains("reads no query; models that do: diffusion-gs"))
    }

    @Test("bench request measures every number of candidates and steps")
    func bench() async throws {
        let folder = try TemporaryFolder()
        let arguments =
            ["bench", "request", "--model", "diffusion-gs", "--data", try shop(folder), "--json"] + Self.settings
        let report = try await cascade(
            arguments + ["--candidates", "1,7", "--history", "9", "--steps", "1,3", "--repeats", "2"]
        ).document()
        #expect((report["rows"] as? [Any])?.count == 4)
        #expect(try await cascade(arguments + ["--history", "21"], status: 78).errors.contains("--history: found 21"))
    }
}
