// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import Foundation
import TestSupport
import Testing

@Suite("Spellings of before 0.2")
struct FormerSpellingTests {
    private let fixtures = Repository.fixtures.appendingPathComponent("before-0.2/serving")

    /// The configuration of the version before, over copies of its files.
    private func configuration(in folder: TemporaryFolder) throws -> String {
        for name in ["store.sqlite", "hnsw"] {
            try FileManager.default.copyItem(at: fixtures.appendingPathComponent(name), to: folder.file(name))
        }
        let text = try String(contentsOf: fixtures.appendingPathComponent("serve.yaml"), encoding: .utf8)
        return try folder.write(text.replacing("FOLDER", with: folder.url.path), to: "serve.yaml")
    }

    @Test("a configuration with old keys is checked with one notice for each")
    func serve() async throws {
        let folder = try TemporaryFolder()
        let checked = try await cascade(["serve", "--config", try configuration(in: folder), "--check"]).output
        for notice in [
            "experiments is now called ab_tests",
            "slots.similar.options.batch is now called slots.similar.options.max_batch_size",
            "slots.similar.options.budget is now called", "slots.similar.options.judge is now called",
            "server.rate.perSecond is now called server.rate.requests_per_second", "server.shutdown is now called",
        ] { #expect(checked.contains("notice: \(notice)"), "\(notice)") }
        #expect(checked.split(separator: "\n").count { $0.hasPrefix("notice: ") } == 14)
        #expect(checked.contains("similar: "))
    }

    @Test("the report of A/B tests has its former name, with a notice")
    func report() async throws {
        let folder = try TemporaryFolder()
        let options = [
            "report", "--config", try configuration(in: folder), "--store", folder.path("store.sqlite"), "--json",
        ]
        let old = try await cascade(["experiment"] + options)
        #expect(old.errors.contains("'cascade experiment' is now called 'cascade ab'"))
        let new = try await cascade(["ab"] + options)
        #expect(new.errors.isEmpty && new.output == old.output)
        #expect(new.output.contains("\"name\" : \"sources\""))
    }

    @Test("old options of indexes and of the simulators still work, each with one notice")
    func options() async throws {
        let folder = try TemporaryFolder()
        let simulated = try await cascade(
            ["data", "simulate", "--world", "drift", "--users", "40", "--items", "100", "--to", folder.path("data")]
        )
        #expect(simulated.errors.contains("'--world' is now called '--simulator'"))
        let bench = ["bench", "index", "--items", "500", "--dimension", "8", "--users", "5", "--json"]
        let flat = try await cascade(bench + ["--kinds", "exact,ivf", "--lists=8", "--probes", "2"])
        #expect(flat.errors.contains("'--kinds exact,ivf' is now called '--kinds flat,ivf'"))
        #expect(flat.errors.contains("'--lists' is now called '--nlist'"))
        #expect(flat.errors.contains("'--probes' is now called '--nprobe'"))
        let rows = try #require(try flat.document()["rows"] as? [[String: Any]])
        #expect(rows.compactMap { $0["kind"] as? String } == ["flat", "ivf"])
        let opened = try await cascade(["index", "describe", fixtures.appendingPathComponent("ivf").path]).output
        #expect(opened.contains("nlist 8, nprobe 2"))
    }
}
