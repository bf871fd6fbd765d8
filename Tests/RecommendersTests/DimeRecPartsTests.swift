// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeDiffusion
import CascadeNN
import CascadeTorch
import TensorTestSupport
import Testing

@testable import CascadeRecommenders

@Suite("Parts of DimeRec")
struct DimeRecPartsTests {
    private func model(_ change: (inout DimeRec.Configuration) -> Void = { _ in }) throws -> DimeRec {
        var c = DimeRec.Configuration()
        (c.embeddingSize, c.maxSequenceLength, c.numInterests, c.steps, c.dropout) = (8, 12, 3, 5, 0)
        change(&c)
        try c.requireValid("model")
        return try DimeRec(c, for: Subject.data, using: Generator(seed: 1))
    }

    private let host = HostBatch(History.rows, .left, .prefixes)

    private func training(seed: UInt64 = 1) throws -> Batch { try Batch(host, noise: .drawn(Generator(seed: seed))) }

    private func inference() throws -> Batch { try Batch(host, noiseSeed: 7) }

    private func lengths(_ x: Tensor) throws -> [Double] { try x.norm(-1).doubles() }

    // MARK: - Guidance

    @Test("the latest items are the last K of the history; a shorter history repeats its latest")
    func latestItems() throws {
        // [2, 3, 1]: one padded position, then 5 and 7; three items.
        let items = try Tensor([0, 5, 7, 1, 2, 3] as [Float], shape: [2, 3, 1])
        let mask = try Tensor([0, 1, 1, 1, 1, 1] as [Float], shape: [2, 3])
        func found(_ count: Int) throws -> Tensor { try LatestItems(count: count)(items, mask, .inference) }
        try expect(found(1), [7, 3], shape: [2, 1, 1])
        try expect(found(2), [5, 7, 2, 3], shape: [2, 2, 1])
        try expect(found(3), [7, 5, 7, 1, 2, 3], shape: [2, 3, 1])
        try expect(found(5), [7, 7, 7, 5, 7, 3, 3, 1, 2, 3], shape: [2, 5, 1])
    }

    @Test(
        "every kind of guidance keeps its count, ignores padding and, on the sphere, gives unit vectors",
        arguments: GuidanceKind.allCases
    )
    func guidance(_ kind: GuidanceKind) throws {
        for blocks in kind == .sasrec ? [1, 2] : [0, 1] {
            let model = try model { ($0.guidance, $0.numLayers) = (kind, blocks) }
            let count = kind == .sasrec || kind == .mlp ? 1 : 3
            let interests = try model.interests(inference(), .inference)
            #expect(interests.shape == [History.rows.count, count, 8])
            try expect(lengths(interests), equal: .init(repeating: 1, count: History.rows.count * count))
            let short = History.rows.filter { $0.items.count <= 5 }
            let (tight, loose) = (HostBatch(short, .left, .prefixes), HostBatch(short, .left, .prefixes, columns: 9))
            try expect(
                model.interests(Batch(loose, noiseSeed: 7), .inference),
                equals: model.interests(Batch(tight, noiseSeed: 7), .inference)
            )
        }
    }

    // MARK: - Losses

    /// The paper's single ablations (table 4) and its variants 1 to 4 (section 5.3.2).
    @Test(
        "a loss of weight 0 is left out",
        arguments: [
            ("full", 1, 0.1, 1, ["guidance", "ranking"], ["reconstruction"]),
            ("without L_gem, variant 1", 0, 0.1, 1, ["ranking"], ["reconstruction"]),
            ("without L_recon", 1, 0, 1, ["guidance", "ranking"], []),
            ("without L_ssm", 1, 0.1, 0, ["guidance"], ["reconstruction"]),
            ("variants 2 and 3", 0, 0, 1, ["ranking"], []),
            ("variant 4", 0, 0.1, 0, [], ["reconstruction"]),
            ("guidance alone", 1, 0, 0, ["guidance"], []),
        ] as [(String, Double, Double, Double, [String], [String])]
    )
    func ablations(
        _ name: String,
        _ guidance: Double,
        _ reconstruction: Double,
        _ ranking: Double,
        _ predictions: [String],
        _ terms: [String]
    ) throws {
        for sphere in DimeRec.Sphere.allCases {
            let learner = try Learner(
                model {
                    ($0.guidanceLossWeight, $0.reconstructionLossWeight, $0.rankingLossWeight) = (
                        guidance, reconstruction, ranking
                    )
                    ($0.sphere, $0.walk) = (sphere, sphere == .none ? .euclidean : .geodesic)
                }
            )
            let output = try learner.model.trainingOutput(training())
            #expect(output.predictions.map(\.name) == predictions && output.terms.map(\.name) == terms)
            let losses = try learner.train(History.rows, steps: 30)
            #expect(losses.allSatisfy(\.isFinite) && losses.suffix(5).reduce(0, +) < losses.prefix(5).reduce(0, +))
        }
    }

