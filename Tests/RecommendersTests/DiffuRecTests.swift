// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeDiffusion
import CascadeNN
import CascadeTorch
import TensorTestSupport
import Testing

@testable import CascadeRecommenders

@Suite("DiffuRec against the reference", .rounding)
struct DiffuRecGoldenTests {
    private func model(_ golden: EuclideanGolden, _ change: (inout DiffuRec.Configuration) -> Void = { _ in }) throws
        -> DiffuRec
    {
        var c = DiffuRec.Configuration()
        (c.embeddingSize, c.maxSequenceLength, c.ffnSize, c.numHeads, c.numLayers, c.steps) = (
            8, 6, 16, 2, 2, EuclideanGolden.steps
        )
        (c.dropout, c.inputDropout, c.uncertainty) = (0, 0, .init(mean: 0.3, standardDeviation: 0.2))
        (c.positions, c.paperCompatible) = (golden.variant == "positions", golden.variant == "paper")
        change(&c)
        try c.validate()
        let model = try DiffuRec(c, for: EuclideanGolden.data, using: Generator(seed: 1))
        try Checkpoint.assign(golden.file, to: model.state(), prefix: "\(golden.variant).weight.")
        try Rounding.disturb(model)
        return model
    }

    /// All noise: of training and its lambda, of a chain and its lambdas.
    private func normals(_ golden: EuclideanGolden) throws -> [Int: Tensor] {
        var normals = try golden.chain()
        normals[0] = try golden.file.tensor("input.noise")
        for step in 0...EuclideanGolden.steps {
            normals[EuclideanGolden.steps + 2 + step] = try golden.file.tensor("input.lambda.\(step)")
        }
        return normals
    }

    @Test("the estimate, the loss and the gradient of every parameter", arguments: ["plain", "positions", "paper"])
    func losses(_ variant: String) throws {
        let golden = try EuclideanGolden("diffurec", variant)
        let model = try model(golden)
        let batch = try golden.batch(normals(golden))
        let output = try model.trainingOutput(batch)
        #expect(output.terms.isEmpty)
        try expect(output.vectors, equals: golden.expected("estimate"))
        let loss = try catalogCrossEntropy(output.vectors, model.itemVectors(), targets: batch.targets)
        try expect(loss.item(), equals: golden.expected("loss").item())
        try golden.expectGradients(loss, of: model)
    }

