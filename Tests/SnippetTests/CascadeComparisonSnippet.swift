// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeComparison
import CascadeConfigurations
import CascadeRecommenders
import CascadeRuns
import Testing

@Suite("Snippet: CascadeComparison")
struct CascadeComparisonSnippet {
    @Test("Reads the specification of a table")
    func shows() throws {
        // snippet.show
        let file: JSONValue = [
            "data": ["drift": ["simulator": "drift", "users": 200]],
            "metrics": ["ndcg@10", "recall@10"],
            "training": ["epochs": 3],
            "rows": [
                ["name": "floor", "model": ["name": "popularity"]],
                ["name": "model", "model": ["name": "sasrec"], "published": ["ndcg@10": 0.15]],
            ],
        ]
        // The closure reads the experiment files that rows name; here no row names one.
        let table = try TableSpecification(file, file: "first-table", read: { _ in .null })
        let experiment = try table.rows[1].experiments["drift"]?.get()
        let published = table.rows[1].published["drift"]
        // snippet.hide
        #expect(table.name == "first-table" && table.main == "ndcg@10")
        #expect(table.data.map(\.name) == ["drift"] && table.rows.map(\.name) == ["floor", "model"])
        #expect(experiment?.model.name == "sasrec" && experiment?.training.epochs == 3)
        #expect(published == ["ndcg@10": 0.15])
    }
}
