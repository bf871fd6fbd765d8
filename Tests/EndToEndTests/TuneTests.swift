// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

@Suite("cascade tune")
struct TuneTests {
    static let experiment = """
        name: searched
        model: {name: sasrec, width: 8, hidden: 8, blocks: 1, length: 20}
        training: {epochs: 3, batch: 16, threads: 1, learningRate: {peak: 1.0e-5}}
        search:
          training.learningRate.peak: {log: [1.0e-3, 3.0e-2]}
          model.heads: {choice: [3, 1, 3]}
        """

    @Test("finds better settings, freezes them as an experiment, and does nothing twice")
    func tunes() async throws {
        let folder = try TemporaryFolder()
        let data = try folder.driftWorld()
        let file = try folder.write(Self.experiment, to: "searched.yaml")
        let arguments = ["tune", file, "--data", data, "--to", folder.path("search"), "--trials", "6"]
        let outcome = try await cascade(arguments)
        // Three heads do not divide a width of eight: such a trial is left out with the reason.
        #expect(outcome.errors.contains("left out: model.embedding_size: found 8, expected a multiple of num_heads"))
        #expect(outcome.errors.contains("round 2 of 2"))
        let lines = outcome.output.split(separator: "\n").dropFirst()
        let best = try #require(lines.first)
        #expect(best.hasPrefix("0 ") == false, "a thousandth of a sensible rate cannot be best")
        let frozen = folder.path("search/tuned.yaml")
        let dry = try await cascade(["train", "--config", frozen, "--data", data, "--to", "none", "--dry-run"])
        let resolved = try dry.document()
        #expect(resolved["name"] as? String == "searched")
        let training = try #require(resolved["training"] as? [String: Any])
        let rate = try #require(training["learning_rate"] as? Double)
        #expect((1e-3...3e-2).contains(rate))
        #expect(training["epochs"] as? Int == 3)
        func dates() -> [Date?] {
            (0..<6).map { number in
                let path = folder.path("search/trials/\(number)/run/manifest.json")
                return (try? FileManager.default.attributesOfItem(atPath: path))?[.modificationDate] as? Date
            }
        }
        let before = dates()
        #expect(try await cascade(arguments).output == outcome.output)
        #expect(dates() == before)
    }

    @Test("whoever stops or kills it alone stops what it trains, at a checkpoint", arguments: [SIGTERM, SIGKILL])
    func stopped(signal: Int32) async throws {
        let folder = try TemporaryFolder()
        let endless = Self.experiment.replacing("epochs: 3", with: "epochs: 100000, patience: 100000")
        let file = try folder.write(endless, to: "endless.yaml")
        let process = try await RunningProcess.start(
            cascadeProgram(),
            ["tune", file, "--data", try folder.driftWorld(), "--to", folder.path("search"), "--trials", "2"],
            countsForCoverage: false
        )
        await process.send(signal) { folder.holds("search/trials/0/run/progress.jsonl") }
        let outcome = try await process.outcome()
        #expect(outcome.wasKilled == (signal == SIGKILL) && outcome.status == (signal == SIGKILL ? SIGKILL : 130))
        func log() throws -> String { String(decoding: try folder.data("search/trials/0/log.txt"), as: UTF8.self) }
        var waits = 0
        while try !log().contains("--resume continues"), waits < 1_200 {
            waits += 1
            try await Task.sleep(for: .milliseconds(50))
        }
        #expect(try log().contains("--resume continues"))
    }

    @Test("an experiment without ranges is refused with an example")
    func noRanges() async throws {
        let folder = try TemporaryFolder()
        let file = try folder.write("model: {name: sasrec}\n", to: "plain.yaml")
        let outcome = try await cascade(
            ["tune", file, "--data", try folder.driftWorld(), "--to", folder.path("search")],
            status: 78
        )
        #expect(outcome.errors.contains("the experiment declares no ranges; add for example search_space:"))
    }
}
