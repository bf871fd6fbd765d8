// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeRecommenders
import Foundation
import TestSupport
import Testing

@Suite("Settings on the command line")
struct SettingNamesTests {
    @Test("a model's settings are printed with meaning, bounds and default, and are a file to begin with")
    func models() async throws {
        let text = try await cascade(["models", "t2diff"]).output
        let expected =
            "  # Features of each item. [whole number, at least 1, a multiple of num_heads]\n  embedding_size: 64\n"
        #expect(text.contains(expected) && text.contains("  sampler:\n") && text.contains("  backbone: unet\n"))
        let folder = try TemporaryFolder()
        try text.write(to: folder.file("t2diff.yaml"), atomically: true, encoding: .utf8)
        let resolved = try await cascade(
            ["train", "--config", folder.path("t2diff.yaml"), "--data", "none", "--to", "none", "--dry-run"]
        )
        #expect(resolved.errors.isEmpty && resolved.output.contains(#""embedding_size" : 64"#))
    }

    @Test("every setting of every model, and of training, has a meaning")
    func meanings() async throws {
        struct Setting: Decodable { let key, meaning, type: String }
        for name in ModelRegistry.builtin.entries.map(\.card.name) + ["training", "candidates", "distillation"] {
            let text = try await cascade(["models", name, "--json"]).output
            let settings = try JSONDecoder().decode([Setting].self, from: Data(text.utf8))
            #expect(name.hasSuffix("popularity") || !settings.isEmpty)
            for setting in settings { #expect(!setting.meaning.isEmpty, "\(name): \(setting.key)") }
        }
    }

    @Test("a file in the spelling of before says so once, with the names of now; one in that of now says nothing")
    func notice() async throws {
        let old = fixture("before-0.2/sasrec.yaml")
        let arguments = ["--data", "none", "--to", "none", "--dry-run"]
        let outcome = try await cascade(["train", "--config", old] + arguments)
        let notices = outcome.errors.split(separator: "\n").filter { $0.hasPrefix("notice: ") }
        #expect(notices.count == 1)
        for words in [
            "model.width is model.embedding_size", "training.batch is training.batch_size",
            "training.learningRate.peak is training.learning_rate",
            "training.loss.kind: full is training.loss.kind: cross-entropy",
            "training.optimizer.decoupled: false is training.optimizer.kind: adam",
        ] { #expect(outcome.errors.contains(words), "\(words)") }
        let set = try await cascade(
            ["train", "--model", "sasrec", "--no-auto", "--set", "batch=7", "--set", "epochs=2"] + arguments
        )
        #expect(set.errors.contains("notice: --set: ") && set.errors.contains("batch is training.batch_size"))
        #expect(set.output.contains(#""batch_size" : 7"#))
        let now =
            ["train", "--model", "sasrec", "--no-auto", "--set", "batch_size=7", "--set", "embedding_size=32"]
            + arguments
        #expect(try await cascade(now).errors.isEmpty)
    }
}
