// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeDiffusion
import CascadeNN
import CascadeTensorFiles
import CascadeTorch
import TensorTestSupport
import Testing

@testable import CascadeRecommenders

/// Inputs and expectations that DreamRec's and DiffuRec's goldens share: three histories and four steps.
struct EuclideanGolden {
    static let steps = 4
    static let data = DatasetShape(users: 3, items: 20)
    static let samplers = [Sampler(), Sampler(.ddim, steps: 3), Sampler(.oneStep)]

    let file: SafetensorsFile
    let variant: String
    private let host: HostBatch

    /// One variant of a file of `make_goldens.py`.
    init(_ name: String, _ variant: String) throws {
        file = try fixture(name)
        self.variant = variant
        host = HostBatch(
            rows: 3,
            length: 6,
            items: try file.array("input.items", as: Int32.self),
            times: [Int64](repeating: 0, count: 18),
            lengths: try file.array("input.lengths", as: Int32.self),
            targets: try file.array("input.targets", as: Int32.self),
            users: [0, 1, 2]
        )
    }

    /// The batch with given noise: that of training, or that of a chain.
    func batch(_ normals: [Int: Tensor]) throws -> Batch {
        try Batch(host, noise: .fixed(integers: file.tensor("input.t"), normals: normals))
    }

    /// What a chain draws: its start, and the noise of leaving each step.
    func chain() throws -> [Int: Tensor] {
        var normals = [Self.steps + 1: try file.tensor("input.start")]
        for step in 2...Self.steps { normals[step] = try file.tensor("input.chain.\(step)") }
        return normals
    }

    func expected(_ name: String) throws -> Tensor { try file.tensor("\(variant).expected.\(name)") }

    /// Expects the loss of a training pass, its terms summed, to have these gradients.
    func expectGradients(_ loss: Tensor, of model: any Module, _ prefix: String = "") throws {
        try loss.backward()
        for parameter in try model.parameters() {
            let name = "\(variant).\(prefix)gradient.\(parameter.name)"
            guard file.names.contains(name) else {
                #expect(try parameter.part.value.gradient() == nil, "\(parameter.name)")
                continue
            }
            try expect(parameter.part.value.requiredGradient(), equals: file.tensor(name), parameter.name)
        }
    }
}

extension Objective {
    /// The full softmax of an output, its terms by name.
    fileprivate static func full(_ output: TrainingOutput, _ model: any VectorRetriever, _ targets: Tensor) throws
        -> [String: Tensor]
    {
        var random = SplitMix64(seed: 1)
        let sampler = UniformNegatives(itemCount: 20)
        let terms = try Objective().terms(output, of: model, targets: targets, sampler: sampler, using: &random)
        return Dictionary(uniqueKeysWithValues: terms.map { ($0.name, $0.loss) })
    }
}

@Suite("DreamRec against the reference", .rounding)
struct DreamRecGoldenTests {
    private func model(_ golden: EuclideanGolden, _ change: (inout DreamRec.Configuration) -> Void = { _ in }) throws
        -> DreamRec
    {
        var c = DreamRec.Configuration()
        (c.embeddingSize, c.maxSequenceLength, c.ffnSize, c.dropout, c.steps) = (8, 6, 16, 0, EuclideanGolden.steps)
        c.denoiser = golden.variant == "mlp" ? .mlp : .linear
        c.normalized = golden.variant == "normalised"
        change(&c)
        try c.validate()
        let model = try DreamRec(c, for: EuclideanGolden.data, using: Generator(seed: 1))
        try Checkpoint.assign(golden.file, to: model.state(), prefix: "\(golden.variant).weight.")
        try Rounding.disturb(model)
        return model
    }

    private func batch(_ golden: EuclideanGolden) throws -> Batch {
        let noise = try golden.file.tensor("input.noise")
        return try golden.batch([0: noise, EuclideanGolden.steps + 2: golden.file.tensor("input.condition")])
    }

