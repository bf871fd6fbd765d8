// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeNN
import CascadeRecommenders
import CascadeTorch
import CascadeTraining
import Foundation
import TestSupport
import Testing

@Suite("Experiment")
struct ExperimentTests {
    /// What the refusal of an experiment says.
    private func refusal(_ text: String, model: String? = nil) throws -> String {
        let error = #expect(throws: ConfigurationError.self) { try Experiment(tree(text), model: model) }
        return try #require(error).description
    }

    @Test("resolves defaults, so that the file of a run says everything")
    func defaults() throws {
        let experiment = try Experiment(tree("{}"), model: "sasrec")
        #expect(experiment.name == "sasrec" && experiment.source.isEmpty)
        #expect(experiment.split == .leaveOneOut && experiment.seen == .exclude)
        #expect(experiment.model.settings["embedding_size"] == .integer(64))
        #expect(experiment.training.batchSize == TrainingSettings().batchSize)
        let again = try JSONDecoder().decode(Experiment.self, from: JSONEncoder().encode(experiment))
        #expect(again == experiment)
    }

    @Test("takes what a file says")
    func file() throws {
        let experiment = try Experiment(
            tree(
                #"""
                {"name": "mine", "source": "a table", "seen": "include",
                 "split": {"kind": "temporal", "validation": 0.8, "test": 1000000},
                 "model": {"name": "t2diff", "steps": 10, "sampler": {"kind": "ddim", "steps": 5}},
                 "training": {"loss": {"kind": "gbce", "negatives": 64}, "learningRate": {"peak": 0.01}, "metric": "mrr@20"}}
                """#
            )
        )
        #expect(experiment.name == "mine" && experiment.source == "a table" && experiment.seen == .include)
        #expect(experiment.split == .temporal(validation: .quantile(0.8), test: .time(1_000_000)))
        #expect(experiment.model.settings["sampler"]["steps"] == .integer(5))
        let settings = experiment.training
        #expect(settings.loss.kind == .gbce && settings.loss.negatives == 64)
        #expect(settings.learningRate == 0.01 && settings.metric == "mrr@20")
    }

    @Test("a model that ranks the whole catalog takes a category if it reads one, and never candidates")
    func categories() throws {
        let experiment = try Experiment(tree(#"{"category": "topic"}"#), model: "dat")
        #expect(experiment.category == "topic" && experiment.candidates == nil)
        #expect(try JSONDecoder().decode(Experiment.self, from: JSONEncoder().encode(experiment)) == experiment)
        let without = try Experiment(tree("{}"), model: "dat")
        #expect(without.category == nil)
        let folder = try TemporaryFolder()
        let dataset = try folder.driftWorld(users: 30)
        func names(_ experiment: Experiment) throws -> [String] {
            try experiment.makeModel(for: dataset, using: Generator(seed: 1)).parameters().map(\.name)
        }
        #expect(try names(experiment).contains("categories.weight"))
        #expect(try !names(without).contains("categories.weight"))
        let words = "sasrec ranks the whole catalog"
        #expect(try refusal(#"{"category": "topic"}"#, model: "sasrec").contains(words))
        let both = #"{"category": "topic", "candidates": {"negatives": 5}}"#
        #expect(try refusal(both, model: "dat").contains("dat ranks the whole catalog"))
    }

    @Test(
        "reads every form of a split",
        arguments: zip(
            [
                #"{"kind": "leave-one-out"}"#, #"{"kind": "temporal", "validation": 0.8, "test": 0.9}"#,
                #"{"kind": "by-user", "validation": 0.1, "test": 0.2, "seed": 7}"#,
            ],
            [
                Split.leaveOneOut, .temporal(validation: .quantile(0.8), test: .quantile(0.9)),
                .byUser(validation: 0.1, test: 0.2, seed: 7),
            ]
        )
    )
    func splits(text: String, split: Split) throws {
        #expect(try Experiment(tree(#"{"split": \#(text)}"#), model: "popularity").split == split)
    }

    @Test(
        "names the nearest known key",
        arguments: [
            (#"{"modle": {}}"#, "'modle'", "'model'"),
            (#"{"model": {"embedding_szie": 3}}"#, "'embedding_szie' in 'model'", "'embedding_size'"),
            (#"{"training": {"epoch": 3}}"#, "'epoch' in 'training'", "'epochs'"),
            (#"{"training": {"loss": {"negative": 3}}}"#, "'negative' in 'training.loss'", "'negatives'"),
            (#"{"training": {"metric": "ndgc@10"}}"#, "'ndgc@10'", "'ndcg@10'"),
            (#"{"model": {"name": "sasrek"}}"#, "'sasrek'", "'sasrec'"),
        ]
    )
    func nearest(text: String, wrong: String, right: String) throws {
        let model = text.contains("sasrek") ? nil : "sasrec"
        let message = try refusal(text, model: model)
        #expect(message.contains(wrong) && message.contains("Did you mean \(right)?"), "\(message)")
    }

    @Test(
        "says what was found and what was expected",
        arguments: [
            (#"{"training": {"batch": "many"}}"#, ["training.batch_size", "'many'", "a whole number"]),
            (#"{"training": {"batch": 0}}"#, ["training.batch_size", "0", "at least 1"]),
            (#"{"training": {"learningRate": -3}}"#, ["training.learning_rate", "3", "above"]),
            (#"{"training": {"learningRate": {"peak": 0}}}"#, ["training.learning_rate", "above 0"]),
            (#"{"training": {"averageDecay": 1}}"#, ["training.ema_decay", "from 0 to below 1"]),
            (#"{"training": {"loss": {"kind": "hinge"}}}"#, ["training.loss.kind", "'hinge'"]),
            (#"{"training": {"loss": {"temperature": 0}}}"#, ["loss.temperature", "above 0"]),
            (#"{"model": {"width": 7}}"#, ["model.embedding_size", "7", "multiple of num_heads"]),
            (#"{"model": "sasrec"}"#, ["model", "group of settings"]),
            (#"{"model": {"name": [3]}}"#, ["model.name", "text"]),
            (#"{"name": [2024]}"#, ["name", "text"]),
            (#"{"split": {"kind": "random"}}"#, ["split", "leave-one-out"]),
            (#"{"split": {"kind": "temporal", "validation": 0.8}}"#, ["split", "test: 0.9"]),
            (#"{"seen": "maybe"}"#, ["seen", "exclude or include"]),
            (#"[1]"#, ["group of settings"]),
        ]
    )
    func wrongValues(text: String, parts: [String]) throws {
        let message = try refusal(text, model: "sasrec")
        for part in parts { #expect(message.contains(part), "'\(part)' is missing in: \(message)") }
    }

    @Test("needs a model, and the same one from file and command line")
    func modelName() throws {
        #expect(try refusal("{}").contains("--model"))
        let message = try refusal(#"{"model": {"name": "t2diff"}}"#, model: "sasrec")
        #expect(message.contains("t2diff") && message.contains("sasrec"))
        #expect(try Experiment(tree(#"{"model": {"name": "t2diff"}}"#), model: "t2diff").model.name == "t2diff")
    }

    @Test(
        "sets long and short keys",
        arguments: [
            ("model.embedding_size", "model", "embedding_size"), ("embedding_size", "model", "embedding_size"),
            ("training.batch_size", "training", "batch_size"), ("batch_size", "training", "batch_size"),
            ("model.width", "model", "embedding_size"), ("width", "model", "embedding_size"),
            ("maxSequenceLength", "model", "max_sequence_length"), ("training.batch", "training", "batch_size"),
            ("batch", "training", "batch_size"), ("learningRate.warmup", "training", "warmup_steps"),
        ]
    )
    func settings(key: String, group: String, name: String) throws {
        let changed = try tree("{}").setting(key, to: .integer(32), model: "sasrec")
        #expect(changed[group][name] == .integer(32))
        _ = try Experiment(changed, model: "sasrec")
    }

    @Test("sets keys inside of groups, beside what is there")
    func nestedSettings() throws {
        let start = try tree(#"{"model": {"name": "t2diff", "steps": 9}, "training": {"loss": {"negatives": 5}}}"#)
        let changed =
            try start
            .setting("sampler.kind", to: .string("ddim"), model: nil)
            .setting("loss.kind", to: .string("bpr"), model: nil)
            .setting("name", to: .string("x"), model: nil)
            .setting("split.kind", to: .string("leave-one-out"), model: nil)
        let experiment = try Experiment(changed)
        #expect(experiment.model.settings["sampler"]["kind"] == .string("ddim"))
        #expect(experiment.model.settings["steps"] == .integer(9) && experiment.name == "x")
        let loss = experiment.training.loss
        #expect(loss.kind == .bpr && loss.negatives == 5)
    }

    @Test(
        "refuses to set what does not exist",
        arguments: [
            ("", "missing"), ("witdh", "'embedding_size'"), ("epoch", "'epochs'"), ("traning.batch", "'training'"),
        ]
    )
    func unknownSettings(key: String, hint: String) throws {
        let error = #expect(throws: ConfigurationError.self) {
            try tree("{}").setting(key, to: .integer(1), model: "sasrec")
        }
        #expect(try #require(error).description.contains(hint))
    }
}
