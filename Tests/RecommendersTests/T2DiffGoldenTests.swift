// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeDiffusion
import CascadeNN
import CascadeTensorFiles
import CascadeTorch
import TensorTestSupport
import Testing

@testable import CascadeRecommenders

/// The setting of `make_goldens.py`, its weights and its inputs.
struct T2DiffGolden {
    let file: SafetensorsFile
    let model: T2Diff
    let host: HostBatch

    init(_ change: (inout T2Diff.Configuration) -> Void = { _ in }) throws {
        file = try fixture("t2diff")
        var c = T2Diff.Configuration()
        (c.embeddingSize, c.maxSequenceLength, c.maxSessionLength, c.window, c.channels) = (8, 12, 4, 8, 8)
        (c.steps, c.betaStart, c.betaEnd, c.attentionHiddenSize) = (5, 1e-4, 0.2, 6)
        (c.dropout, c.residual, c.towerInput, c.rankingLossWeight) = (0, false, .paper, 0)
        (c.referenceSteps, c.lagOrigin) = (0, .latest)
        change(&c)
        try c.validate()
        model = try T2Diff(c, for: DatasetShape(users: 3, items: 20), using: Generator(seed: 1))
        try Checkpoint.assign(file, to: model.state(), prefix: "weight.")
        try Rounding.disturb(model)
        host = HostBatch(
            rows: 3,
            length: 12,
            items: try file.array("input.items", as: Int32.self),
            times: try file.array("input.times", as: Int64.self),
            lengths: try file.array("input.lengths", as: Int32.self),
            targets: try file.array("input.targets", as: Int32.self),
            users: [0, 1, 2],
            moments: try file.array("input.now", as: Int64.self)
        )
    }

    /// The batch with the reference's random numbers: stream 0 for the noised drift, T + 1 for pure noise.
    func batch() throws -> Batch {
        try Batch(
            host,
            noise: .fixed(
                integers: file.tensor("input.r").to(.int64),
                normals: [0: file.tensor("input.noise"), 6: file.tensor("input.terminal")]
            )
        )
    }

    func history() throws -> T2Diff.History { try T2Diff.History(batch(), model.items, model.configuration) }

    /// The loss of the training pass, in total and by term.
    func losses(_ output: TrainingOutput) throws -> (total: Tensor, main: Double, terms: [String: Double]) {
        var random = SplitMix64(seed: 1)
        let losses = try Objective().terms(
            output,
            of: model,
            targets: batch().targets,
            sampler: UniformNegatives(itemCount: 20),
            using: &random
        )
        let terms = Dictionary(uniqueKeysWithValues: try losses.dropFirst().map { ($0.name, try $0.loss.item()) })
        #expect(losses[0].name == "main")
        return (
            try losses.dropFirst().reduce(losses[0].loss) { try $0 + $1.loss }, try losses[0].loss.item(), terms
        )
    }

    func expected(_ name: String) throws -> Tensor { try file.tensor(name) }
}

@Suite("T2Diff against the reference", .rounding)
struct T2DiffGoldenTests {
    @Test("the embedded history, the session and the ages")
    func history() throws {
        let golden = try T2DiffGolden()
        let history = try golden.history()
        try expect(history.items, equals: golden.expected("expected.sequence"))
        let session = try history.sessionMask.to(.float32).padded(before: 8, after: 0)
        try expect(session, equals: golden.expected("expected.sessionMask").to(.float32))
        let past = try history.mask.squeezed(2) - session
        try expect(history.historyMask.to(.float32), equals: past)
        let lags = try history.lags.to(.float32) * history.mask.squeezed(2)
        try expect(lags, equals: golden.expected("expected.lagBuckets").to(.float32))
    }

    @Test("the noised drift, the denoiser's answer and the predicted item")
    func denoising() throws {
        let golden = try T2DiffGolden()
        let window = try golden.history().window(isDetached: true)
        let target = try golden.model.items(golden.file.tensor("input.targets")).layerNorm().unsqueezed(1)
        let drift = try (.concatenated([window.items.sliced(1, from: 1), target], 1) - window.items) * window.mask
        let steps = try golden.file.tensor("input.r").to(.int64)
        let noisy = try golden.model.schedule.noised(drift, steps: steps, noise: golden.file.tensor("input.noise"))
        try expect(noisy * window.mask, equals: golden.expected("expected.z_r"))
        let denoiser = try #require(golden.model.denoiser)
        let state = try Tensor.concatenated([golden.expected("expected.z_r"), window.items], -1)
        let estimate = try denoiser(state, steps: steps, mask: window.mask)
        try expect(estimate, equals: golden.expected("expected.denoised"))
        let next = try (estimate + window.items).selected(1, -1)
        try expect(next, equals: golden.expected("expected.prediction"))
    }

    @Test("the current interest, which is what the residual adds")
    func currentInterest() throws {
        let (plain, residual) = (try T2DiffGolden(), try T2DiffGolden { $0.residual = true })
        let difference =
            try residual.model.trainingOutput(residual.batch()).vectors
            - plain.model.trainingOutput(plain.batch()).vectors
        try expect(difference, equals: plain.expected("expected.h_s"))
    }