    @Test("the published loss and its gradients, then with the ranking", arguments: ["linear", "mlp", "normalised"])
    func losses(_ variant: String) throws {
        let golden = try EuclideanGolden("dreamrec", variant)
        let batch = try batch(golden)
        let published = try model(golden)
        try expect(published.guidance(batch, .inference), equals: golden.expected("guidance"))
        let output = try published.trainingOutput(batch)
        #expect(output.predictions.isEmpty && output.terms.map(\.name) == ["reconstruction"])
        try expect(output.terms[0].loss.item(), equals: golden.expected("reconstruction").item())
        try golden.expectGradients(output.terms[0].loss, of: published)

        let ranked = try model(golden) { $0.rankingLossWeight = 0.5 }
        let second = try ranked.trainingOutput(batch)
        try expect(second.vectors, equals: golden.expected("estimate"))
        let terms = try Objective.full(second, ranked, batch.targets)
        let (ranking, reconstruction) = try (#require(terms["ranking"]), #require(terms["reconstruction"]))
        try expect(ranking.item(), equals: golden.expected("ranking").item() / 2)
        try golden.expectGradients(ranking + reconstruction, of: ranked, "ranked.")
    }

    @Test(
        "the reverse process",
        arguments: ["linear", "mlp", "normalised"],
        EuclideanGolden.samplers
    )
    func chains(_ variant: String, _ sampler: Sampler) throws {
        let golden = try EuclideanGolden("dreamrec", variant)
        let names = [Sampler.Kind.ddpm: "ddpm", .ddim: "ddim", .oneStep: "oneStep"]
        for weight in [0.0, 2.0] {
            let model = try model(golden) { ($0.sampler, $0.guidanceScale) = (sampler, weight) }
            let user = try model.userVectors(golden.batch(golden.chain())).squeezed(1)
            let name = try "\(#require(names[sampler.kind])).\(Int(weight))"
            try expect(user, equals: golden.expected(name), within: 2e-5, name)
        }
    }

    @Test("a chain draws noise for leaving each step but the last")
    func noise() throws {
        let golden = try EuclideanGolden("dreamrec", "linear")
        let model = try model(golden)
        let all = try golden.chain()
        let user = try model.userVectors(golden.batch(all)).floats()
        for stream in 0...EuclideanGolden.steps + 1 {
            var some = all
            some[stream] = try Tensor.ones([3, 8])
            let isDrawn = try model.userVectors(golden.batch(some)).floats() != user
            #expect(isDrawn == (stream > 1), "stream \(stream)")
        }
    }
}

@Suite("DreamRec's parts")
struct DreamRecPartsTests {
    static let subject = Subject(entry: ModelEntry(DreamRec.self))

    @Test(
        "guided estimates are (1 + w) times the conditional minus w times the unconditional, and the conditional for w = 0",
        arguments: [DreamRec.Network.linear, .mlp],
        [0.0, 0.5, 4.0]
    )
    func guidance(_ network: DreamRec.Network, _ weight: Double) throws {
        let generator = try Generator(seed: 2)
        let denoiser = try DreamRecDenoiser(8, network, using: generator)
        let (x, h) = (try Tensor.normal([5, 8], using: generator), try Tensor.normal([5, 8], using: generator))
        let null = try Tensor.normal([8], using: generator)
        let guided = try denoiser.guided(by: h, over: null, weight: weight, steps: [7, 3])
        for step in [3, 7] {
            let steps = try Tensor.full([5], Double(step), .int64)
            let conditional = try denoiser(x, h, steps)
            let unconditional = try denoiser(x, null.expanded([5, 8]), steps)
            let expected = weight == 0 ? conditional : try conditional * (1 + weight) - unconditional * weight
            try expect(guided(x, step), equals: expected)
            #expect(try conditional.floats() != unconditional.floats())
        }
        #expect(throws: TorchError.self) { try guided(x, 4) }
    }

    @Test("the guidance of a share of the training rows is the null vector", arguments: [0.1, 0.4])
    func nullProbability(_ probability: Double) throws {
        var c = DreamRec.Configuration()
        (c.embeddingSize, c.steps, c.rankingLossWeight, c.nullProbability) = (8, 4, 1, probability)
        let model = try DreamRec(c, for: Subject.data, using: Generator(seed: 1))
        // A denoiser that answers with its guidance, and a null vector that stands out.
        let identity = try Tensor.range(0..<8).oneHot(8).to(.float32)
        let answer = try Tensor.concatenated([.zeros([8, 8]), identity, .zeros([8, 8])], 1)
        try model.denoiser.input.weight.value.assign(answer)
        try model.null.value.fill(1000)
        let rows = (0..<4000).map { History(user: Int32($0), items: [1, 2], times: [0, 0], target: 3) }
        let batch = try Batch(HostBatch(rows, .right, .prefixes), noise: .drawn(Generator(seed: 3)))
        let isNull = try model.trainingOutput(batch).vectors.greater(500).to(.float32)
        let share = try isNull.mean().item()
        #expect(abs(share - probability) < 0.03, "\(share)")
        #expect(try isNull.min(1).floats() == isNull.max(1).floats(), "a row is replaced as a whole")
    }

