// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeNN
import CascadeTensorFiles
import CascadeTorch
import TensorTestSupport
import Testing

@testable import CascadeRecommenders

/// ComiRec and MIND against `Fixtures/reference_multi_interest.py`, which takes one history at a time.
@Suite("ComiRec and MIND against the reference", .rounding)
struct MultiInterestGoldenTests {
    private static let models: [(key: String, name: String, settings: [String: JSONValue])] = [
        ("sa", "comirec-sa", ["hidden": .integer(16)]), ("dr", "comirec-dr", [:]),
        ("drPosition", "comirec-dr", ["maps": .string("position")]), ("mind", "mind", [:]),
        ("mindSoft", "mind", ["attention": .string("soft"), "power": .number(2), "output_layer": .bool(true)]),
    ]

    @Test("interests, read-out, scores, the loss and the gradient of every parameter", arguments: models)
    func golden(_ key: String, _ name: String, _ settings: [String: JSONValue]) throws {
        let file = try fixture("multi-interest")
        let sizes: [String: JSONValue] = ["width": .integer(8), "length": .integer(12), "interests": .integer(3)]
        let made = try ModelRegistry.builtin.entry(name)
            .specification(.object(settings.merging(sizes) { $1 }))
            .make(for: DatasetShape(users: 4, items: 20), using: Generator(seed: 1))
        let model = try #require(made.vectorRetriever)
        try Checkpoint.assign(file, to: model.state(), prefix: "\(key).weight.")
        try Rounding.disturb(model)
        let host = HostBatch(
            rows: 4,
            length: 12,
            items: try file.array("input.items", as: Int32.self),
            times: [Int64](repeating: 0, count: 48),
            lengths: try file.array("input.lengths", as: Int32.self),
            targets: try file.array("input.targets", as: Int32.self),
            users: [0, 1, 2, 3]
        )
        let batch = try Batch(host, noise: .drawn(Generator(seed: 1)))
        func expected(_ name: String) throws -> Tensor { try file.tensor("\(key).\(name)") }
        try expect(model.userVectors(batch), equals: expected("expected.user"))
        try expect(model.scores(batch), equals: expected("expected.scores"))
        let output = try model.trainingOutput(batch)
        #expect(output.terms.isEmpty)
        try expect(output.vectors, equals: expected("expected.chosen"))
        var random = SplitMix64(seed: 1)
        let sampler = UniformNegatives(itemCount: 20)
        let terms = try Objective().terms(output, of: model, targets: batch.targets, sampler: sampler, using: &random)
        try expect(terms[0].loss.item(), equals: expected("expected.loss").item())
        try terms[0].loss.backward()
        for parameter in try model.parameters() {
            let gradient = try parameter.part.value.requiredGradient()
            try expect(gradient, equals: expected("gradient.\(parameter.name)"), parameter.name)
        }
    }
}
