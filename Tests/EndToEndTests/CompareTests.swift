// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

@Suite("cascade compare")
struct CompareTests {
    static let table = """
        name: tiny
        data: {drift: {world: drift, users: 60, items: 100}}
        metrics: [recall@10, ndcg@10]
        training: {epochs: 2, batch: 16, threads: 1, checkpointSeconds: 0}
        rows:
          - {name: floor, model: {name: popularity}}
          - {name: sasrec, model: {name: sasrec, width: 8, hidden: 8, blocks: 1, length: 20}}
          - {name: one user a step, model: {name: sasrec, width: 8, hidden: 8, blocks: 1, length: 20}, training: {batch: 1}}
        """

    @Test("finished cells are kept, a cell cut short goes on, and the figures are those of an undisturbed run")
    func killed() async throws {
        let folder = try TemporaryFolder()
        let file = try folder.write(Self.table, to: "table.yaml")
        func arguments(_ report: String) -> [String] { ["compare", file, "--seeds", "2", "--to", folder.path(report)] }
        try await cascade(arguments("whole"))
        let process = try await RunningProcess.start(cascadeProgram(), arguments("cut"), countsForCoverage: false)
        let cells = folder.url.appending(path: "cut/cells")
        @Sendable func isUnderWay() -> Bool {
            let names = (try? FileManager.default.contentsOfDirectory(atPath: cells.path)) ?? []
            return names.contains { name in
                name.hasPrefix("one-user")
                    && FileManager.default.fileExists(
                        atPath: cells.appending(path: "\(name)/run/optimizer.safetensors").path
                    )
            }
        }
        await process.send(SIGKILL, when: isUnderWay)
        #expect(try await process.outcome().wasKilled)
        func results() throws -> [String: Date] {
            try folder.names("cut/cells").reduce(into: [:]) { dates, name in
                let path = folder.path("cut/cells/\(name)/result.json")
                dates[name] = (try? FileManager.default.attributesOfItem(atPath: path))?[.modificationDate] as? Date
            }
        }
        let kept = try results()
        #expect(kept.count >= 4)
        try await cascade(arguments("cut"))
        let all = try results()
        #expect(all.count == 6 && kept.allSatisfy { all[$0.key] == $0.value })
        for name in try folder.names("cut/cells") {
            #expect(
                !folder.holds("cut/cells/\(name)/run/optimizer.safetensors"),
                "a finished cell needs no state to resume"
            )
            #expect(folder.holds("cut/cells/\(name)/run/weights.safetensors"))
        }
        func figures(_ report: String) throws -> [[Substring]] {
            String(decoding: try folder.data("\(report)/report.csv"), as: UTF8.self).split(separator: "\n")
                .map { Array($0.split(separator: ",", omittingEmptySubsequences: false).prefix(12)) }
        }
        #expect(try figures("cut") == figures("whole"))
        #expect(try figures("cut").count == 1 + 3 * 4)
        // What is trained is evaluated again from its weights alone.
        let one = try #require(try folder.names("cut/cells").first { $0.hasPrefix("sasrec") })
        try FileManager.default.removeItem(atPath: folder.path("cut/cells/\(one)/result.json"))
        try await cascade(arguments("cut"))
        #expect(try results().count == 6 && figures("cut") == figures("whole"))
    }

    @Test("a broken row is reported with its message, the others stand, and the exit code says so")
    func broken() async throws {
        let folder = try TemporaryFolder()
        let rows = Self.table.split(separator: "\n").prefix(6).joined(separator: "\n")
        let broken =
            "\n  - {name: broken, model: {name: sasrec, widht: 8}}\n  - {name: late, model: {name: sasrec, width: 8, hidden: 8, length: 20}, training: {learningRate: {peak: 1.0e+30}}}\n"
        let file = try folder.write(rows + broken, to: "table.yaml")
        let outcome = try await cascade(["compare", file, "--seeds", "1", "--to", folder.path("report")], status: 1)
        #expect(
            outcome.output.contains("**broken failed:** unknown key 'widht' in 'model'. Did you mean 'embedding_size'?")
        )
        #expect(outcome.output.contains("**late failed:** training step"))
        #expect(outcome.output.contains("| floor |"))
        #expect(outcome.errors.contains("2 of 3 cells failed"))
        #expect(try folder.names("report").contains("report.html"))
    }

    @Test("rows that ask for the same under other names are trained once")
    func shared() async throws {
        let folder = try TemporaryFolder()
        let rows = Self.table.split(separator: "\n").prefix(6).joined(separator: "\n")
        let file = try folder.write(
            rows + "\n  - {name: the same floor, model: {name: popularity}}\n",
            to: "table.yaml"
        )
        let outcome = try await cascade(["compare", file, "--seeds", "1", "--to", folder.path("report")])
        #expect(outcome.errors.contains("2 cells, 1 to do"))
        #expect(try folder.names("report/cells").count == 1)
        func figures(_ row: String) throws -> [Substring] {
            let line = try #require(outcome.output.split(separator: "\n").first { $0.hasPrefix("| \(row) |") })
            return Array(line.split(separator: "|").dropFirst(2))
        }
        #expect(try figures("floor") == figures("the same floor"))
    }

    @Test("experiment files without data are refused with what to pass; with it they make one table")
    func experiments() async throws {
        let folder = try TemporaryFolder()
        let data = try folder.driftWorld()
        let a = try folder.write("name: floor\nmodel: {name: popularity}\n", to: "a.yaml")
        let b = try folder.write("name: recent\nmodel: {name: recent-popularity}\n", to: "b.yaml")
        let refused = try await cascade(["compare", a, b, "--to", folder.path("r")], status: 78)
        #expect(refused.errors.contains("the experiment files name no data set; pass --data DIRECTORY"))
        let outcome = try await cascade(["compare", a, b, "--data", data, "--seeds", "1", "--to", folder.path("r")])
        #expect(outcome.output.contains("## comparison on data"))
        #expect(outcome.output.contains("| floor |") && outcome.output.contains("| recent |"))
    }

    @Test("every table in Experiments/papers resolves under its own name")
    func papers() async throws {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../Experiments/papers").standardizedFileURL
        let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
            .filter { $0.pathExtension == "yaml" }
        #expect(files.count >= 3)
        let arguments = ["compare"] + files.map(\.path) + ["--to", "none", "--dry-run"]
        let output = try await cascade(arguments).output
        for file in files { #expect(output.contains("\(file.deletingPathExtension().lastPathComponent): ")) }
    }
}
