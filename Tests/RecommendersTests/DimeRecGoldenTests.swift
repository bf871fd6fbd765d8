// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeDiffusion
import CascadeNN
import CascadeTensorFiles
import CascadeTorch
import TensorTestSupport
import Testing

@testable import CascadeRecommenders

/// DimeRec against `Fixtures/reference_dimerec.py`, which takes one history at a time.
@Suite("DimeRec against the reference", .rounding)
struct DimeRecGoldenTests {
    /// A setting that the reference was run with.
    struct Variant: Sendable, CustomTestStringConvertible {
        let name: String
        let change: @Sendable (inout DimeRec.Configuration) -> Void
        var testDescription: String { name }

        static let all = [
            Variant(name: "selfAttentive") { _ in },
            Variant(name: "routed") {
                ($0.guidance, $0.guidanceLossWeight, $0.rankingLossWeight, $0.reconstructionLossWeight) = (
                    .routed, 0.5, 2, 1
                )
            },
            Variant(name: "sasrec") { ($0.guidance, $0.numLayers) = (.sasrec, 1) },
            Variant(name: "mlp") { $0.guidance = .mlp },
            Variant(name: "rule") { $0.guidance = .rule },
            Variant(name: "encoded") {
                ($0.numLayers, $0.residual, $0.walkScale) = (1, true, .quarterTurn)
                ($0.rankedState, $0.learnsTemperature) = (.terminal, true)
            },
            Variant(name: "literal") { ($0.sphere, $0.walkScale) = (.literal, .literal) },
            Variant(name: "euclidean") { ($0.sphere, $0.walk) = (.none, .euclidean) },
            Variant(name: "euclideanUnit") { $0.walk = .euclidean },
        ]
    }

    /// The reference's sizes, weights, inputs and random numbers under one of its settings.
    struct Golden {
        let file: SafetensorsFile
        let model: DimeRec
        let batch: Batch
        let name: String

        init(_ variant: Variant) throws {
            file = try fixture("dimerec")
            name = variant.name
            var c = DimeRec.Configuration()
            (c.embeddingSize, c.maxSequenceLength, c.numInterests, c.steps, c.dropout) = (8, 6, 3, 4, 0)
            (c.guidance, c.numLayers, c.sphere, c.walk, c.walkScale) = (.selfAttentive, 0, .unit, .geodesic, .unit)
            (c.residual, c.rankedState, c.temperature, c.learnsTemperature) = (false, .noised, 0.1, false)
            (c.guidanceLossWeight, c.reconstructionLossWeight, c.rankingLossWeight) = (1, 0.1, 1)
            variant.change(&c)
            try c.validate()
            model = try DimeRec(c, for: DatasetShape(users: 4, items: 12), using: Generator(seed: 1))
            try Checkpoint.assign(file, to: model.state(), prefix: "\(name).weight.")
            try Rounding.disturb(model)
            let host = HostBatch(
                rows: 4,
                length: 6,
                items: try file.array("input.items", as: Int32.self),
                times: [Int64](repeating: 0, count: 24),
                lengths: try file.array("input.lengths", as: Int32.self),
                targets: try file.array("input.targets", as: Int32.self),
                users: [0, 1, 2, 3]
            )
            let normals = try file.tensor("input.normals")
            let streams = try (0..<normals.size(0)).map { ($0, try normals.selected(0, $0)) }
            let steps = try file.tensor("input.t").to(.int64)
            batch = try Batch(
                host,
                noise: .fixed(integers: steps, normals: Dictionary(uniqueKeysWithValues: streams))
            )
        }

        func expected(_ key: String) throws -> Tensor { try file.tensor("\(name).\(key)") }
    }

    @Test("guidance, estimate, every loss and the gradient of every parameter", arguments: Variant.all)
    func training(_ variant: Variant) throws {
        let golden = try Golden(variant)
        let (model, batch, c) = (golden.model, golden.batch, golden.model.configuration)
        try expect(model.interests(batch, .training), equals: golden.expected("expected.interests"))
        let output = try model.trainingOutput(batch)
        #expect(output.predictions.map(\.name) == ["guidance", "ranking"])
        let temperature = try model.logTemperature?.value.exp().item() ?? c.temperature
        let estimate = try output.predictions[1].vectors * (c.sphere == .unit ? temperature : 1)
        try expect(estimate, equals: golden.expected("expected.estimate"))
        var random = SplitMix64(seed: 1)
        let sampler = UniformNegatives(itemCount: 12)
        let terms = try Objective().terms(output, of: model, targets: batch.targets, sampler: sampler, using: &random)
        #expect(terms.map(\.name) == ["guidance", "ranking", "reconstruction"])
        let weights = [c.guidanceLossWeight, c.rankingLossWeight, c.reconstructionLossWeight]
        for ((term, weight), key) in zip(zip(terms, weights), ["guidance", "ranking", "error"]) {
            try expect(term.loss.item(), equals: golden.expected("expected.\(key)").item() * weight, key)
        }
        let total = try terms.dropFirst().reduce(terms[0].loss) { try $0 + $1.loss }
        try expect(total.item(), equals: golden.expected("expected.total").item())
        try total.backward()
        for parameter in try model.parameters() {
            let gradient = try parameter.part.value.requiredGradient()
            try expect(gradient, equals: golden.expected("gradient.\(parameter.name)"), parameter.name)
        }
    }

    @Test(
        "the reverse process with its noise",
        arguments: Variant.all,
        [("ddpm", Sampler()), ("ddim", Sampler(.ddim, steps: 3)), ("oneStep", Sampler(.oneStep))]
    )
    func reverse(_ variant: Variant, _ sampler: (name: String, value: Sampler)) throws {
        let golden = try Golden(
            Variant(name: variant.name) {
                variant.change(&$0)
                ($0.sampler, $0.readout) = (sampler.value, .diffusion)
            }
        )
        let users = try golden.model.userVectors(golden.batch)
        #expect(users.shape == [4, 1, 8])
        try expect(users.squeezed(1), equals: golden.expected("expected.\(sampler.name)"), within: 2e-5)
    }
}
