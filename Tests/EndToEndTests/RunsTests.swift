// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

@Suite("cascade runs")
struct RunsTests {
    @Test("lists runs wherever they lie, filtered and sorted, and nothing else")
    func lists() async throws {
        let folder = try TemporaryFolder()
        let data = try folder.driftWorld()
        for (name, width) in [("a", 8), ("deep/b", 16)] {
            try await cascade(
                ["train"] + Small.settings("sasrec", "width=\(width)") + [
                    "--data", data, "--to", folder.path("runs/\(name)"),
                ]
            )
        }
        try await Small.train("popularity", on: data, to: folder.path("runs/floor"))
        func runs(_ arguments: String...) async throws -> [String] {
            try await cascade(["runs", folder.path("runs")] + arguments).output.split(separator: "\n").dropFirst()
                .map { String($0.prefix { $0 != " " }) }
        }
        #expect(try await runs("--sort", "run") == ["a", "deep/b", "floor"])
        #expect(try await runs("--sort", "parameters") == ["deep/b", "a", "floor"])
        #expect(try await runs("--where", "model=sasrec", "--where", "model.width=16") == ["deep/b"])
        let json = try await cascade(["runs", folder.path("runs"), "--json", "--where", "model=popularity"]).output
        let list = try #require(try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [[String: Any]])
        #expect(list.count == 1 && list[0]["run"] as? String == "floor")
        for (name, metrics) in [("a", ["auc": 0.6, "logloss": 0.3]), ("deep/b", ["auc": 0.7, "logloss": 0.4])] {
            try change(folder.path("runs/\(name)/manifest.json"), metrics)
        }
        #expect(try await runs("--sort", "auc") == ["deep/b", "a", "floor"])
        #expect(try await runs("--sort", "logloss") == ["a", "deep/b", "floor"])
        let unknown = try await cascade(["runs", folder.path("runs"), "--sort", "ndgc@10"], status: 64)
        #expect(unknown.errors.contains("Did you mean 'ndcg@10'?"))
        let wrong = try await cascade(["runs", folder.path("runs"), "--where", "width=16"], status: 78)
        #expect(wrong.errors.contains("settings begin with model. or training."))
    }

    /// Gives a run the validation metrics of a CTR model.
    private func change(_ manifest: String, _ metrics: [String: Double]) throws {
        let url = URL(filePath: manifest)
        var document = try #require(try JSONSerialization.jsonObject(with: Data(contentsOf: url)) as? [String: Any])
        document["validation"] = metrics
        try JSONSerialization.data(withJSONObject: document).write(to: url)
    }
}
