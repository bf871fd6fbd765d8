// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeNN
import CascadeTorch
import Foundation
import TensorTestSupport
import Testing

@Suite("Cross-entropy over the catalog")
struct CatalogCrossEntropyTests {
    let generator: Generator
    let vectors: Parameter
    let table: Parameter
    let targets: Tensor

    init() throws {
        generator = try Generator(seed: 7)
        vectors = try Parameter(.normal([10, 4], using: generator))
        table = try Parameter(.normal([21, 4], using: generator))
        targets = try .integers([10], in: 0..<20, using: generator)
    }

    /// The gradients of both parameters, which are then cleared.
    private func gradients() throws -> [Tensor] {
        try [vectors, table].map { parameter in
            let gradient = try parameter.value.requiredGradient().copy()
            try parameter.value.setGradient(nil)
            return gradient
        }
    }

    @Test(
        "value and gradients are those of the full matrix of scores, for any block",
        arguments: [1, 3, 5, 10, 99, nil]
    )
    func agrees(_ block: Int?) throws {
        let catalog = { try table.value.sliced(0, from: 1) }  // as models use it: row 0 is padding
        let expected = try (vectors.value * 2).matmul(catalog().transposed()).crossEntropy(targets)
        try (expected * 3).backward()
        let wanted = try gradients()
        let found = try catalogCrossEntropy(vectors.value * 2, catalog(), targets: targets, block: block)
        try expect(found, equals: expected)
        try (found * 3).backward()
        for (mine, theirs) in zip(try gradients(), wanted) { try expect(mine, equals: theirs) }
    }

    @Test("the same vectors as queries and as catalog get both gradients")
    func sharedInput() throws {
        let own = try Tensor.range(0..<10)
        try vectors.value.matmul(vectors.value.transposed()).crossEntropy(own).backward()
        let wanted = try vectors.value.requiredGradient().copy()
        try vectors.value.setGradient(nil)
        try catalogCrossEntropy(vectors.value, vectors.value, targets: own, block: 4).backward()
        try expect(vectors.value.requiredGradient(), equals: wanted)
    }

    @Test("uniform scores cost the logarithm of the number of items")
    func uniform() throws {
        let loss = try catalogCrossEntropy(.zeros([2, 3]), .ones([7, 3]), targets: Tensor([0, 6] as [Int64]))
        #expect(abs(try loss.item() - log(7)) < 1e-6)
        #expect(!loss.requiresGradient)
    }

    @Test("large scores do not overflow")
    func overflow() throws {
        let loss = try catalogCrossEntropy(
            .full([1, 1], 1000),
            Tensor([1, -1] as [Float], shape: [2, 1]),
            targets: Tensor([1] as [Int64])
        )
        #expect(try loss.item() == 2000)
    }

    @Test("what does not fit is refused")
    func refusals() throws {
        func loss(_ targets: Tensor, rows: Int = 2, catalog: [Int] = [3, 4]) throws -> Tensor {
            try catalogCrossEntropy(.ones([rows, 4]), .ones(catalog), targets: targets)
        }
        let short = try #require(throws: TorchError.self) { try loss(Tensor([0] as [Int64])) }
        #expect(short.description.contains("[2, 4]") && short.description.contains("[1]"))
        #expect(throws: TorchError.self) { try loss(Tensor([0, 3] as [Int64])) }
        #expect(throws: TorchError.self) { try loss(Tensor([0, -1] as [Int64])) }
        #expect(throws: TorchError.self) { try loss(.zeros([0], .int64), rows: 0) }
        #expect(throws: TorchError.self) { try loss(Tensor([0, 0] as [Int64]), catalog: [3, 5]) }
        #expect(throws: TorchError.self) { try loss(Tensor([0, 0] as [Int64]), catalog: [0, 4]) }
    }
}

@Suite("Sampled losses")
struct SampledLossTests {
    let positives: Tensor
    let negatives: Tensor
    private let rows: [(positive: Double, negatives: [Double])] = [(1, [0.5, -1, 2]), (-0.5, [0, 3, -2])]

