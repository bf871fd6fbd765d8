// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// The shortest way through everything, to be run first.
@Suite("Tiny")
struct TinyTests {
    @Test("ten users' ratings become a trained model and recommendations by name")
    func everything() async throws {
        let folder = try TemporaryFolder()
        var rows = "user,item,timestamp,title\n"
        for user in 0..<10 {
            for event in 0..<6 {
                let item = (user + event * event) % 8
                rows += "user-\(user),item-\(item),\(1_000_000 + event * 60),The story of \(item)\n"
            }
        }
        let source = try folder.write(rows, to: "ratings.csv")
        let (data, run) = (folder.path("new/data"), folder.path("new/run"))
        let imported = try await cascade(
            [
                "data", "import", "--from", "csv", source, "--to", data, "--min-user-events", "1", "--min-item-events",
                "1",
            ]
        )
        #expect(imported.output.contains("10 users, 8 items, 60 events"))
        try await Small.train("sasrec", on: data, to: run)

        let report = try await cascade(["evaluate", run, "--json"]).document()
        #expect(report["users"] as? Int == 10 && report["items"] as? Int == 8)
        #expect(report["model"] as? String == "sasrec" && report["split"] as? String == "test")
        let metrics = try #require(report["metrics"] as? [String: Double])
        #expect(metrics["recall@100"] == 1)

        let answer = try await cascade(["recommend", run, "--user", "user-3", "-k", "2", "--history", "2", "--json"])
            .document()
        let list = try #require(answer["recommendations"] as? [[String: Any]])
        #expect(list.count == 2)
        let seen = Set((0..<6).map { "item-\((3 + $0 * $0) % 8)" })
        for entry in list {
            let item = try #require(entry["item"] as? String)
            #expect(!seen.contains(item))
            #expect(entry["title"] as? String == "The story of \(item.dropFirst(5))")
        }
        let history = try #require(answer["history"] as? [[String: Any]])
        #expect(history.map { $0["item"] as? String } == ["item-4", "item-3"])
        let text = try await cascade(["recommend", run, "--user", "user-3", "-k", "2", "--history", "2"]).output
        #expect(text.contains("sasrec recommends:") && text.contains("The story of 4"))
    }
}
