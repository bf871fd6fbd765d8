// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeNN
import CascadeTensorFiles
import CascadeTorch
import TensorTestSupport
import Testing

@testable import CascadeRecommenders

/// Query-aware rankers against `Fixtures/reference_search.py`, which takes a request, a candidate and an event at a time.
@Suite("Query-aware rankers against the reference", .rounding)
struct SearchGoldenTests {
    /// A model and the settings that the reference was run with.
    struct Variant: Sendable, CustomTestStringConvertible {
        let name: String
        let model: String
        let settings: [String: JSONValue]
        var testDescription: String { name }

        init(_ name: String, _ model: String, _ settings: [String: JSONValue] = [:]) {
            (self.name, self.model, self.settings) = (name, model, settings)
        }

        static let all =
            [
                gs("gs"),
                gs("gsConcatenated", ["injection": .string("concatenated")]),
                gs("gsCross", ["injection": .string("cross-attention")]),
                gs("gsLearned", ["gate": .string("learned")]),
                gs("gsUngated", ["gate": .string("none")]),
                gs("gsNoNoise", ["noise": .bool(false)]),
                gs("gsMeanSquared", ["constraint": .string("mean-squared")]),
                gs("gsToken", ["target": .string("token")]),
                gs("gsCounts", ["tokens": crossFeatures(true)]),
                gs("gsTokenConcatenated", ["target": .string("token"), "injection": .string("concatenated")]),
            ]
            + [
                Variant("sasrec", "search-sasrec"),
                Variant("simSoft", "search-sim", ["top_k": .integer(3)]),
                Variant("simHard", "search-sim", ["top_k": .integer(2), "retrieval": .string("hard")]),
                Variant("qin", "qin", ["relevant_top_k": .integer(4), "top_k": .integer(2)]),
                Variant("hstu", "hstu", ["num_layers": .integer(2)]),
                Variant("mtgr", "mtgr", ["num_layers": .integer(2)]),
                Variant(
                    "mtgrPlain",
                    "mtgr",
                    ["num_layers": .integer(2), "group_norm": .bool(false), "tokens": crossFeatures(false)]
                ),
                Variant("shownOrder", "shown-order"),
                Variant("shownRepeats", "shown-order", ["repeats": .integer(7)]),
            ]

        private static func crossFeatures(_ value: Bool) -> JSONValue { .object(["cross_features": .bool(value)]) }

        /// DiffusionGS as the reference has it.
        static func gs(_ name: String, _ changes: [String: JSONValue] = [:]) -> Variant {
            let settings: [String: JSONValue] = [
                "steps": .integer(5), "beta_start": .number(0.05), "beta_end": .number(0.3),
                "constraint_loss_weight": .number(0.4),
            ]
            return Variant(name, "diffusion-gs", settings.merging(changes) { $1 })
        }
    }

    /// The reference's weights and inputs for one variant.
    struct Golden {
        let file: SafetensorsFile
        let model: any QueryRanker
        let batch: QueryBatch
        let name: String
        /// Where there is a candidate.
        let real: Tensor

        init(_ variant: Variant, _ changes: [String: JSONValue] = [:]) throws {
            (file, name) = (try fixture("search"), variant.name)
            let entry = try ModelRegistry.builtin.entry(variant.model)
            var settings: [String: JSONValue] = [
                "embedding_size": .integer(6), "max_sequence_length": .integer(7), "dropout": .number(0),
                "purchase_loss_weight": .number(0.7),
                "tokens": .object([
                    "feature_embedding_size": .integer(3), "dropout": .number(0), "userIDs": .bool(true),
                    "sparse_gradients": .bool(false),
                    "text": .object(["buckets": .integer(12)]),
                ]),
                "head": .object(["hidden": .array([.integer(6), .integer(5)]), "dropout": .number(0)]),
            ]
            let defaults = try entry.specification().settings
            settings = settings.filter { defaults[$0.key] != .null }
            let chosen = JSONValue.object(settings).merged(with: .object(variant.settings.merging(changes) { $1 }))
            let made = try entry.specification(chosen).make(for: Self.data(file), using: Generator(seed: 1))
            model = try #require(made.queryRanker)
            let state = try model.state().filter { !$0.name.hasSuffix(".codes") }
            let shared = Set(file.names.filter { $0.hasPrefix("weight.") }.map { $0.dropFirst("weight.".count) })
            for part in state {
                let prefix = shared.contains(part.name[...]) ? "weight." : "\(name).weight."
                try Checkpoint.assign(file, to: [part], prefix: prefix)
            }
            try Rounding.disturb(model)
            let noise = Noise.fixed(
                integers: try file.tensor("input.steps"),
                normals: [0: try file.tensor("input.noise")]
            )
            batch = try QueryBatch(Self.host(file), noise: noise)
            real = try batch.candidates.greater(0)
        }

