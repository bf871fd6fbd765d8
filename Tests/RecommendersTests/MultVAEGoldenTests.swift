// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeNN
import CascadeTensorFiles
import CascadeTorch
import TensorTestSupport
import Testing

@testable import CascadeRecommenders

/// Mult-VAE with given weights; expected values were computed in float64 (see `Fixtures/make_goldens.py`).
@Suite("mult-vae against the reference", .rounding)
struct MultVAEGoldenTests {
    let file: SafetensorsFile
    let model: MultVAE
    let host: HostBatch

    init() throws {
        file = try fixture("multvae")
        var configuration = MultVAE.Configuration()
        (configuration.hiddenSize, configuration.latentSize, configuration.dropout) = (6, 3, 0)
        configuration.annealingSteps = 100
        model = try MultVAE(configuration, for: DatasetShape(users: 3, items: 20), using: Generator(seed: 1))
        try Checkpoint.assign(file, to: model.state(), prefix: "weight.")
        try Rounding.disturb(model)
        host = HostBatch(
            rows: 3,
            length: 5,
            items: try file.array("input.items", as: Int32.self),
            times: [Int64](repeating: 0, count: 15),
            lengths: try file.array("input.lengths", as: Int32.self),
            targets: try file.array("input.targets", as: Int32.self),
            users: [0, 1, 2]
        )
    }

    @Test("the scores of the whole catalog, from the mean of the latent state")
    func scores() throws {
        try expect(model.scores(Batch(host, noiseSeed: 1)), equals: file.tensor("expected.scores").to(.float64))
    }

    @Test("both terms of the loss, and the gradient of every parameter")
    func loss() throws {
        let noise = Noise.fixed(integers: try .zeros([3], .int64), normals: [0: try file.tensor("input.noise")])
        let output = try model.trainingOutput(Batch(host, noise: noise))
        #expect(output.predictions.isEmpty && output.terms.map(\.name) == ["reconstruction", "kl"])
        for (name, loss) in output.terms {
            try expect(loss.item(), equals: file.tensor("expected.\(name)").item(), name)
        }
        try (output.terms[0].loss + output.terms[1].loss).backward()
        for parameter in try model.parameters() {
            try expect(
                parameter.part.value.requiredGradient(),
                equals: file.tensor("gradient.\(parameter.name)"),
                parameter.name
            )
        }
    }

    @Test("the weight of the divergence grows with the steps, up to its largest")
    func annealing() throws {
        let noise = Noise.fixed(integers: try .zeros([3], .int64), normals: [0: try file.tensor("input.noise")])
        let batch = try Batch(host, noise: noise)
        func divergence(after steps: Double) throws -> Double {
            try model.steps.value.fill(steps)
            let loss = try model.trainingOutput(batch).terms[1].loss.item()
            #expect(try model.steps.value.item() == steps + 1)
            return loss
        }
        #expect(try divergence(after: 0) == 0)
        let once = try divergence(after: 10)
        try expect(divergence(after: 5), equals: once / 2)
        try expect(divergence(after: 20), equals: once * 2)
        try expect(divergence(after: 5_000), equals: once * 2)
    }

    @Test("an item counts once, however often it occurs, and its place does not matter")
    func sets() throws {
        func scores(_ items: [Int32]) throws -> [Double] {
            let host = HostBatch(
                rows: 1,
                length: items.count,
                items: items,
                times: items.map { _ in 0 },
                lengths: [Int32(items.count { $0 != 0 })],
                targets: [1],
                users: [0]
            )
            return try model.scores(Batch(host, noiseSeed: 1)).doubles()
        }
        let plain = try scores([3, 7, 9])
        #expect(try scores([9, 3, 7, 3, 3, 0]) == plain)
        #expect(try scores([3, 7, 10]) != plain)
    }
}