    @Test("the reverse process", arguments: ["plain", "positions", "paper"], EuclideanGolden.samplers)
    func chains(_ variant: String, _ sampler: Sampler) throws {
        let golden = try EuclideanGolden("diffurec", variant)
        let names = [Sampler.Kind.ddpm: "ddpm", .ddim: "ddim", .oneStep: "oneStep"]
        let user = try model(golden) { $0.sampler = sampler }.userVectors(golden.batch(normals(golden)))
        try expect(user.squeezed(1), equals: golden.expected(#require(names[sampler.kind])), within: 2e-5)
    }

    @Test(
        "a chain passes through the steps that its sampler visits, and through no others",
        arguments: [
            (Sampler(), [4, 3, 2, 1]), (Sampler(.ddim, steps: 3), [4, 2, 1]), (Sampler(.oneStep), [4]),
        ]
    )
    func visits(_ sampler: Sampler, _ steps: [Int]) throws {
        let golden = try EuclideanGolden("diffurec", "plain")
        let model = try model(golden) { $0.sampler = sampler }
        let all = try normals(golden)
        let user = try model.userVectors(golden.batch(all)).floats()
        for step in 0...EuclideanGolden.steps {
            var some = all
            some[EuclideanGolden.steps + 2 + step] = try Tensor.ones([3, 6, 8])
            let isVisited = try model.userVectors(golden.batch(some)).floats() != user
            #expect(isVisited == steps.contains(step), "step \(step)")
        }
    }
}

@Suite("DiffuRec's parts")
struct DiffuRecTests {
    static let subject = Subject(entry: ModelEntry(DiffuRec.self))

    private func model(_ change: (inout DiffuRec.Configuration) -> Void) throws -> DiffuRec {
        var c = DiffuRec.Configuration()
        (c.embeddingSize, c.maxSequenceLength, c.ffnSize, c.numLayers, c.steps) = (16, 12, 32, 2, 6)
        change(&c)
        try c.validate()
        return try DiffuRec(c, for: Subject.data, using: Generator(seed: 1))
    }

    @Test("lambda has its mean and deviation, differs between steps and users, and follows from the user")
    func lambda() throws {
        let model = try model { $0.uncertainty = .init(mean: 0.5, standardDeviation: 0.2) }
        let rows = (0..<50).map { History(user: Int32($0), items: Array(1...12), times: [], target: 3) }
        let host = HostBatch(
            rows: 50,
            length: 12,
            items: rows.flatMap(\.items),
            times: [Int64](repeating: 0, count: 600),
            lengths: [Int32](repeating: 12, count: 50),
            targets: [Int32](repeating: 3, count: 50),
            users: rows.map(\.user)
        )
        func lambda(_ batch: Batch, stream: Int) throws -> Tensor {
            let history = try model.history(batch, .inference)
            let (x, steps) = (try Tensor.full([50, 16], 100), try Tensor.full([1], 3, .int64))
            let added = try x + model.step(steps.to(.float32) * (1000 / 6.0))
            return try (model.mix(history, x, steps, batch, stream: stream) - history.items) / added.unsqueezed(1)
        }
        for batch in [try Batch(host, noiseSeed: 7), try Batch(host, noise: .drawn(Generator(seed: 1)))] {
            let first = try lambda(batch, stream: 9)
            #expect(abs(try first.mean().item() - 0.5) < 0.01)
            #expect(abs(try first.reshaped(-1).deviation().item() - 0.2) < 0.01)
            let second = try lambda(batch, stream: 10)
            let (a, b) = (try first - first.mean(), try second - second.mean())
            let correlation = try (a * b).mean().item() / 0.04
            #expect(abs(correlation) < 0.05, "\(correlation)")
            #expect(try first.selected(0, 0).floats() != first.selected(0, 1).floats())
            guard case .keyed = batch.noise else { continue }
            #expect(try lambda(batch, stream: 9).floats() == first.floats())
        }
        let none = try self.model { $0.uncertainty = .init(mean: 0.25, standardDeviation: 0) }
        let batch = try Batch(host, noiseSeed: 7)
        let (history, x) = (try none.history(batch, .inference), try Tensor.full([50, 16], 100))
        let steps = try Tensor.full([1], 3, .int64)
        let added = try x + none.step(steps.to(.float32) * (1000 / 6.0))
        let mixed = try none.mix(history, x, steps, batch, stream: 9)
        try expect(mixed, equals: history.items + added.unsqueezed(1) * 0.25)
    }

    @Test("the order of earlier items matters with positions alone")
    func order() throws {
        let rows = [[1, 2, 3, 4], [3, 1, 2, 4], [1, 2, 4, 3]].map {
            History(user: 5, items: $0.map { Int32($0) }, times: [0, 0, 0, 0], target: 9)
        }
        for positions in [false, true] {
            let model = try model { ($0.positions, $0.uncertainty.standardDeviation) = (positions, 0) }
            let scores = try Learner(model).scores(rows)
            let distance = zip(scores[0], scores[1]).map { abs($0 - $1) }.max() ?? 0
            #expect((distance < 1e-4) == !positions, "\(distance)")
            #expect((zip(scores[0], scores[2]).map { abs($0 - $1) }.max() ?? 0) > 1e-3, "the last item matters always")
        }
    }

    @Test("without lambda the noise never enters")
    func withoutLambda() throws {
        let model = try model { $0.uncertainty = .init(mean: 0, standardDeviation: 0) }
        let host = HostBatch(History.rows, .right, .prefixes)
        #expect(
            try model.scores(Batch(host, noiseSeed: 1)).floats() == model.scores(Batch(host, noiseSeed: 2)).floats()
        )
    }

    @Test("settings that cannot work are refused by name")
    func refusals() throws {
        let wrong: [(String, JSONValue)] = [
            ("embedding_size", .integer(7)), ("num_heads", .integer(3)), ("input_dropout", .number(1)),
            ("steps", .integer(0)),
            ("uncertainty", .object(["standard_deviation": .number(-1)])), ("num_layers", .integer(0)),
            ("initializer_std", .number(0)),
        ]
        for (key, value) in wrong {
            let error = #expect(throws: ConfigurationError.self) {
                try Self.subject.entry.specification(.object([key: value]))
            }
            #expect(try #require(error).description.contains(key), "\(key)")
        }
    }
}