        private static func data(_ file: SafetensorsFile) throws -> DatasetShape {
            var data = DatasetShape(users: 4, items: 10)
            data.itemFeatures = try (0..<2).map {
                FeatureCodes("kind \($0)", try file.array("input.itemFeature.\($0)", as: Int32.self))
            }
            data.userFeatures = [FeatureCodes("age", try file.array("input.userFeature.0", as: Int32.self))]
            (data.contextSizes, data.shownFeatures) = ([2], ["price", "rank"])
            return data
        }

        private static func host(_ file: SafetensorsFile) throws -> QueryHostBatch {
            func whole(_ name: String) throws -> [Int32] { try file.array("input.\(name)", as: Int32.self) }
            var host = QueryHostBatch()
            (host.rows, host.length, host.width) = (4, 7, 4)
            (host.items, host.actions, host.historyQueries) = try (
                whole("items"), whole("actions"), whole("historyQueries")
            )
            host.times = try file.array("input.times", as: Int64.self)
            (host.lengths, host.users, host.queries) = try (whole("lengths"), whole("users"), whole("queries"))
            host.requestTimes = try file.array("input.requestTimes", as: Int64.self)
            (host.tokens, host.candidates, host.context) = try (whole("tokens"), whole("candidates"), whole("context"))
            let table = try file.entry("input.tokens").shape
            (host.queryCount, host.queryLength) = (table[0], table[1])
            host.clicks = try file.array("input.clicks", as: Float.self)
            host.purchases = try file.array("input.purchases", as: Float.self)
            host.shown = try file.array("input.shown", as: Float.self)
            return host
        }

        func expected(_ key: String) throws -> Tensor { try file.tensor("\(name).\(key)") }

        /// Log-odds of a click and of a purchase for every real candidate: `[M, 2]`.
        func odds(_ score: QueryPrediction) throws -> Tensor {
            try .stacked([score.clicks.masked(by: real), score.purchases.masked(by: real)], 1)
        }

        func scored() throws -> Tensor { try withoutGradients { try odds(model.predict(batch, .inference)) } }
    }

    @Test("scores at inference", arguments: Variant.all)
    func inference(_ variant: Variant) throws {
        let golden = try Golden(variant)
        try expect(golden.scored(), equals: golden.expected("expected.inference"))
    }

    @Test("scores at the end of a reverse process", arguments: ["ddpm", "ddim", "clean"])
    func chains(_ chain: String) throws {
        let changes: [String: JSONValue] =
            switch chain {
            case "ddpm": ["sampler": .object(["kind": .string("ddpm"), "noise": .string("none")])]
            case "ddim": ["sampler": .object(["kind": .string("ddim"), "steps": .integer(3)])]
            default: ["noised_start": .bool(false)]
            }
        for variant in [Variant.gs("gs"), .gs("gsToken", ["target": .string("token")])] {
            let golden = try Golden(variant, changes)
            try expect(golden.scored(), equals: golden.expected("expected.\(chain)"), variant.name)
        }
    }

    @Test(
        "scores while training, the terms of the loss, and the gradient of every parameter",
        arguments: Variant.all
    )
    func training(_ variant: Variant) throws {
        let golden = try Golden(variant)
        let score = try golden.model.predict(golden.batch, .training)
        try expect(golden.odds(score), equals: golden.expected("expected.training"))
        let terms = try score.terms(golden.batch, purchaseWeight: golden.model.purchaseWeight)
        for term in terms {
            try expect(term.loss.reshaped(1), equals: golden.expected("expected.loss.\(term.name)"), term.name)
        }
        let names = golden.file.names.filter { $0.hasPrefix("\(variant.name).expected.loss.") }
        #expect(names.count == terms.count)
        try terms.dropFirst().reduce(terms[0].loss) { try $0 + $1.loss }.backward()
        for parameter in try golden.model.parameters() {
            let gradient = try parameter.part.value.requiredGradient()
            try expect(gradient, equals: golden.expected("gradient.\(parameter.name)"), parameter.name)
        }
    }
}
