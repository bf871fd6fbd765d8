// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// A shop of 80 people who take one item after the other, hour by hour, and a loop that trains a small model on it.
@Suite("cascade loop, promote and rollback")
struct LoopTests {
    let folder: TemporaryFolder
    /// The first event, and the hour after the last.
    private let first = 1_700_000_000, end = 1_700_000_000 + 14 * 3_600

    init() throws { folder = try TemporaryFolder() }

    /// Fills the store, and writes both configurations.
    private func prepare() async throws {
        var rows = ["user,item,time"]
        for person in 0..<80 {
            for hour in 0..<14 { rows.append("u\(person),i\((7 * person + hour) % 30),\(first + 3_600 * hour)") }
        }
        let table = try folder.write(rows.joined(separator: "\n"), to: "events.csv")
        try await cascade([
            "data", "import", "--from", "csv", table, "--to", folder.path("data"), "--min-item-events", "1",
        ])
        try await cascade(["store", "import", folder.path("data"), "--to", folder.path("store.sqlite")])
        _ = try folder.write(
            """
            store: {path: \(folder.path("store.sqlite"))}
            slots: {recall: {kind: retriever, path: \(folder.path("none"))}}
            recommendation: {sources: [{slot: recall, quota: 20, deadline_ms: 5000}, {builtin: popular, quota: 20}]}
            promotion: {min_users: 20, max_latency_ratio: 1000}
            """,
            to: "serve.yaml"
        )
        _ = try folder.write(
            """
            service: serve.yaml
            folder: work
            keep_rounds: 9
            wait_seconds: 0
            data: {holdout_hours: 4}
            models:
              recall:
                model: sasrec
                budget: 120-steps
                index: flat
                settings: {embedding_size: 16, max_sequence_length: 10, num_layers: 1, training.batch_size: 32,
                           training.learning_rate: 0.01, training.threads: 1, training.checkpoint_seconds: 0}
            """,
            to: "loop.yaml"
        )
    }

    private var loop: [String] { ["loop", "--config", folder.path("loop.yaml"), "--once"] }
    private var slot: [String] { ["--slot", "recall", "--config", folder.path("serve.yaml"), "--wait", "0"] }

    /// The round that a call did.
    private func round(at time: Int) async throws -> [String: Any] {
        let text = try await cascade(loop + ["--json", "--now", "\(time)"]).output
        return try #require(JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }

    private func outcome(_ round: [String: Any]) throws -> [String: Any] {
        try #require((round["slots"] as? [String: Any])?["recall"] as? [String: Any])
    }

    @Test("a round lets a better model serve; worse ones are refused unless forced; roll-backs bring back what served")
    func rounds() async throws {
        try await prepare()
        let first = try await round(at: end)
        #expect(first["number"] as? Int == 1 && first["status"] as? String == "finished")
        let served = try outcome(first)
        #expect(served["decision"] as? String == "promoted", "\(served)")
        let run = folder.path("work/rounds/000001/runs/recall")
        let again = try await cascade(["promote", run] + slot, status: 3)
        #expect(again.errors.contains("serves already"))

        let (weak, data) = (folder.path("weak"), folder.path("work/rounds/000001/data"))
        let training = [
            "train", "--data", data, "--model", "sasrec", "--set", "embedding_size=16", "--budget", "1-steps",
        ]
        try await cascade(training + ["--to", weak])
        let refused = try await cascade(["promote", weak] + slot, status: 3)
        #expect(refused.errors.contains("it is worse") && refused.output.contains("ndcg@10 *"))
        #expect(
            try await cascade(["promote", weak, "--dry-run", "--json"] + slot, status: 3).output.contains("refusals")
        )
        let forced = try await cascade(["promote", weak, "--force"] + slot)
        #expect(forced.errors.contains("no service has followed yet"))
        #expect(try await cascade(["rollback"] + slot).output.contains(served["version"] as? String ?? "none"))
        #expect(try await cascade(["rollback"] + slot, status: 1).errors.contains("nothing served"))
        #expect(
            try await cascade(["promote", folder.path("nowhere")] + slot, status: 3).errors.contains("cannot be served")
        )

        // Another round begins with the weights of the first.
        let second = try await round(at: end + 3_600)
        #expect(second["number"] as? Int == 2 && second["status"] as? String == "finished")
        let manifest = try folder.data("work/rounds/000002/runs/recall/manifest.json")
        #expect(String(decoding: manifest, as: UTF8.self).contains("startedFrom"))
    }

    @Test("killed at any moment, the next call goes on, and decides once")
    func killed() async throws {
        try await prepare()
        // A first round, so that the others begin with its weights.
        _ = try await round(at: end)
        for delay in [60, 120, 240, 480, 900] {
            let process = try await RunningProcess.start(
                cascadeProgram(),
                loop + ["--now", "\(end)"],
                countsForCoverage: false
            )
            try await Task.sleep(for: .milliseconds(delay))
            process.send(SIGKILL)
            _ = try await process.outcome()
        }
        let round = try await round(at: end + 9)
        #expect(try outcome(round)["decision"] as? String != "failed", "\(round)")
        // Where all five came too late, the seventh call is another round.
        let number = try #require(round["number"] as? Int)
        #expect((2...7).contains(number) && round["status"] as? String == "finished")
        for past in 1...number {
            let names = try folder.names(String(format: "work/rounds/%06d", past))
            #expect(!names.contains { $0.hasSuffix(".tmp") })
        }
        try await cascade(["store", "verify", folder.path("store.sqlite")])
        let counting = """
            import sqlite3, sys
            print(sqlite3.connect(sys.argv[1]).execute("SELECT count(*), count(DISTINCT place) FROM promotions").fetchone())
            """
        let counts = try await python(["-c", counting, folder.path("store.sqlite")]).output
        #expect(counts.trimmingCharacters(in: .newlines) == "(\(number), \(number))")
    }

    @Test("mistakes are named")
    func mistakes() async throws {
        try await prepare()
        let other = try folder.write("service: serve.yaml\nmodels: {rank: {model: dare}}", to: "other.yaml")
        let unknown = try await cascade(["loop", "--config", other, "--once"], status: 78).errors
        #expect(unknown.contains("models.rank") && unknown.contains("recall"))
        #expect(try await cascade(["loop", "--config", other, "--json"], status: 64).errors.contains("--once"))
        let nowhere = ["--slot", "nowhere", "--config", folder.path("serve.yaml")]
        #expect(try await cascade(["rollback"] + nowhere, status: 1).errors.contains("recall"))
        // Before the first event there is nothing to learn from; the next call is a new round.
        let empty = try await cascade(loop + ["--now", "\(first)"], status: 1)
        #expect(empty.output.contains("round 1: failed: "))
    }
}