    @Test("learns one batch by heart from the published loss alone")
    func reconstruction() throws {
        let learner = try Self.subject.learner(["ranking_loss_weight": .number(0), "normalized": .bool(true)])
        let losses = try learner.train(History.rows, steps: 300)
        let last = losses.suffix(20).reduce(0, +) / 20
        #expect(last < losses[0] / 5, "the loss fell from \(losses[0]) to \(last) only")
        for (history, scores) in zip(History.rows, try learner.scores(History.rows)) {
            #expect(scores.max() == scores[Int(history.target) - 1], "the target does not rank first")
        }
    }

    @Test("a stopped gradient leaves an item that is a target alone as it is")
    func stopGradient() throws {
        for stops in [false, true] {
            let changes: [String: JSONValue] = ["stop_gradient": .bool(stops), "ranking_loss_weight": .number(0)]
            let learner = try Self.subject.learner(changes)
            let rows = [History(user: 1, items: [1, 2], times: [0, 0], target: 3)]
            try learner.loss(learner.host(rows), seed: 1).backward()
            let table = try #require(try learner.model.parameters().first { $0.name == "items.weight" }).part
            let gradient = try table.value.requiredGradient()
            #expect(try gradient.selected(0, 3).floats().allSatisfy { $0 == 0 } == stops)
            #expect(try gradient.selected(0, 2).floats().contains { $0 != 0 })
        }
    }

    @Test("normalized items have mean 0 and variance 1 wherever they are used")
    func normalized() throws {
        let model = try #require(try Self.subject.model(["normalized": .bool(true)]) as? DreamRec)
        let vectors = try model.itemVectors()
        try expect(vectors.mean(1), [Double](repeating: 0, count: 20))
        try expect(vectors.square().mean(1), [Double](repeating: 1, count: 20), within: 1e-3)
        try expect(model.itemVectors(Tensor([Int64(4), 0])), equals: vectors.rows(Tensor([Int64(4), 0])))
    }

    @Test("settings that cannot work are refused by name")
    func refusals() throws {
        let wrong: [(String, JSONValue)] = [
            ("embedding_size", .integer(7)), ("guidance_scale", .number(-1)), ("null_probability", .number(0)),
            ("ranking_loss_weight", .number(-1)), ("dropout", .number(1)), ("beta_end", .number(1)),
        ]
        for (key, value) in wrong {
            let error = #expect(throws: ConfigurationError.self) {
                try Self.subject.entry.specification(.object([key: value]))
            }
            #expect(try #require(error).description.contains(key), "\(key)")
        }
        _ = try Self.subject.entry.specification(
            .object(["guidance_scale": .integer(0), "null_probability": .integer(0)])
        )
    }
}

@Suite("The papers' defects, switched on")
struct PaperCompatibleTests {
    static let subjects = [DreamRecPartsTests.subject, DiffuRecTests.subject]

    private func learner(_ subject: Subject, _ isOn: Bool) throws -> Learner {
        try subject.learner(["paper_compatible": .bool(isOn), "dropout": .number(0.5)])
    }

    @Test("change the answers, of a full history as well only where dropout is on", arguments: subjects)
    func changes(_ subject: Subject) throws {
        let (off, on) = (try learner(subject, false), try learner(subject, true))
        let (short, full) = (History.rows[2], History.rows[3])
        #expect(full.items.count == on.model.length)
        #expect(try on.scores([short]) != off.scores([short]))
        #expect(try (on.scores([full]) == off.scores([full])) == (subject.entry.card.name == "diffurec"))
    }

    @Test(
        "leave the contract: the same when asked again, with more padding, in other company",
        .rounding,
        arguments: subjects
    )
    func contract(_ subject: Subject) throws {
        let learner = try learner(subject, true)
        let rows = History.rows.filter { $0.items.count <= 5 }
        let scores = try learner.scores(rows)
        #expect(try learner.scores(rows) == scores)
        for columns in [6, learner.model.length] {
            try expect(learner.scores(rows, columns: columns).flatMap { $0 }, equal: scores.flatMap { $0 })
        }
        for (history, expected) in zip(rows, scores) { try expect(learner.scores([history])[0], equal: expected) }
    }

    @Test("dropout at inference drops its share, keyed by user, and nothing without the switch")
    func dropout() throws {
        let keys = try Tensor((0..<500).map(Int64.init))
        let mask = try Noise.keyed(keys).mask(rows: 500, [4, 10], dropping: 0.1, stream: 3)
        #expect(try Set(mask.floats()) == [0, 1])
        #expect(abs(try mask.mean().item() - 0.9) < 0.01)
        #expect(try mask.sliced(0, to: 5).floats() != mask.sliced(0, from: 5, to: 10).floats())
        let again = try Noise.keyed(keys.sliced(0, from: 7, to: 8)).mask(rows: 1, [4, 10], dropping: 0.1, stream: 3)
        #expect(try again.floats() == mask.selected(0, 7).floats())
    }
}
