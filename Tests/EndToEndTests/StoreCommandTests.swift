// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

@Suite("Store and A/B tests")
struct StoreCommandTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    @Test("a store is filled from a data set, copied, checked and trimmed")
    func upkeep() async throws {
        let (data, store, copy) = (try folder.driftWorld(), folder.path("store.sqlite"), folder.path("copy.sqlite"))
        let filled = try await cascade(["store", "import", data, "--to", store]).output
        #expect(filled.contains("(0 already stored)"))
        #expect(try await cascade(["store", "import", data, "--to", store]).output.contains("0 new events"))
        try await cascade(["store", "backup", store, "--to", copy])
        #expect(try await cascade(["store", "verify", copy]).output.contains("sound"))
        let everything = ["store", "retain", copy, "--before", "2026-01-31"]
        #expect(try await cascade(everything, status: 64).errors.contains("more than a tenth"))
        #expect(try await cascade(everything + ["--dry-run"]).output.contains("nothing was removed"))
        #expect(try await !cascade(["store", "verify", copy]).output.contains("sound; 0 events"))
        let removed = try await cascade(everything + ["--yes"]).output
        #expect(removed.contains("2026-01-31T00:00:00Z; 0 events, 0 exposures are left"))
        #expect(try await cascade(["store", "verify", copy]).output.contains("sound; 0 events"))
        #expect(try await !cascade(["store", "verify", store]).output.contains("sound; 0 events"))
        #expect(
            try await cascade(["store", "backup", store, "--to", copy], status: 1).errors.contains("exists already")
        )
        try await cascade(["store", "retain", copy, "--before", "yesterday"], status: 64)
        let compact = ["store", "retain", copy, "--before", "20260131"]
        #expect(try await cascade(compact, status: 64).errors.contains("write 2026-01-31"))
        #expect(try await cascade(["store", "restore", store, "--to", copy]).output.contains("restored"))
        #expect(try await !cascade(["store", "verify", copy]).output.contains("sound; 0 events"))
        #expect(
            try await cascade(["store", "verify", folder.path("none")], status: 65).errors.contains("no such file")
        )
        let text = try folder.write(String(repeating: "text ", count: 1000), to: "text")
        #expect(try await cascade(["store", "verify", text], status: 65).errors.contains("not a database"))
    }

    @Test("a store becomes a data set, and a later one reads only what is new")
    func export() async throws {
        let (data, store) = (try folder.driftWorld(), folder.path("store.sqlite"))
        try await cascade(["store", "import", data, "--to", store])
        let (first, second) = (folder.path("deep/first"), folder.path("second"))
        let export = ["data", "import", "--from", "store", store, "--to"]
        let said = try await cascade(export + [first, "--name", "shop"]).output
        #expect(said.contains(" 0 requests; read ") && !said.contains("read 0 events"))
        let grown = try await cascade(export + [second, "--previous", first])
        #expect(grown.output.contains("read 0 events and 0 requests"))
        #expect(grown.errors.contains("are those of the previous import"))
        let described = try await cascade(["data", "describe", first]).output
        #expect(described.contains("shop"))
        #expect(try await cascade(export + [second], status: 1).errors.contains("not overwritten"))
        #expect(
            try await cascade(export + [folder.path("x"), "--previous", data], status: 65).errors.contains(
                "earlier export"
            )
        )
        let foreign = try await cascade(export + [folder.path("x"), "--user-column", "u"], status: 64).errors
        #expect(foreign.contains("expected only --name"))
        let files = ["data", "import", "--from", "csv", "x.csv", "--to", folder.path("x"), "--since", "2026-01-01"]
        #expect(try await cascade(files, status: 64).errors.contains("--since"))
        #expect(
            try await cascade(export + [folder.path("x"), "--since", "soon"], status: 64).errors.contains("--since")
        )
        #expect(!FileManager.default.fileExists(atPath: folder.path("x")))
    }

    @Test("A/B tests are reported, or the reason is named")
    func abTests() async throws {
        let (data, store) = (try folder.driftWorld(), folder.path("store.sqlite"))
        try await cascade(["store", "import", data, "--to", store])
        func config(_ share: String) throws -> String {
            try folder.write(
                """
                port: 8080
                ab_tests:
                  - name: diversity
                    arms:
                      - {name: control, share: 0.5, funnel: plain}
                      - {name: mixed, share: \(share), funnel: diverse}
                """,
                to: "serve.yaml"
            )
        }
        let report = ["ab", "report", "--config", try config("0.5"), "--store", store]
        let text = try await cascade(report).output
        #expect(text.contains("diversity") && text.contains("control") && text.contains("click_rate"))
        let json = try await cascade(report + ["--json"]).output
        let reports = try #require(JSONSerialization.jsonObject(with: Data(json.utf8)) as? [[String: Any]])
        #expect(reports.count == 1 && reports[0]["sample_ratio_p_value"] as? Double == 1)
        _ = try config("0.6")
        #expect(try await cascade(report, status: 78).errors.contains("add up to 1.1"))
        let empty = try folder.write("port: 1", to: "empty.yaml")
        let none = ["ab", "report", "--config", empty, "--store", store]
        #expect(try await cascade(none, status: 78).errors.contains("no A/B tests"))
    }
}
