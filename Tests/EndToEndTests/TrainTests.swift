// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

@Suite("cascade train and baseline")
struct TrainTests {
    let folder: TemporaryFolder
    let data: String

    init() throws {
        folder = try TemporaryFolder()
        data = try folder.driftWorld()
    }

    private func train(_ further: [String], status: Int32 = 0) async throws -> RunningProcess.Outcome {
        let settings = Small.settings("sasrec") + ["--data", data, "--to", folder.path("run")]
        return try await cascade(["train"] + settings + further, status: status)
    }

    @Test("a second process is refused while one trains; one that was killed locks nobody out")
    func oneTrainer() async throws {
        let endless = ["train"] + Small.settings("sasrec", "epochs=100000", "patience=100000", "checkpointSeconds=0")
        let first = try await RunningProcess.start(
            cascadeProgram(),
            endless + ["--data", data, "--to", folder.path("run")],
            countsForCoverage: false,
            besideOthers: true
        )
        let lock = folder.url.appendingPathComponent("run/.lock")
        let checkpoint = folder.url.appendingPathComponent("run/optimizer.safetensors")
        // It holds the run, and no processor, until it is killed.
        await first.send(SIGSTOP) { FileManager.default.fileExists(atPath: checkpoint.path) }
        let process = String(decoding: try Data(contentsOf: lock), as: UTF8.self).dropLast()
        for resume in [[], ["--resume"]] {
            let second = try await train(resume, status: 1)
            #expect(second.errors.contains("another process (pid \(process)) trains here"))
        }
        first.send(SIGKILL)
        #expect(try await first.outcome().wasKilled)
        #expect(FileManager.default.fileExists(atPath: lock.path))
        let third = try await train(["--resume", "--budget", "1-steps"])
        #expect(third.errors.contains("resumed at step"))
        #expect(!FileManager.default.fileExists(atPath: lock.path))
    }

    @Test("budgets end a training; one that is not understood is wrong usage, with the forms")
    func budgets() async throws {
        let refused = try await train(["--budget", "300"], status: 64)
        #expect(refused.errors.contains("5000-steps") && refused.errors.contains("600cpu-s"))
        let first = try await train(["--budget", "3-steps", "--set", "epochs=9"])
        #expect(first.errors.contains("budget of 3-steps spent") && first.output.contains("steps       3 in"))
        let config = try folder.write("{model: {name: sasrec}, budget: 5-steps}", to: "five.yaml")
        let second = try await train(["--resume", "--config", config, "--set", "epochs=9"])
        #expect(second.output.contains("steps       5 in"))
    }

    @Test("damaged weights are refused as bad data by every command that opens the run")
    func damaged() async throws {
        _ = try await train([])
        let file = folder.url.appendingPathComponent("run/weights.safetensors")
        var bytes = try Data(contentsOf: file)
        bytes[bytes.count - 1] ^= 0x55
        try bytes.write(to: file)
        for arguments in [
            ["evaluate", folder.path("run")], ["recommend", folder.path("run"), "--user", "u1"],
            ["export", folder.path("run"), "--to", folder.path("exported")],
            ["index", "build", folder.path("run"), "--to", folder.path("index")],
        ] {
            #expect(try await cascade(arguments, status: 65).errors.contains("found the checksum"))
        }
        #expect(try await train(["--resume"], status: 65).errors.contains("found the checksum"))
    }

    @Test("says what it sized by the data and why, keeps it on resuming, and leaves it on request")
    func sized() async throws {
        let plain = ["train", "--model", "sasrec", "--data", data, "--set", "threads=1"]
        let sized = try await cascade(plain + ["--to", folder.path("sized"), "--budget", "1-steps"])
        #expect(sized.errors.contains("sized by the data") && sized.errors.contains("training.batch_size = 16"))
        let manifest = try String(decoding: folder.data("sized/manifest.json"), as: UTF8.self)
        #expect(manifest.contains(#""sized""#) && manifest.contains("training.batch_size"))
        let again = try await cascade(plain + ["--to", folder.path("sized"), "--budget", "2-steps", "--resume"])
        #expect(again.output.contains("steps       2 in"))
        for arguments in [["--no-auto"], ["--set", "training.auto=false"]] {
            let dry = try await cascade(plain + ["--to", "none", "--dry-run"] + arguments)
            #expect(dry.errors.isEmpty)
            #expect((try dry.document()["training"] as? [String: Any])?["batch_size"] as? Int == 128)
        }
        let config = try folder.write("model: {name: sasrec}", to: "plain.yaml")
        let dry = try await cascade(["train", "--config", config, "--data", data, "--to", "none", "--dry-run"])
        #expect((try dry.document()["training"] as? [String: Any])?["batch_size"] as? Int == 128)
    }

    @Test("begins with another run's weights and settings, says what was known, and refuses another model")
    func warmStart() async throws {
        _ = try await train([])
        let start = ["train", "--data", data, "--from", folder.path("run")]
        let next = try await cascade(start + ["--to", folder.path("next"), "--set", "epochs=1", "--set", "threads=1"])
        #expect(next.errors.contains("begins with the weights of ") && next.errors.contains("items 100 known, 0 new"))
        let manifest = try String(decoding: folder.data("next/manifest.json"), as: UTF8.self)
        #expect(manifest.contains(#""startedFrom""#))
        let dry = try await cascade(start + ["--to", "none", "--dry-run"]).document()
        #expect((dry["configuration"] as? [String: Any])?["embedding_size"] as? Int == 8)
        let other = try await cascade(start + ["--to", folder.path("other"), "--model", "ease"], status: 64)
        #expect(other.errors.contains("the run of --from is of sasrec"))
        let wider = try await cascade(start + ["--to", folder.path("other"), "--set", "embedding_size=16"], status: 78)
        #expect(wider.errors.contains("expected the same sasrec") && !folder.holds("other"))
        _ = try await cascade(
            ["train", "--model", "sasrec", "--data", data, "--to", "x", "--from-data", data],
            status: 64
        )
    }

    @Test("the baseline measures five models, keeps their runs and does no work twice")
    func baseline() async throws {
        let arguments = ["baseline", data, "--to", folder.path("baselines"), "--budget", "10-steps"]
        let names = ["popularity", "recent-popularity", "item-knn", "ease", "sasrec"]
        let first = try await cascade(arguments + ["--json"]).document()
        let rows = try #require(first["rows"] as? [[String: Any]])
        #expect(rows.compactMap { $0["model"] as? String } == names)
        for row in rows {
            for part in ["validation", "test"] {
                let metrics = try #require(row[part] as? [String: Double])
                #expect((0...1).contains(try #require(metrics["ndcg@10"])))
            }
        }
        #expect(try folder.names("baselines") == names.sorted())
        let second = try await cascade(arguments)
        #expect(second.output.contains("to beat: ") && second.output.contains("validation ndcg@10"))
        let test = try #require(rows[3]["test"] as? [String: Double])
        #expect(second.output.contains(String(format: "%.4f", try #require(test["ndcg@10"]))))
    }
}
