// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

@Suite("Killed and resumed")
struct KillTests {
    /// Starts a training run and sends a signal once that many steps are logged.
    private func train(
        _ arguments: [String],
        in folder: TemporaryFolder,
        send signal: Int32,
        after steps: Int
    ) async throws -> RunningProcess.Outcome {
        let process = try await RunningProcess.start(cascadeProgram(), ["train"] + arguments, countsForCoverage: false)
        @Sendable func logged() -> Int {
            let log = (try? folder.data("broken/progress.jsonl")) ?? Data()
            return log.split(separator: UInt8(ascii: "\n")).count { $0.range(of: Data(#""kind":"train""#.utf8)) != nil }
        }
        await process.send(signal) { logged() >= steps }
        return try await process.outcome()
    }

    @Test("a run killed at two moments ends with the very weights of one left alone", arguments: Small.names)
    func kill(model: String) async throws {
        let folder = try TemporaryFolder()
        let data = try folder.driftWorld()
        let epochs = model == "sasrec" ? "epochs=30" : "epochs=15"  // 60 steps
        let settings =
            Small.settings(model, epochs, "checkpointSeconds=0", "averageDecay=0.9", "learningRate.peak=0.005")
            + ["--data", data, "--seed", "7"]
        try await cascade(["train"] + settings + ["--to", folder.path("whole")])
        let broken = settings + ["--to", folder.path("broken"), "--resume"]
        for steps in [3, 25] {
            let killed = try await train(broken, in: folder, send: SIGKILL, after: steps)
            #expect(killed.wasKilled && killed.status == SIGKILL, "the run was over before it could be killed")
            let weights = try folder.data("broken/weights.safetensors")
            #expect(!weights.isEmpty)
        }
        let last = try await cascade(["train"] + broken)
        #expect(last.errors.contains("resumed at step"))
        #expect(try folder.data("broken/weights.safetensors") == folder.data("whole/weights.safetensors"))
        #expect(try !folder.names("broken").contains { $0.hasSuffix(".tmp") })
        let losses = try ["whole", "broken"].map { run in
            try String(decoding: folder.data("\(run)/progress.jsonl"), as: UTF8.self).split(separator: "\n")
                .map { try #require(JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]) }
                .filter { $0["kind"] as? String == "train" }
                .map { [$0["step"] as? Double, $0["loss"] as? Double] }
        }
        #expect(losses[0] == losses[1] && losses[0].count == 60)
    }

    @Test("Ctrl-C makes a checkpoint and ends with 130; resuming goes on from it")
    func interrupt() async throws {
        let folder = try TemporaryFolder()
        let data = try folder.driftWorld()
        let run = ["--data", data, "--to", folder.path("broken")]
        let stopped = try await train(
            Small.settings("sasrec", "epochs=100000", "patience=100000") + run + ["--time-budget", "100"],
            in: folder,
            send: SIGINT,
            after: 3
        )
        #expect(!stopped.wasKilled && stopped.status == 130 && stopped.errors.contains("--resume continues"))
        #expect(folder.holds("broken/weights.safetensors") && folder.holds("broken/optimizer.safetensors"))
        try await cascade(["evaluate", folder.path("broken"), "--json"])
        // How long to go on is free to change.
        let steps = try #require(stopped.output.split(separator: "\n").first { $0.hasPrefix("steps") })
        let epochs = try #require(steps.split(separator: " ").dropFirst(3).first.flatMap { Int($0) })
        let resumed = Small.settings("sasrec", "epochs=\(epochs + 1)", "patience=100000") + run + ["--resume"]
        let finished = try await cascade(["train"] + resumed)
        #expect(
            finished.errors.contains("resumed at step") && finished.errors.contains("finished: \(epochs + 1) epochs")
        )
    }
}
