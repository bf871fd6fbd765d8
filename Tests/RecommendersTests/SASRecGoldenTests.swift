// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeNN
import CascadeTensorFiles
import CascadeTorch
import TensorTestSupport
import Testing

@testable import CascadeRecommenders

/// SASRec with given weights; expected values were computed in float64 (see `Fixtures/make_goldens.py`).
@Suite("SASRec against the reference", .rounding)
struct SASRecGoldenTests {
    let file: SafetensorsFile
    let model: SASRec
    let host: HostBatch

    init() throws {
        file = try fixture("sasrec")
        var configuration = SASRec.Configuration()
        (configuration.embeddingSize, configuration.maxSequenceLength, configuration.ffnSize) = (8, 12, 32)
        configuration.dropout = 0
        model = try SASRec(configuration, for: DatasetShape(users: 3, items: 20), using: Generator(seed: 1))
        try Checkpoint.assign(file, to: model.state(), prefix: "weight.")
        try Rounding.disturb(model)
        host = HostBatch(
            rows: 3,
            length: 12,
            items: try file.array("input.items", as: Int32.self),
            times: [Int64](repeating: 0, count: 36),
            lengths: try file.array("input.lengths", as: Int32.self),
            targets: try file.array("input.targets", as: Int32.self),
            users: [0, 1, 2]
        )
    }

    @Test("vectors at every real position")
    func vectors() throws {
        let batch = try Batch(host, noiseSeed: 1)
        let isReal = try batch.items.notEqual(0).to(.float32).unsqueezed(2)
        let found = try model.encode(batch.items, .inference) * isReal
        try expect(found, equals: file.tensor("expected.vectors"))
    }

    @Test("the user's vector and the scores")
    func scores() throws {
        let batch = try Batch(host, noiseSeed: 1)
        try expect(model.userVectors(batch).squeezed(1), equals: file.tensor("expected.user"))
        try expect(model.scores(batch), equals: file.tensor("expected.scores"))
    }

    @Test("the loss and the gradient of every parameter")
    func loss() throws {
        let batch = try Batch(host, noise: .drawn(Generator(seed: 1)))
        let output = try model.trainingOutput(batch)
        #expect(output.terms.isEmpty)
        var random = SplitMix64(seed: 1)
        let terms = try Objective().terms(
            output,
            of: model,
            targets: batch.targets,
            sampler: UniformNegatives(itemCount: 20),
            using: &random
        )
        #expect(terms.map(\.name) == ["main"])
        let loss = terms[0].loss
        try expect(loss.item(), equals: file.tensor("expected.loss").item())
        try loss.backward()
        for parameter in try model.parameters() {
            try expect(
                parameter.part.value.requiredGradient(),
                equals: file.tensor("gradient.\(parameter.name)"),
                parameter.name
            )
        }
    }
}
