// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeNN
import CascadeTensorFiles
import CascadeTorch
import TensorTestSupport
import Testing

@testable import CascadeRecommenders

/// CTR models against `Fixtures/reference_ranking.py`, which takes one behavior and one candidate at a time.
@Suite("CTR models against the reference", .rounding)
struct RankingGoldenTests {
    /// A model and the settings that the reference was run with.
    struct Variant: Sendable, CustomTestStringConvertible {
        let name: String
        let model: String
        let settings: [String: JSONValue]
        var testDescription: String { name }

        init(_ name: String, _ model: String, _ settings: [String: JSONValue] = [:]) {
            (self.name, self.model, self.settings) = (name, model, settings)
        }

        static let all = [
            Variant("dare", "dare", ["attention_embedding_size": .integer(6)]),
            Variant("dareAges", "dare", ["attention_embedding_size": .integer(4), "time_deltas": .bool(true)]),
            Variant("dareNotAware", "dare", ["attention_embedding_size": .integer(4), "target_aware": .bool(false)]),
            Variant("twin", "twin"),
            Variant("twinHard", "twin", ["retrieval": .string("hard")]),
            Variant("twinLinear", "twin", ["projection": .string("linear")]),
            Variant("twinCategory", "twin", ["projection": .string("category")]),
            Variant("twin4E", "twin-4e"),
            Variant("twinV2", "twin-v2", ["cluster_span": .integer(3)]),
            Variant("din", "din", ["attention_hidden_size": .integer(5)]),
            Variant("simSoft", "sim"),
            Variant("simHard", "sim", ["retrieval": .string("hard")]),
            Variant("eta", "eta", ["bits": .integer(8)]),
            Variant("sdim", "sdim", ["hashes": .integer(3), "bits": .integer(2)]),
        ]
    }

    /// The reference's weights and inputs for one variant.
    struct Golden {
        let file: SafetensorsFile
        let model: any CTRRanker
        let batch: CTRBatch
        let name: String

        init(_ variant: Variant, sparse: Bool = false) throws {
            (file, name) = (try fixture("ranking"), variant.name)
            var settings: [String: JSONValue] = [
                "embedding_size": .integer(4), "max_sequence_length": .integer(7), "sparse_gradients": .bool(sparse),
                "head": .object(["hidden": .array([.integer(6), .integer(5)])]),
            ]
            if variant.model != "sdim" { settings["top_k"] = .integer(3) }
            settings.merge(variant.settings) { $1 }
            let data = DatasetShape(
                users: 4,
                items: 10,
                categories: try file.array("input.categories", as: Int32.self)
            )
            let made = try ModelRegistry.builtin.entry(variant.model).specification(.object(settings)).make(
                for: data,
                using: Generator(seed: 1)
            )
            model = try #require(made.ctrRanker)
            let state = try model.state().filter { !$0.name.hasSuffix("categoryOf.numbers") }
            try Checkpoint.assign(file, to: state, prefix: "\(name).weight.")
            try Rounding.disturb(model)
            let history = HostBatch(
                rows: 4,
                length: 7,
                items: try file.array("input.items", as: Int32.self),
                times: try file.array("input.times", as: Int64.self),
                lengths: try file.array("input.lengths", as: Int32.self),
                targets: [1, 1, 1, 1],
                users: [0, 1, 2, 3]
            )
            let host = CTRHostBatch(
                history: history,
                width: 3,
                candidates: try file.array("input.candidates", as: Int32.self),
                labels: (0..<4).flatMap { _ in [Float(1), 0, 0] },
                times: try file.array("input.now", as: Int64.self)
            )
            batch = try host.batch()
        }

        func expected(_ key: String) throws -> Tensor { try file.tensor("\(name).\(key)") }
    }

    @Test("scores at inference, where only what is kept is looked up", arguments: Variant.all)
    func inference(_ variant: Variant) throws {
        let golden = try Golden(variant)
        let logits = try withoutGradients { try golden.model.logits(golden.batch).reshaped(-1) }
        try expect(logits, equals: golden.expected("expected.logits"))
    }

