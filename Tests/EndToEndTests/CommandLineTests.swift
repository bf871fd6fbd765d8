// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

@Suite("Command line")
struct CommandLineTests {
    @Test("help is help, and wrong usage is 64 with the usage on standard error")
    func usage() async throws {
        let help = try await cascade(["--help"])
        for name in ["doctor", "data", "train", "evaluate", "export", "recommend", "models", "bench"] {
            #expect(help.output.contains("  \(name) "), "\(name)")
        }
        #expect(help.errors.isEmpty)
        #expect(try await cascade(["train", "--help"]).output.contains("--time-budget"))
        for arguments in [
            ["train", "--modle", "sasrec", "--data", "d", "--to", "r"], ["evaluate"], ["fly"],
            ["recommend", "r", "--user", "u", "-k", "0"], ["evaluate", "r", "--draws", "0"],
            ["train", "--model", "sasrec", "--data", "d", "--to", "r", "--time-budget=-1"],
            ["data", "import", "--from", "csv", "a", "--to", "b", "--min-user-events=-1"],
            ["evaluate", "r", "--diversity", "1"], ["recommend", "r", "--user", "u", "--category", "c"],
            ["evaluate", "r", "--diversity=-1", "--category", "c"],
        ] {
            let refused = try await cascade(arguments, status: 64)
            #expect(refused.output.isEmpty && refused.errors.contains("Error:"), "\(refused.errors)")
        }
    }

    @Test("every file in Experiments is a complete experiment under its own name")
    func experiments() async throws {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../Experiments").standardizedFileURL
        let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
            .filter { $0.pathExtension == "yaml" }
        #expect(files.count >= 5)
        for file in files {
            let arguments = ["train", "--config", file.path, "--data", "none", "--to", "none", "--dry-run"]
            let resolved = try await cascade(arguments).document()
            #expect(resolved["name"] as? String == file.deletingPathExtension().lastPathComponent)
        }
    }

    @Test("doctor finds compiler and libtorch and checks itself")
    func doctor() async throws {
        let lines = try await cascade(["doctor"]).output.split(separator: "\n").map(String.init)
        func value(_ name: String) throws -> String { try #require(lines.first { $0.hasPrefix(name) }) }
        #expect(try value("libtorch").contains("/libtorch_cpu.so"))
        #expect(try value("compiler").contains("Swift"))
        #expect(try value("devices").contains("cpu"))
        #expect(try value("self-check").contains("passed"))
    }

    @Test("models lists all of them, and one model's settings as a file that can be used")
    func models() async throws {
        let all = try await cascade(["models"]).output
        for name in ["popularity", "recent-popularity", "sasrec", "t2diff"] { #expect(all.contains(name)) }
        let folder = try TemporaryFolder()
        let file = try await folder.write(cascade(["models", "t2diff"]).output, to: "t2diff.yaml")
        let dry = try await cascade([
            "train", "--config", file, "--data", "none", "--to", folder.path("r"), "--dry-run",
        ])
        #expect(try dry.document()["model"] as? String == "t2diff")
        #expect(try await cascade(["models", "t2dif"], status: 78).errors.contains("'t2diff'"))
    }

    @Test("a dry run resolves file and settings and touches nothing")
    func dryRun() async throws {
        let folder = try TemporaryFolder()
        let file = try folder.write(
            """
            name: mine
            split: {kind: temporal, validation: 0.8, test: 0.9}
            model: {name: sasrec, width: 32}
            training:
              loss: {kind: gbce}
            """,
            to: "mine.yaml"
        )
        let arguments = ["train", "--config", file, "--data", folder.path("none"), "--to", folder.path("run")]
        let dry = try await cascade(arguments + ["--set", "width=48", "--set", "training.batch=7", "--dry-run"])
        let experiment = try dry.document()
        #expect(experiment["name"] as? String == "mine")
        let configuration = try #require(experiment["configuration"] as? [String: Any])
        let training = try #require(experiment["training"] as? [String: Any])
        #expect(configuration["embedding_size"] as? Int == 48 && configuration["num_heads"] as? Int == 2)
        #expect(
            training["batch_size"] as? Int == 7 && (training["loss"] as? [String: Any])?["kind"] as? String == "gbce"
        )
        #expect(try folder.names() == ["mine.yaml"])
    }

    @Test("results go to standard output, progress to standard error, and --json prints one document")
    func streams() async throws {
        let folder = try TemporaryFolder()
        let (data, run) = (folder.path("deep/er/data"), folder.path("run"))
        try await cascade(["data", "simulate", "--simulator", "drift", "--to", data, "--users", "40", "--items", "100"])
        let described = try await cascade(["data", "describe", data, "--json"])
        #expect(try !described.document().isEmpty && described.errors.isEmpty)
        #expect(try await cascade(["data", "describe", data]).output.contains("users"))

        let trained = try await cascade(["train"] + Small.settings("t2diff") + ["--data", data, "--to", run])
        #expect(trained.errors.contains("training: ") && trained.errors.contains("epoch 2"))
        #expect(trained.errors.contains("finished: 2 epochs done"))
        #expect(!trained.output.contains("epoch 2") && trained.output.contains("validation  ndcg@10"))
        #expect(!trained.errors.contains("\u{1B}"), "a bar is for terminals")

        let json = try await cascade(["evaluate", run, "--split", "validation", "--draws", "2", "--json"])
        let report = try json.document()
        #expect(json.errors.isEmpty && report["draws"] as? Int == 2 && report["commit"] as? String == "tested")
        let table = try await cascade(["evaluate", run, "--seen", "include", "--set", "sampler.kind=one-step"]).output
        #expect(table.contains("whole catalog") && table.contains("included") && table.contains("ndcg@100"))

        let bench = ["bench", "train"] + Small.settings("sasrec") + ["--data", data, "--steps", "2"]
        #expect(try await cascade(bench + ["--json"]).document()["steps"] as? Int == 2)
        #expect(try await cascade(bench).output.contains("examples/s"))
    }
}