    @Test("refuses settings that cannot work, with key and value")
    func refusals() throws {
        func refusal(_ change: (inout DimeRec.Configuration) -> Void) throws -> String {
            var c = DimeRec.Configuration()
            change(&c)
            return try #require(#expect(throws: ConfigurationError.self) { try c.requireValid("model") }).description
        }
        #expect(try refusal { $0.embeddingSize = 9 }.contains("model.embedding_size: found 9"))
        #expect(try refusal { $0.numInterests = 0 }.contains("model.num_interests: found 0"))
        #expect(try refusal { ($0.guidance, $0.numLayers) = (.sasrec, 0) }.contains("model.num_layers: found 0"))
        #expect(try refusal { $0.sphere = .none }.contains("model.sphere"))
        #expect(
            try refusal { ($0.guidanceLossWeight, $0.reconstructionLossWeight, $0.rankingLossWeight) = (0, 0, 0) }
                .contains("all 0")
        )
        #expect(try refusal { $0.rankingLossWeight = -1 }.contains("model.ranking_loss_weight: found -1"))
        #expect(try refusal { $0.temperature = 0 }.contains("model.temperature: found 0"))
        #expect(try refusal { $0.betaStart = 0.03 }.contains("model.beta_start"))
        #expect(try refusal { $0.dropout = 1 }.contains("dropout"))
        #expect(try refusal { $0.samples = 0 }.contains("model.samples: found 0"))
    }

    @Test("what is ranked from pure noise cannot know the target; what is ranked from a noised target does")
    func leak() throws {
        var others = History.rows
        for index in others.indices { others[index].target = others[index].target % 20 + 1 }
        let changed = HostBatch(others, .left, .prefixes)
        for (state, knows) in [(DimeRec.RankedState.terminal, false), (.noised, true)] {
            let model = try model { $0.rankedState = state }
            func estimate(_ host: HostBatch) throws -> [Double] {
                let batch = try Batch(host, noise: .drawn(Generator(seed: 3)))
                return try #require(model.trainingOutput(batch).predictions.last).vectors.doubles()
            }
            #expect((try estimate(host) != estimate(changed)) == knows)
        }
    }

    @Test("the temperature divides cosines in the losses, can be learned, and never changes an answer")
    func temperature() throws {
        let (warm, cold) = (try model { $0.temperature = 1 }, try model { $0.temperature = 0.05 })
        let vectors = try [warm, cold].map { try $0.trainingOutput(training()).predictions }
        for (plain, sharp) in zip(vectors[0], vectors[1]) {
            try expect(lengths(plain.vectors), equal: .init(repeating: 1, count: History.rows.count))
            try expect(sharp.vectors * 0.05, equals: plain.vectors)
        }
        try expect(warm.scores(inference()), equals: cold.scores(inference()))
        let learner = try Learner(model { ($0.temperature, $0.learnsTemperature) = (0.5, true) })
        let value = try #require((learner.model as? DimeRec)?.logTemperature).value
        try expect(value.exp(), [0.5])
        _ = try learner.train(History.rows, steps: 20)
        #expect(try abs(value.exp().item() - 0.5) > 1e-3)
    }

    // MARK: - The sphere and the schedule

    @Test("items and answers are unit vectors where the sphere says so, however they are looked up")
    func sphere() throws {
        let numbers = try Tensor([3, 0, 19] as [Int64])
        for sphere in DimeRec.Sphere.allCases {
            let model = try model { ($0.sphere, $0.walk) = (sphere, sphere == .none ? .euclidean : .geodesic) }
            try expect(model.itemVectors(numbers), equals: model.itemVectors().rows(numbers))
            let raw = try model.items.weight.value.sliced(0, from: 1)
            try expect(model.itemVectors(), equals: sphere == .unit ? raw.onUnitSphere() : raw)
            let users = try lengths(model.userVectors(inference()))
            #expect(users.allSatisfy { abs($0 - 1) < 1e-5 } == (sphere == .unit))
        }
    }

    @Test("the schedule of a thousand steps is scaled to T, so that pure noise is where it ends")
    func schedule() throws {
        var c = DimeRec.Configuration()
        for steps in [5, 10, 20, 50, 100, 1000] {
            c.steps = steps
            let schedule = c.noiseSchedule
            #expect(schedule.steps == steps && schedule.alphaBars[steps] < 1e-3)
            #expect(abs(schedule.betas[0] - 0.1 / Double(steps)) < 1e-12)
        }
        #expect(c.noiseSchedule == NoiseSchedule(.linear, steps: 1000, first: 1e-4, last: 0.02))
    }

    // MARK: - Answers

    @Test("the read-out and the number of samples decide which vectors answer, from the same weights")
    func readout() throws {
        let rows = History.rows.count
        func users(_ readout: DimeRec.Readout, _ samples: Int = 1) throws -> Tensor {
            try model { ($0.readout, $0.samples) = (readout, samples) }.userVectors(inference())
        }
        let (one, three, interests) = try (users(.diffusion), users(.diffusion, 3), users(.interests))
        #expect(one.shape == [rows, 1, 8] && three.shape == [rows, 3, 8] && interests.shape == [rows, 3, 8])
        try expect(three.sliced(1, to: 1), equals: one)
        #expect(try three.selected(1, 0).doubles() != three.selected(1, 1).doubles())
        #expect(try three.selected(1, 1).doubles() != three.selected(1, 2).doubles())
        try expect(users(.both, 3), equals: .concatenated([three, interests], 1))
    }
}
