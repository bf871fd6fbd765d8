// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

@Suite("Export")
struct ExportTests {
    @Test("an independent script finds the metrics that evaluate prints", arguments: Small.names + Small.fitted)
    func check(model: String) async throws {
        let folder = try TemporaryFolder()
        let (run, export) = (folder.path("run"), folder.path("exports/\(model)"))
        try await Small.train(model, on: folder.driftWorld(), to: run)
        try await cascade(["export", run, "--to", export])
        let checked = try await python([fixture("check_export.py"), export])
        #expect(
            checked.status == 0 && checked.output.contains("every metric agrees"),
            "\(checked.output)\(checked.errors)"
        )
        let printed = try await cascade(["evaluate", run, "--json"]).output
        #expect(try folder.data("exports/\(model)/metrics.json") == Data(printed.utf8))
        #expect(
            try folder.data("exports/\(model)/weights.safetensors") == folder.data("run/weights.safetensors")
        )
        let again = try await cascade(["export", run, "--to", export], status: 1)
        #expect(again.errors.contains("not overwritten"))
    }

    @Test("the script finds the metrics of users with several targets", arguments: ["ials", "bpr-mf", "mult-vae"])
    func severalTargets(model: String) async throws {
        let folder = try TemporaryFolder()
        let (run, export, config) = (folder.path("run"), folder.path("export"), folder.path("several.yaml"))
        try """
        split: {kind: by-user, validation: 0.2, test: 0.3, seed: 1, targets: 0.3}
        model: {name: \(model)}
        training: {epochs: 2, metric: hit-rate@10, threads: 1}
        """.write(toFile: config, atomically: true, encoding: .utf8)
        try await cascade(["train", "--config", config, "--data", folder.driftWorld(), "--to", run])
        try await cascade(["export", run, "--to", export])
        let checked = try await python([fixture("check_export.py"), export])
        #expect(
            checked.status == 0 && checked.output.contains("every metric agrees")
                && checked.output.contains("hit-rate@10"),
            "\(checked.output)\(checked.errors)"
        )
    }

    @Test("the script finds a CTR model's metrics by counting pairs")
    func clicks() async throws {
        let folder = try TemporaryFolder()
        let (run, export) = (folder.path("run"), folder.path("export"))
        let settings = [
            "category=topic", "width=8", "length=20", "kept=5", "batch=32", "cuts=3", "epochs=2", "threads=1",
        ]
        let options = settings.flatMap { ["--set", $0] }
        try await cascade(["train", "--model", "dare", "--data", folder.driftWorld(), "--to", run] + options)
        try await cascade(["export", run, "--to", export])
        let checked = try await python([fixture("check_export.py"), export])
        #expect(
            checked.status == 0 && checked.output.contains("every metric agrees") && checked.output.contains("gauc"),
            "\(checked.output)\(checked.errors)"
        )
        let printed = try await cascade(["evaluate", run, "--json"]).output
        #expect(try folder.data("export/metrics.json") == Data(printed.utf8))
        let labels = try folder.data("export/labels.npy")
        try (labels.dropLast() + [1 - (labels.last ?? 0)]).write(
            to: folder.url.appendingPathComponent("export/labels.npy")
        )
        #expect(try await python([fixture("check_export.py"), export]).status == 1)
    }

    @Test("the script notices a changed metric and a changed vector")
    func tampered() async throws {
        let folder = try TemporaryFolder()
        let (run, export) = (folder.path("run"), folder.path("export"))
        try await Small.train("sasrec", on: folder.driftWorld(), to: run)
        try await cascade(["export", run, "--to", export, "--split", "validation"])
        let whole = try String(decoding: folder.data("export/metrics.json"), as: UTF8.self)
        let key = "\"recall@50\" : "
        let start = try #require(whole.range(of: key, options: .backwards)).upperBound
        let end = try #require(whole[start...].firstIndex { !"0123456789.".contains($0) })
        let changed = whole.replacingCharacters(in: start..<end, with: "\((Double(whole[start..<end]) ?? 0) + 0.00001)")
        _ = try folder.write(changed, to: "export/metrics.json")
        let metric = try await python([fixture("check_export.py"), export])
        #expect(metric.status == 1 && metric.output.contains("DIFFERS"), "\(metric.output)\(metric.errors)")

        _ = try folder.write(whole, to: "export/metrics.json")
        #expect(try await python([fixture("check_export.py"), export]).status == 0)
        var vectors = try folder.data("export/user_vectors.npy")
        vectors.replaceSubrange((vectors.count - 256)..., with: Data(repeating: 0, count: 256))
        try vectors.write(to: folder.url.appendingPathComponent("export/user_vectors.npy"))
        #expect(try await python([fixture("check_export.py"), export]).status == 1)
    }
}
