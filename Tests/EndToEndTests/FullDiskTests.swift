// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

@Suite("Full disk")
struct FullDiskTests {
    /// What makes a disk full.
    enum Limit: String, CaseIterable {
        /// A file system in memory of 300 KB, where the tests may mount one.
        case disk = "No space left"
        /// A limit on the size of a file.
        case file = "File too large"

        /// Those that this machine lets tests set; where mounting is not allowed the other is left out, visibly.
        static let available: [Limit] = mayMount ? allCases : [.file]

        private static var mayMount: Bool {
            let probe = Process()
            probe.executableURL = URL(fileURLWithPath: "/bin/sh")
            probe.arguments = [
                "-c", "d=$(mktemp -d) && mount -t tmpfs tmpfs \"$d\" && umount \"$d\"; s=$?; rmdir \"$d\"; exit $s",
            ]
            probe.standardError = FileHandle.nullDevice
            guard (try? probe.run()) != nil else { return false }
            probe.waitUntilExit()
            return probe.terminationStatus == 0
        }
    }

    private let folder: TemporaryFolder
    private let disk: String

    init() throws {
        folder = try TemporaryFolder()
        disk = folder.path("disk")
        try FileManager.default.createDirectory(atPath: disk, withIntermediateDirectories: true)
    }

    private func shell(_ script: String, _ arguments: [String]) async throws -> RunningProcess.Outcome {
        try await RunningProcess.start(
            URL(fileURLWithPath: "/bin/sh"),
            ["-c", script, "sh"] + arguments,
            countsForCoverage: false
        ).outcome()
    }

    /// Runs `body` where little can be written.
    ///
    /// - Parameter body: Is given what runs `cascade` under the limit, and what ends the limit.
    private func limited(
        _ limit: Limit,
        _ body: (_ run: ([String]) async throws -> RunningProcess.Outcome, _ release: () async throws -> Void)
            async throws -> Void
    ) async throws {
        let program = try cascadeProgram().path
        switch limit {
        case .file:
            try await body({ try await shell("ulimit -f 100; exec \"$@\"", [program] + $0) }, {})
        case .disk:
            try #require(try await shell("mount -t tmpfs -o size=300k tmpfs \"$1\"", [disk]).status == 0)
            do {
                try await body(
                    { try await RunningProcess.start(cascadeProgram(), $0, countsForCoverage: false).outcome() },
                    { _ = try await shell("mount -o remount,size=20m \"$1\"", [disk]) }
                )
                _ = try await shell("umount \"$1\"", [disk])
            } catch {
                _ = try await shell("umount \"$1\"", [disk])
                throw error
            }
        }
    }

    @Test("an import that does not fit leaves nothing and says so", arguments: Limit.available)
    func importing(limit: Limit) async throws {
        var rows = "user,item,timestamp\n"
        for row in 0..<20_000 { rows += "u\(row % 500),i\(row % 300),\(row)\n" }
        let source = try folder.write(rows, to: "ratings.csv")
        try await limited(limit) { run, _ in
            let full = try await run(["data", "import", "--from", "csv", source, "--to", disk + "/new/data"])
            #expect(full.status == 1 && full.errors.contains(limit.rawValue), "\(full.errors)")
            #expect(full.errors.contains(disk) && full.output.isEmpty)
            #expect(try folder.names("disk").isEmpty)
        }
    }

    @Test("training that does not fit leaves no half-written file and can be resumed", arguments: Limit.available)
    func training(limit: Limit) async throws {
        let data = try folder.driftWorld()
        let train =
            ["train"] + Small.settings("sasrec", "width=128", "length=200", "hidden=256")
            + ["--data", data, "--to", disk + "/run", "--resume"]
        try await limited(limit) { run, release in
            let full = try await run(train)
            #expect(full.status == 1 && full.errors.contains(limit.rawValue), "\(full.errors)")
            #expect(full.errors.contains("weights.safetensors") && full.output.isEmpty)
            let left = try folder.names("disk/run").filter { !$0.contains("tfevents") }
            #expect(left == ["manifest.json", "progress.jsonl"])
            try await release()
            try await cascade(train)
            #expect(folder.holds("disk/run/weights.safetensors"))
        }
    }
}