    init() throws {
        positives = try Tensor([1, -0.5] as [Float])
        negatives = try Tensor([0.5, -1, 2, 0, 3, -2] as [Float], shape: [2, 3])
    }

    private func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }
    private func mean(_ value: (Double, [Double]) -> Double) -> Double {
        rows.map { value($0.positive, $0.negatives) }.reduce(0, +) / 2
    }

    @Test("softmax over the target and the sample")
    func softmax() throws {
        let plain = mean { p, ns in log(exp(p) + ns.map { exp($0) }.reduce(0, +)) - p }
        try expect(SampledLoss.softmax(positives, negatives), [plain], shape: [])
        let draws = [0.3, 0.0, -1.0]
        let corrected = mean { p, ns in log(exp(p) + zip(ns, draws).map { exp($0 - $1) }.reduce(0, +)) - p }
        let correction = try Tensor(draws.map(Float.init))
        try expect(SampledLoss.softmax(positives, negatives, correction: correction), [corrected])
        try expect(SampledLoss.softmax(positives, negatives, correction: correction.expanded([2, 3])), [corrected])
    }

    @Test("a sample of everything, corrected by nothing, is the full softmax")
    func fullSample() throws {
        let scores = try Tensor.normal([3, 6], using: Generator(seed: 1))
        let first = try scores.selected(1, 0)
        let full = try scores.crossEntropy(.zeros([3], .int64))
        try expect(SampledLoss.softmax(first, scores.sliced(1, from: 1)), equals: full)
    }

    @Test("binary cross-entropy, and its generalization")
    func binary() throws {
        func value(_ exponent: Double) -> Double {
            mean { p, ns in
                -(exponent * log(sigmoid(p)) + ns.map { log(1 - sigmoid($0)) }.reduce(0, +)) / Double(ns.count + 1)
            }
        }
        try expect(SampledLoss.binary(positives, negatives), [value(1)], shape: [])
        try expect(SampledLoss.generalizedBinary(positives, negatives, exponent: 0.3), [value(0.3)], shape: [])
    }

    @Test("pairs: the target should score above every negative")
    func pairwise() throws {
        let value = mean { p, ns in ns.map { -log(sigmoid(p - $0)) }.reduce(0, +) / 3 }
        try expect(SampledLoss.pairwise(positives, negatives), [value], shape: [])
    }

    @Test("a negative of -infinity counts for nothing, in value and gradient")
    func accidentalHit() throws {
        let hit = try Parameter(.concatenated([negatives, .full([2, 1], -.infinity)], 1))
        try expect(SampledLoss.softmax(positives, hit.value), equals: SampledLoss.softmax(positives, negatives))
        try expect(SampledLoss.binary(positives, hit.value) * 5, equals: SampledLoss.binary(positives, negatives) * 4)
        try expect(
            SampledLoss.pairwise(positives, hit.value) * 4,
            equals: SampledLoss.pairwise(positives, negatives) * 3
        )
        try SampledLoss.softmax(positives, hit.value).backward()
        try SampledLoss.binary(positives, hit.value).backward()
        try SampledLoss.pairwise(positives, hit.value).backward()
        let gradient = try hit.value.requiredGradient()
        #expect(try gradient.selected(1, 3).floats() == [0, 0])
        #expect(try gradient.doubles().allSatisfy { $0.isFinite })
    }

    @Test("gBCE's exponent is 1 when not calibrated, the sampling rate when fully, linear between")
    func exponent() {
        for (negatives, catalog) in [(1, 100), (256, 10_000), (50, 51)] {
            let rate = Double(negatives) / Double(catalog - 1)
            func exponent(_ t: Double) -> Double {
                SampledLoss.exponent(calibration: t, negatives: negatives, catalog: catalog)
            }
            #expect(abs(exponent(0) - 1) < 1e-12)
            #expect(abs(exponent(1) - rate) < 1e-12)
            #expect(abs(exponent(0.75) - (0.25 + 0.75 * rate)) < 1e-12)
        }
    }
}
