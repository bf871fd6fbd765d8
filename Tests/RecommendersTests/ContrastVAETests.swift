// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeNN
import CascadeTensorFiles
import CascadeTorch
import Foundation
import TensorTestSupport
import Testing

@testable import CascadeRecommenders

/// ContrastVAE with given weights and noise; expected values were computed in float64 (see `Fixtures/make_goldens.py`).
@Suite("ContrastVAE against the reference", .rounding)
struct ContrastVAEGoldenTests {
    let file: SafetensorsFile
    let host: HostBatch

    init() throws {
        file = try fixture("contrast-vae")
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

    private func model(_ variant: String) throws -> ContrastVAE {
        var configuration = ContrastVAE.Configuration()
        (configuration.embeddingSize, configuration.maxSequenceLength, configuration.ffnSize) = (4, 6, 5)
        (configuration.numHeads, configuration.dropout, configuration.latentNoise) = (2, 0, variant == "sampled")
        let data = DatasetShape(users: 3, items: 20)
        let model = try ContrastVAE(configuration, for: data, using: Generator(seed: 1))
        for part in try model.parameters() {
            try withoutGradients { try part.part.value.assign(file.tensor("weight.\(part.name)")) }
        }
        try model.passes.value.fill(1e6)  // the weight of the divergence is at its cap
        try Rounding.disturb(model)
        return model
    }

    @Test(
        "every term of the loss, and of the sampled view the gradient of every parameter",
        arguments: ["sampled", "plain"]
    )
    func losses(_ variant: String) throws {
        let model = try model(variant)
        let normals = [0: try file.tensor("input.first"), 1: try file.tensor("input.second")]
        let batch = try Batch(host, noise: .fixed(integers: .zeros([1], .int64), normals: normals))
        var random = SplitMix64(seed: 1)
        let terms = try Objective().terms(
            model.trainingOutput(batch),
            of: model,
            targets: batch.targets,
            sampler: UniformNegatives(itemCount: 20),
            using: &random
        )
        #expect(terms.map(\.name) == ["main", "second", "divergence", "noise-prior", "contrastive"])
        for (name, loss) in terms {
            try expect(loss.item(), equals: file.tensor("\(variant).expected.\(name)").item(), name)
        }
        guard variant == "sampled" else { return }
        try terms.dropFirst().reduce(terms[0].loss) { try $0 + $1.loss }.backward()
        for parameter in try model.parameters() {
            let expected = try file.tensor("gradient.\(parameter.name)")
            try expect(parameter.part.value.requiredGradient(), equals: expected, parameter.name)
        }
    }

    @Test("the user's vector is the decoded mean, or mean plus deviation", arguments: ["sampled", "plain"])
    func users(_ variant: String) throws {
        let found = try model(variant).userVectors(Batch(host, noiseSeed: 1))
        try expect(found.squeezed(1), equals: file.tensor("\(variant).expected.user"))
    }
}

@Suite("ContrastVAE's parts")
struct ContrastVAETests {
    private func model(_ change: (inout ContrastVAE.Configuration) -> Void) throws -> ContrastVAE {
        var configuration = ContrastVAE.Configuration()
        (configuration.embeddingSize, configuration.maxSequenceLength, configuration.ffnSize) = (8, 12, 16)
        configuration.dropout = 0
        change(&configuration)
        try configuration.validate()
        return try ContrastVAE(configuration, for: Subject.data, using: Generator(seed: 1))
    }

    private func divergence(_ model: ContrastVAE, seed: UInt64) throws -> Double {
        let batch = try Batch(HostBatch(History.rows, .right, .causal), noise: .drawn(Generator(seed: seed)))
        let term = try model.trainingOutput(batch).terms.first { $0.name == "divergence" }
        return try #require(term).loss.item()
    }

