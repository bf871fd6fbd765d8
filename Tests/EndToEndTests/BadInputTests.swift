// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

@Suite("Bad input")
struct BadInputTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// Ratings with 200 rows.
    private var ratings: String {
        (0..<200).reduce("user,item,rating,timestamp\n") { $0 + "u\($1 % 20),i\($1 * 7 % 30),5,\(1_000_000 + $1)\n" }
    }

    private func importing(_ source: String, status: Int32, _ further: String...) async throws -> String {
        let arguments = ["data", "import", "--from", "csv", source, "--to", folder.path("made/data")]
        return try await cascade(arguments + further, status: status).errors
    }

    @Test("a truncated archive is refused and leaves nothing")
    func truncatedArchive() async throws {
        let plain = try folder.write(ratings, to: "ratings.csv")
        let script =
            "import gzip, sys; data = gzip.compress(open(sys.argv[1], 'rb').read()); "
            + "open(sys.argv[2], 'wb').write(data[:len(data) * 2 // 3])"
        let packed = try await python(["-c", script, plain, folder.path("ratings.csv.gz")])
        try #require(packed.status == 0)
        let message = try await importing(folder.path("ratings.csv.gz"), status: 65)
        #expect(message.contains("ratings.csv.gz") && message.contains("break off"), "\(message)")
        #expect(try folder.names() == ["ratings.csv", "ratings.csv.gz"])
    }

    @Test("text where a number belongs is shown with file, line and column, and can be left out")
    func textForNumber() async throws {
        let rows = ratings.replacingOccurrences(of: "5,1000001\n", with: "5,yesterday\n")
        let source = try folder.write(rows, to: "ratings.csv")
        let message = try await importing(source, status: 65)
        for part in ["ratings.csv:3:", "'timestamp'", "'yesterday'", "--on-error skip"] {
            #expect(message.contains(part), "'\(part)' is missing in: \(message)")
        }
        #expect(try folder.names() == ["ratings.csv"])
        let skipped = try await importing(source, status: 0, "--on-error", "skip", "--min-item-events", "1")
        #expect(skipped.contains("skipped: ratings.csv:3"))
    }

    @Test("an existing directory is neither replaced nor changed")
    func existingDirectory() async throws {
        let source = try folder.write(ratings, to: "ratings.csv")
        try FileManager.default.createDirectory(atPath: folder.path("made/data"), withIntermediateDirectories: true)
        _ = try folder.write("precious", to: "made/data/mine.txt")
        #expect(try await importing(source, status: 1).contains("not overwritten"))
        #expect(try folder.names("made/data") == ["mine.txt"])
        #expect(
            try await cascade(["data", "describe", folder.path("made/data")], status: 65).errors.contains("made/data")
        )
        #expect(try await cascade(["data", "describe", folder.path("none")], status: 65).errors.contains("none"))
    }

    @Test("an unknown key or value of the configuration is 78, with the nearest known one")
    func configuration() async throws {
        let file = try folder.write("model: {name: sasrec}\ntraining: {epohcs: 3}\n", to: "bad.yaml")
        let broken = try folder.write("model: {name: [sasrec\n", to: "broken.yaml")
        let rest = ["--data", folder.path("none"), "--to", folder.path("run")]
        for (arguments, parts) in [
            (["--model", "sasrec", "--set", "widht=3"], ["'widht'", "'embedding_size'"]),
            (["--model", "sasrec", "--set", "training.loss.negatves=3"], ["'negatves'", "'negatives'"]),
            (["--model", "sasrec", "--set", "width"], ["key=value"]),
            (["--model", "sasrec", "--set", "width=[1"], ["--set width=[1", "YAML"]),
            (["--model", "sasrec", "--set", "batch=many"], ["training.batch_size", "'many'"]),
            (["--model", "sasrecc"], ["'sasrecc'", "'sasrec'"]), (["--config", file], ["'epohcs'", "'epochs'"]),
            (["--config", broken], ["broken.yaml", "YAML"]), (["--config", folder.path("no.yaml")], ["no.yaml"]),
            ([], ["--model"]),
        ] {
            let errors = try await cascade(["train"] + arguments + rest, status: 78).errors
            for part in parts { #expect(errors.contains(part), "'\(part)' is missing in: \(errors)") }
        }
        #expect(try folder.names() == ["bad.yaml", "broken.yaml"])
    }

    @Test("an unknown user, other data, settings of the training and damaged weights are refused by a trained run")
    func trainedRun() async throws {
        let data = try folder.driftWorld()
        let run = folder.path("run")
        try await Small.train("sasrec", on: data, to: run)
        let user = try await cascade(["recommend", run, "--user", "user-1000"], status: 65)
        #expect(user.errors.contains("'user-1000'") && user.output.isEmpty)
        let setting = try await cascade(["evaluate", run, "--set", "batch=3"], status: 78)
        #expect(setting.errors.contains("--set"))
        let other = try folder.driftWorld("other", seed: 2)
        #expect(try await cascade(["evaluate", run, "--data", other], status: 65).errors.contains("other data"))
        #expect(try await cascade(["evaluate", other], status: 65).errors.contains("not a run's manifest"))
        #expect(try await cascade(["evaluate", folder.path("made")], status: 65).errors.contains("no run here"))

        let weights = try folder.data("run/weights.safetensors")
        let file = folder.url.appendingPathComponent("run/weights.safetensors")
        try weights.dropLast(weights.count / 2).write(to: file)
        let truncated = try await cascade(["evaluate", run, "--json"], status: 65)
        #expect(truncated.errors.contains("weights.safetensors") && truncated.output.isEmpty)
        var corrupt = weights
        corrupt.replaceSubrange(0..<16, with: Data(repeating: 0xFF, count: 16))
        try corrupt.write(to: file)
        let hostile = try await cascade(["export", run, "--to", folder.path("made/export")], status: 65)
        #expect(hostile.errors.contains("weights.safetensors") && !folder.holds("made"))
        var wild = weights  // a whole file whose numbers are not numbers
        wild.replaceSubrange(
            (weights.count - weights.count / 4)...,
            with: Data(repeating: 0xFF, count: weights.count / 4)
        )
        try wild.write(to: file)
        let changed = try await cascade(["recommend", run, "--user", "user-1"], status: 65)
        #expect(changed.errors.contains("found the checksum"))
        // The manifest of a run of before keeps no checksums.
        let manifest = folder.url.appendingPathComponent("run/manifest.json")
        let parsed = try JSONSerialization.jsonObject(with: Data(contentsOf: manifest))
        var fields = try #require(parsed as? [String: Any])
        fields["checksums"] = nil
        try JSONSerialization.data(withJSONObject: fields).write(to: manifest)
        #expect(try await cascade(["recommend", run, "--user", "user-1"], status: 1).errors.contains("not a number"))
    }
}