    @Test("scores while training, the loss, and the gradient of every parameter", arguments: Variant.all)
    func training(_ variant: Variant) throws {
        let golden = try Golden(variant)
        let output = try golden.model.trainingOutput(golden.batch)
        try expect(output.logits.reshaped(-1), equals: golden.expected("expected.training"))
        #expect(output.auxiliary.isEmpty == (variant.model == "sdim"))
        for other in output.auxiliary {
            try expect(other.logits.reshaped(-1), equals: golden.expected("expected.auxiliary"))
        }
        let terms = try output.terms(golden.batch)
        let total = try terms.dropFirst().reduce(terms[0].loss) { try $0 + $1.loss }
        try expect(total.reshaped(1), equals: golden.expected("expected.loss"))
        try total.backward()
        for parameter in try golden.model.parameters() {
            let gradient = try parameter.part.value.requiredGradient()
            try expect(gradient, equals: golden.expected("gradient.\(parameter.name)"), parameter.name)
        }
    }

    @Test("row-sparse gradients lead to the same step as dense ones")
    func sparse() throws {
        let steps = try [false, true].map { isSparse in
            let golden = try Golden(Variant.all[3], sparse: isSparse)
            let adam = try Adam(golden.model.parameters())
            let terms = try golden.model.trainingOutput(golden.batch).terms(golden.batch)
            try terms.dropFirst().reduce(terms[0].loss) { try $0 + $1.loss }.backward()
            try adam.step(rate: 0.01)
            return try golden.model.parameters().map { try $0.part.value.floats() }
        }
        for (dense, sparse) in zip(steps[0], steps[1]) {
            for (a, b) in zip(dense, sparse) { #expect(abs(a - b) < 1e-5) }
        }
    }
}

@Suite("The search stage by itself")
struct AttentionScorerTests {
    @Test("gives the attention's scores, and for whole numbers nearly", arguments: TablePrecision.allCases)
    func scores(_ precision: TablePrecision) throws {
        for name in ["dare", "twin"] {
            let subject = RankerSubject(entry: try ModelRegistry.builtin.entry(name))
            let model = try #require(try subject.model() as? any TwoStageRanker)
            let history = History.rows[3]
            let host = CTRHostBatch([history])
            let exact = try withoutGradients { try model.network.searched(host.batch()).attention.squeezed(0) }
            let scorer = try model.attentionScorer(precision)
            let (own, wanted) = (history.items.map(Int64.init), host.candidates.map(Int64.init))
            let found = try scorer(Tensor(own), Tensor(wanted))
            try expect(found, equals: exact, within: precision == .int8 ? 5e-3 : precision == .float16 ? 1e-3 : 1e-5)
            let best = try scorer.search(Tensor(own), Tensor(wanted), keeping: 3)
            #expect(best.shape == [3, 3])
            #expect(throws: TorchError.self) { try scorer(Tensor([Int64(99)]), Tensor(wanted)) }
            #expect(scorer.bytesPerRow == [.float32: 64, .float16: 32, .int8: 20][precision])
        }
    }

    @Test("a fresh soft search finds the candidate itself among other behaviors")
    func freshSoftSearch() throws {
        let generator = try Generator(seed: 3)
        let vectors = try Tensor.normal([1, 20, 64], deviation: 0.01, using: generator)
        let products = try SoftSearch(64, using: generator)(vectors, vectors).squeezed(0)
        #expect(try products.argMax(-1).integers() == Array(0..<20))
    }

    @Test(
        "a model scores by rounded tables when asked to, also where linear maps follow them",
        arguments: [("dare", [:]), ("twin", ["projection": .string("linear")])] as [(String, [String: JSONValue])]
    )
    func precision(name: String, settings: [String: JSONValue]) throws {
        let subject = RankerSubject(entry: try ModelRegistry.builtin.entry(name))
        let scored = try TablePrecision.allCases.map { precision in
            let rounding = ["precision": JSONValue.string(precision.rawValue)]
            return try subject.model(settings.merging(rounding) { $1 }).scored(CTRHostBatch(History.rows))
        }
        #expect(scored[1] != scored[0] && scored[2] != scored[0])
        for (exact, rounded) in zip(scored[0].joined(), scored[1].joined()) { #expect(abs(exact - rounded) < 0.02) }
    }

    @Test("refuses a model that has no attention by products")
    func noProducts() throws {
        let din = try RankerSubject(entry: ModelEntry(DIN.self)).model()
        #expect(throws: ConfigurationError.self) { try din.attentionScorer(.float32) }
    }
}
