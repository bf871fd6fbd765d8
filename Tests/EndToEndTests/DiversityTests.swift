// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

@Suite("Diversity at read-out")
struct DiversityTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    @Test(
        "evaluate and recommend exchange score for variety, for models with vectors and without",
        arguments: [
            ["comirec-sa", "--set", "width=8", "--set", "hidden=16", "--set", "epochs=1"], ["popularity"],
        ]
    )
    func readOut(_ model: [String]) async throws {
        let (data, run) = (try folder.driftWorld(), folder.path("run"))
        try await cascade(["train", "--model"] + model + ["--data", data, "--to", run])
        let plain = try await cascade(["evaluate", run, "--json"]).document()
        #expect(plain["diversified"] == nil)

        func evaluate(_ lambda: String) async throws -> (metrics: [String: Double], plain: [String: Double]) {
            let options = ["--diversity", lambda, "--category", "topic"]
            let report = try await cascade(["evaluate", run, "--json"] + options).document()
            #expect(report["metrics"] as? [String: Double] == plain["metrics"] as? [String: Double])
            let lists = try #require(report["diversified"] as? [String: Any])
            #expect(lists["category"] as? String == "topic" && lists["lambda"] as? Double == Double(lambda))
            #expect(lists["candidates"] as? Int == 100 && lists["length"] as? Int == 50)
            return (
                try #require(lists["metrics"] as? [String: Double]), try #require(lists["plain"] as? [String: Double])
            )
        }
        let metrics = try #require(plain["metrics"] as? [String: Double])
        let neutral = try await evaluate("0")
        for name in ["recall@10", "ndcg@50"] { #expect(neutral.metrics[name] == metrics[name], "\(name)") }
        for (name, value) in neutral.plain { #expect(neutral.metrics[name] == value, "\(name)") }
        let strong = try await evaluate("1000")
        for name in ["categories@10", "diversity@10", "diversity@20"] {
            let (before, after) = (try #require(strong.plain[name]), try #require(strong.metrics[name]))
            #expect(after > before, "\(name)")
        }
        let table = try await cascade(["evaluate", run, "--diversity", "0.5", "--category", "topic"]).output
        for part in ["diversified by topic, lambda 0.5", "categories@20", "ndcg@50"] { #expect(table.contains(part)) }

        func topics(_ lambda: String) async throws -> [String] {
            let options = ["--user", "user-1", "-k", "4", "--diversity", lambda, "--category", "topic"]
            let answer = try await cascade(["recommend", run, "--json"] + options).document()
            let items = try #require(answer["recommendations"] as? [[String: Any]])
            return items.compactMap { ($0["categories"] as? [String])?.first }
        }
        let (few, many) = (try await topics("0"), try await topics("1000"))
        #expect(few.count == 4 && many.count == 4 && few[0] == many[0])
        #expect(Set(many).count == 4 && Set(many).count >= Set(few).count)
        let text = try await cascade([
            "recommend", run, "--user", "user-1", "--diversity", "1", "--category", "topic",
        ]).output
        #expect(text.contains("[Topic "))
    }

    @Test("a category that the data do not have is refused with those that they have")
    func unknown() async throws {
        let (data, run) = (try folder.driftWorld(), folder.path("run"))
        try await cascade(["train", "--model", "popularity", "--data", data, "--to", run])
        let near = try await cascade(["evaluate", run, "--diversity", "1", "--category", "topics"], status: 65)
        #expect(near.errors.contains("'topics'") && near.errors.contains("Did you mean 'topic'?"))
        let far = ["recommend", run, "--user", "user-1", "--diversity", "1", "--category", "manufacturer"]
        #expect(try await cascade(far, status: 65).errors.contains("There are: topic."))

        let rows = (0..<60).map { "u\($0 % 10),i\($0 * 7 % 6),5,\(1_000 + $0)\n" }.joined()
        let source = try folder.write("user,item,rating,timestamp\n" + rows, to: "ratings.csv")
        let bare = ["--to", folder.path("bare"), "--min-user-events", "1", "--min-item-events", "1"]
        try await cascade(["data", "import", "--from", "csv", source] + bare)
        try await cascade([
            "train", "--model", "popularity", "--data", folder.path("bare"), "--to", folder.path("run2"),
        ])
        let none = ["evaluate", folder.path("run2"), "--diversity", "1", "--category", "topic"]
        #expect(try await cascade(none, status: 65).errors.contains("no features at all"))
    }
}