    @Test("user vectors, scores, every loss and the gradient of every parameter")
    func training() throws {
        let golden = try T2DiffGolden()
        let output = try golden.model.trainingOutput(golden.batch())
        try expect(output.vectors, equals: golden.expected("expected.user"))
        let scores = try dotProductScores(output.vectors.unsqueezed(1), golden.model.itemVectors())
        try expect(scores, equals: golden.expected("expected.scores"))
        let losses = try golden.losses(output)
        #expect(losses.terms.count == 1)
        let reconstruction = try #require(losses.terms["reconstruction"])
        try expect(reconstruction, equals: golden.expected("expected.reconstructionLoss").item())
        try expect(losses.main, equals: golden.expected("expected.towerLoss").item())
        try expect(losses.total.item(), equals: golden.expected("expected.totalLoss").item())
        try losses.total.backward()
        for parameter in try golden.model.parameters() {
            try expect(
                parameter.part.value.requiredGradient(),
                equals: golden.expected("gradient.\(parameter.name)"),
                parameter.name
            )
        }
    }

    @Test(
        "the reverse process",
        arguments: [
            ("ddim", Sampler(.ddim, steps: 3)), ("ddpm", Sampler(.ddpm, noise: .none)), ("oneStep", Sampler(.oneStep)),
        ]
    )
    func sampling(_ name: String, _ sampler: Sampler) throws {
        let golden = try T2DiffGolden { $0.sampler = sampler }
        if sampler.kind == .ddim {
            let visited = try golden.file.tensor("input.ddimSteps").integers()
            #expect(sampler.visited(of: golden.model.schedule) == visited)
        }
        let history = try golden.history()
        let denoiser = try #require(golden.model.denoiser)
        let found = try golden.model.predict(history, denoiser, sampler, golden.batch().noise)
        let last = try (golden.expected("expected.\(name)") + history.window(isDetached: true).items).selected(1, -1)
        try expect(found, equals: last)
        guard name == "ddim" else { return }
        let user = try golden.model.userVectors(golden.batch()).squeezed(1)
        try expect(user, equals: golden.expected("expected.inferenceUser"))
    }

    /// A setting that the reference was run with as well.
    struct Variant: Sendable, CustomTestStringConvertible {
        let name: String
        let change: @Sendable (inout T2Diff.Configuration) -> Void
        var testDescription: String { name }

        static let all = [
            Variant(name: "noDrift") { $0.drift = false },
            Variant(name: "noStopGradient") { $0.stopGradient = .none },
            Variant(name: "stopInputs") { $0.stopGradient = .history },
            Variant(name: "stopDiffusion") { $0.stopGradient = .embeddings },
            Variant(name: "stopPrediction") { $0.stopGradient = .prediction },
            Variant(name: "causal") { $0.causal = true },
            Variant(name: "lastPosition") { $0.reconstructed = .last },
            Variant(name: "sigmoidWeights") { $0.attentionWeights = .sigmoid },
            Variant(name: "literalWeights") { $0.attentionWeights = .literal },
            Variant(name: "lastReadout") { $0.sessionReadout = .last },
            Variant(name: "lambda10") { $0.reconstructionLossWeight = 10 },
            Variant(name: "ranking") { $0.rankingLossWeight = 0.5 },
            Variant(name: "terminal") { $0.towerInput = .terminal },
            Variant(name: "terminalRanking") { ($0.towerInput, $0.rankingLossWeight) = (.terminal, 0.5) },
            Variant(name: "chain") { $0.towerInput = .chain },
            Variant(name: "chainRanking") { ($0.towerInput, $0.rankingLossWeight) = (.chain, 0.5) },
            Variant(name: "withoutDiffusion") { $0.towerInput = .none },
        ]
    }

    @Test("other settings", arguments: Variant.all)
    func variants(_ variant: Variant) throws {
        let golden = try T2DiffGolden(variant.change)
        func expected(_ name: String) throws -> Tensor { try golden.expected("variant.\(variant.name).\(name)") }
        let output = try golden.model.trainingOutput(golden.batch())
        try expect(output.vectors, equals: expected("user"))
        let losses = try golden.losses(output)
        try expect(losses.total.item(), equals: expected("total").item())
        let c = golden.model.configuration
        #expect((losses.terms["ranking"] == nil) == (c.rankingLossWeight == 0))
        if let ranking = losses.terms["ranking"] {
            try expect(ranking / c.rankingLossWeight, equals: expected("rankingLoss").item())
        }
        #expect(golden.file.names.contains("variant.\(variant.name).prediction") == (golden.model.denoiser != nil))
        if let denoiser = golden.model.denoiser, let sampler = Self.sampler(of: c.towerInput) {
            let prediction = try golden.model.predict(golden.history(), denoiser, sampler, golden.batch().noise)
            try expect(prediction, equals: expected("prediction"))
        }
        try losses.total.backward()
        for parameter in try golden.model.parameters()
        where ["items.weight", "denoiser.input.weight"].contains(parameter.name) {
            try expect(
                parameter.part.value.requiredGradient(),
                equals: expected("gradient.\(parameter.name)"),
                parameter.name
            )
        }
    }

    @Test("ages that count from the request")
    func requestTime() throws {
        let golden = try T2DiffGolden { $0.lagOrigin = .request }
        let latest = try T2DiffGolden()
        #expect(golden.model.readsMoment && !latest.model.readsMoment)
        let output = try golden.model.trainingOutput(golden.batch())
        try expect(output.vectors, equals: golden.expected("expected.userNow"))
    }

    /// How the prediction that such a tower trains with can be had at inference.
    private static func sampler(of input: T2Diff.TowerInput) -> Sampler? {
        switch input {
        case .terminal: Sampler(.oneStep)
        case .chain: Sampler(.ddim, steps: 4)
        case .paper, .none: nil
        }
    }
}