    @Test("the weight of the divergence rises with every pass, up to its cap")
    func annealing() throws {
        let model = try model { ($0.annealCap, $0.totalAnnealSteps) = (0.2, 20) }
        let weighted = try (1...8).map { try divergence(model, seed: UInt64($0)) }
        #expect(weighted[0] == 0 && weighted[1] > 0)
        let shares = weighted.map { $0 / weighted[1] }
        for (share, wanted) in zip(shares, [0, 1, 2, 3, 4, 4, 4, 4] as [Double]) { #expect(abs(share - wanted) < 1e-4) }
    }

    @Test("the passes are saved with the weights")
    func state() throws {
        let model = try model { _ in }
        _ = try divergence(model, seed: 1)
        let passes = try #require(try model.state().first { $0.name == "passes" })
        #expect(try passes.part.floats() == [1])
    }

    @Test("other augmentations have two views as well, and no share of noise", arguments: ["model", "data"])
    func augmentations(_ name: String) throws {
        let model = try model {
            $0.augmentation = ContrastVAE.Augmentation(rawValue: name) ?? .variational
            $0.reparameterizationDropout = 0.5
        }
        #expect(model.noiseLogit == nil)
        for seed in 1...3 as ClosedRange<UInt64> {
            let batch = try Batch(HostBatch(History.rows, .right, .causal), noise: .drawn(Generator(seed: seed)))
            let output = try model.trainingOutput(batch)
            #expect(output.terms.map(\.name) == ["divergence", "contrastive"])
            let views = try output.predictions.map { try $0.vectors.floats() }
            #expect(views.count == 2 && views[0].count == 39 * 8 && views[0] != views[1])
        }
    }

    @Test("a view keeps a stretch of the history, or leaves single items out; nothing moves")
    func leavingOut() throws {
        let model = try model { ($0.augmentation, $0.cropRatio, $0.maskRatio) = (.data, 0.5, 0.3) }
        let rows = (0..<400).map { History(user: Int32($0), items: Array(1...12), times: [], target: 3) }
        let host = HostBatch(
            rows: 400,
            length: 12,
            items: rows.flatMap(\.items),
            times: [Int64](repeating: 0, count: 4800),
            lengths: [Int32](repeating: 12, count: 400),
            targets: [Int32](repeating: 3, count: 4800),
            users: rows.map(\.user)
        )
        let views = try model.augmented(Batch(host, noise: .drawn(Generator(seed: 1)))).floats().map { Int($0) }
        var starts: Set<Int> = []
        var (cropped, kept, masked) = (0, 0, 0)
        for row in 0..<400 {
            let view = Array(views[row * 12..<(row + 1) * 12])
            let places = view.indices.filter { view[$0] != 0 }
            #expect(places.allSatisfy { view[$0] == $0 + 1 })
            if let first = places.first, places == Array(first..<first + 6) {
                cropped += 1
                starts.insert(first)
            } else {
                masked += 1
                kept += places.count
            }
        }
        #expect(starts == Set(0...6))
        #expect((150...250).contains(cropped))
        #expect(abs(Double(kept) / Double(12 * masked) - 0.7) < 0.05)
    }

    @Test("padding is no part of a view, and one item remains of one")
    func short() throws {
        let model = try model { $0.augmentation = .data }
        let rows = History.rows.filter { $0.items.count == 1 }
        let host = HostBatch(rows, .right, .causal, columns: 5)
        for seed in 1...20 as ClosedRange<UInt64> {
            let view = try model.augmented(Batch(host, noise: .drawn(Generator(seed: seed)))).floats()
            #expect(view.dropFirst().allSatisfy { $0 == 0 })
            #expect(view[0] == 0 || view[0] == Float(rows[0].items[0]))
        }
    }

    @Test("contrast is least where both views of a row agree and rows differ")
    func contrasts() throws {
        let first = try Tensor([1, 0, 0, 1] as [Float], shape: [2, 2])
        let apart = try contrast(first, first * 3, temperature: 0.5).item()
        // One other view with cosine 1, two with cosine 0, each over 0.5.
        #expect(abs(apart - log(1 + 2 * exp(-2))) < 1e-6)
        let swapped = try contrast(first, first.flipped(0), temperature: 0.5).item()
        #expect(abs(swapped - log(2 + exp(2))) < 1e-6)
    }
}
