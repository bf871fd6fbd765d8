// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

@Suite("cascade index")
struct IndexTests {
    @Test("an index of a run is built, described and searched, and says how much of the truth it finds")
    func index() async throws {
        let folder = try TemporaryFolder()
        let (data, run) = (try folder.driftWorld(), folder.path("run"))
        try await Small.train("sasrec", on: data, to: run)
        let items = try String(contentsOfFile: data + "/items.txt", encoding: .utf8).split(separator: "\n")
        var answers: [String: [String]] = [:]
        for (kind, options) in [
            ("flat", []), ("hnsw", ["--m", "8", "--ef-search", "100"]), ("ivf", ["--nlist", "4", "--nprobe", "4"]),
        ] {
            let target = folder.path("indexes/\(kind)")
            let built = try await cascade(["index", "build", run, "--to", target, "--kind", kind] + options)
            #expect(built.output.contains("recall@100") && built.output.contains("validation users"))
            let description = try await cascade(["index", "describe", target, "--json"]).document()
            #expect(description["kind"] as? String == kind && description["count"] as? Int == items.count)
            let quality = try #require(description["quality"] as? [String: Any])
            #expect(try #require(quality["recall"] as? Double) > 0.95)
            #expect(try await cascade(["index", "describe", target]).output.contains("99th percentile"))
            let search = ["index", "search", target, "--item", String(items[3]), "-k", "5"]
            let similar = try await cascade(search + ["--json"]).document()["similar"] as? [[String: Any]]
            answers[kind] = similar?.compactMap { $0["item"] as? String }
            #expect(try await cascade(search).output.split(separator: "\n").count == 5)
        }
        #expect(answers["flat"]?.count == 5 && answers["flat"]?.contains(String(items[3])) == false)
        #expect(answers["hnsw"] == answers["flat"] && answers["ivf"] == answers["flat"])

        let target = folder.path("x/y")
        try await Small.train("popularity", on: data, to: folder.path("popularity"))
        try Data("damaged".utf8).write(to: folder.url.appendingPathComponent("indexes/hnsw/graph.hnsw"))
        for (arguments, status, text) in [
            (["build", folder.path("popularity"), "--to", target], 78, "no item vectors"),
            (["build", run, "--to", folder.path("indexes/ivf")], 1, "not overwritten"),
            (["build", run, "--to", target, "--kind", "flat", "--ef-search", "9"], 64, "--ef-search"),
            (["build", run, "--to", target, "--m", "1"], 78, "m: found 1"),
            (["build", run, "--to", target, "--kind", "ivf-pq"], 78, "at least 256"),
            (["build", folder.path("none"), "--to", target], 65, "no run here"),
            (["search", folder.path("indexes/flat"), "--item", "nobody"], 65, "'nobody'"),
            (["search", folder.path("indexes/hnsw"), "--item", String(items[3])], 65, "graph.hnsw"),
            (["describe", run], 65, "index.json"),
        ] as [([String], Int32, String)] {
            #expect(try await cascade(["index"] + arguments, status: status).errors.contains(text), "\(text)")
        }
        #expect(try folder.names() == ["data", "indexes", "popularity", "run"])
    }

    @Test("bench index measures every kind")
    func bench() async throws {
        let arguments = ["bench", "index", "--items", "1000", "--dimension", "8", "--users", "20"]
        let report = try await cascade(arguments + ["--ef-search", "100", "--nprobe", "4", "--json"]).document()
        let rows = try #require(report["rows"] as? [[String: Any]])
        #expect(Set(rows.compactMap { $0["kind"] as? String }) == ["flat", "hnsw", "ivf", "ivf-pq"])
        let recalls = rows.compactMap { ($0["quality"] as? [String: Any])?["recall"] as? Double }
        #expect(recalls.count == rows.count && recalls[0] == 1 && recalls.allSatisfy { $0 > 0.3 })
        let table = try await cascade(arguments + ["--kinds", "flat"]).output
        #expect(table.contains("times flat") && table.contains("64 users at once"))
        try await cascade(["bench", "index", "--kinds", "none"], status: 64)
    }
}
