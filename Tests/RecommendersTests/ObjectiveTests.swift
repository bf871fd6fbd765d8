// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeNN
import CascadeTorch
import Foundation
import TensorTestSupport
import Testing

@testable import CascadeRecommenders

/// Draws what it is told to, with probabilities of one's choice.
private struct ScriptedNegatives: NegativeSampler {
    let numbers: [Int32]  // from 1
    let probabilities: [Double]  // of items 1...

    func sample(_ count: Int, using generator: inout some RandomNumberGenerator) -> [Int32] {
        (0..<count).map { numbers[$0 % numbers.count] }
    }

    func probability(of item: Int) -> Double { probabilities[item - 1] }
}

/// Hands out numbers one after the other.
private final class QueuedNegatives: NegativeSampler, @unchecked Sendable {
    static let probability = 0.2
    private let numbers: [Int32]
    private var next = 0

    init(_ numbers: [Int32]) { self.numbers = numbers }

    func restart() { next = 0 }

    func sample(_ count: Int, using generator: inout some RandomNumberGenerator) -> [Int32] {
        next += count
        return Array(numbers[next - count..<next])
    }

    func probability(of item: Int) -> Double { Self.probability }
}

@Suite("Objective")
struct ObjectiveTests {
    private static let (rows, items, width) = (5, 7, 3)
    private static let targets = [0, 6, 3, 3, 2]
    private static let probabilities = [0.05, 0.1, 0.15, 0.2, 0.25, 0.15, 0.1]

    private let users: Tensor
    private let table: Tensor

    init() throws {
        let generator = try Generator(seed: 11)
        users = try Parameter(.normal([Self.rows, Self.width], using: generator)).value
        table = try Parameter(.normal([Self.items, Self.width], using: generator)).value
    }

    private func loss(_ objective: Objective, _ sampler: any NegativeSampler) throws -> Tensor {
        var random = SplitMix64(seed: 5)
        return try objective(
            users,
            table,
            targets: Tensor(Self.targets.map(Int64.init)),
            sampler: sampler,
            using: &random
        )
    }

    private func objective(_ kind: Objective.Kind, negatives: Int, temperature: Double = 1) -> Objective {
        var objective = Objective()
        (objective.kind, objective.negatives, objective.temperature) = (kind, negatives, temperature)
        return objective
    }

    /// `scores[row][item]`, divided by the temperature.
    private func scores(temperature: Double) throws -> [[Double]] {
        let flat = try users.matmul(table.transposed()).doubles().map { $0 / temperature }
        return (0..<Self.rows).map { Array(flat[$0 * Self.items..<($0 + 1) * Self.items]) }
    }

    /// The definition of each loss, one row at a time; `drawn` are item indices, the target among them not counting.
    private func naive(_ objective: Objective, drawn: [[Int]]) throws -> Double {
        let scores = try scores(temperature: objective.temperature)
        func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }
        let losses = (0..<Self.rows).map { row -> Double in
            let (s, target) = (scores[row], Self.targets[row])
            let others = drawn[row].filter { $0 != target }
            let k = Double(drawn[row].count)
            switch objective.kind {
            case .crossEntropy: return log(s.reduce(0) { $0 + exp($1) }) - s[target]
            case .sampledSoftmax:
                let sum = others.reduce(exp(s[target])) { $0 + exp(s[$1]) / (k * Self.probabilities[$1]) }
                return log(sum) - s[target]
            case .gbce:
                let rate = k / Double(Self.items - 1)
                let beta = rate * (objective.calibration * (1 - 1 / rate) + 1 / rate)
                return (others.reduce(0) { $0 - log(1 - sigmoid(s[$1])) } - beta * log(sigmoid(s[target]))) / (k + 1)
            case .bce:
                return (others.reduce(0) { $0 - log(1 - sigmoid(s[$1])) } - log(sigmoid(s[target]))) / (k + 1)
            case .bpr: return others.reduce(0) { $0 - log(sigmoid(s[target] - s[$1])) } / k
            }
        }
        return losses.reduce(0, +) / Double(Self.rows)
    }

    @Test("a target's own negatives, drawn again where its user has met them, with and without correction")
    func ownNegatives() throws {
        var objective = objective(.sampledSoftmax, negatives: 2)
        (objective.sharedNegatives, objective.excludesKnown) = (false, true)
        // Items 1, 2, 3, ... in turn; the first user has met item 2 alone, and draws the eleventh number for it: item 4.
        let drawn: [Int32] = [1, 2, 3, 4, 5, 6, 7, 1, 2, 3]
        let sampler = QueuedNegatives(drawn + [4])
        for corrects in [true, false] {
            objective.logqCorrection = corrects
            sampler.restart()
            var random = SplitMix64(seed: 5)
            let found = try objective(
                users,
                table,
                targets: Tensor(Self.targets.map(Int64.init)),
                known: { $0 == 0 ? [2] : [] },
                sampler: sampler,
                using: &random
            )
            let scores = try scores(temperature: 1)
            var numbers = drawn.map { Int($0) - 1 }
            numbers[1] = 3
            var sum = 0.0
            for (row, target) in Self.targets.enumerated() {
                var total = exp(scores[row][target])
                for item in numbers[row * 2..<row * 2 + 2] where item != target {
                    total += exp(scores[row][item]) / (corrects ? 2 * QueuedNegatives.probability : 1)
                }
                sum += log(total) - scores[row][target]
            }
            #expect(try abs(found.item() - sum / 5) < 1e-5)
        }
    }

    @Test("somebody who has met whatever can be drawn ends no training")
    func everythingKnown() throws {
        var objective = objective(.bpr, negatives: 1)
        objective.excludesKnown = true
        var random = SplitMix64(seed: 5)
        let loss = try objective(
            users,
            table,
            targets: Tensor(Self.targets.map(Int64.init)),
            known: { _ in Set(1...7) },
            sampler: UniformNegatives(itemCount: 7),
            using: &random
        )
        #expect(try loss.item().isFinite)
        objective.kind = .crossEntropy
        #expect(throws: ConfigurationError.self) { try objective.validate() }
        (objective.kind, objective.sharedNegatives) = (.sampledSoftmax, true)
        #expect(throws: ConfigurationError.self) { try objective.validate() }
    }

    @Test("agrees with its definition, the target among the negatives not counting", arguments: Objective.Kind.allCases)
    func definitions(_ kind: Objective.Kind) throws {
        for (negatives, temperature) in [(1, 1.0), (4, 1.0), (6, 0.5)] {
            let objective = objective(kind, negatives: negatives, temperature: temperature)
            let numbers: [Int32] = [4, 1, 7, 3, 3, 2, 5, 4, 1]
            let sampler = ScriptedNegatives(numbers: numbers, probabilities: Self.probabilities)
            let drawn = (0..<Self.rows).map { row in
                (0..<negatives).map { place in
                    Int(numbers[((kind == .sampledSoftmax ? 0 : row * negatives) + place) % numbers.count]) - 1
                }
            }
            let found = try loss(objective, sampler)
            #expect(found.shape.isEmpty)
            try expect(found.item(), equals: naive(objective, drawn: drawn), "\(negatives) negatives")
        }
    }

    @Test("is finite, gradients included, when every negative is the target", arguments: Objective.Kind.allCases)
    func accidentalHits(_ kind: Objective.Kind) throws {
        let users = try Parameter(.ones([2, Self.width])).value
        let sampler = ScriptedNegatives(numbers: [4], probabilities: Self.probabilities)
        var random = SplitMix64(seed: 1)
        let found = try objective(kind, negatives: 3)(
            users,
            table,
            targets: Tensor([Int64(3), 3]),
            sampler: sampler,
            using: &random
        )
        if kind == .sampledSoftmax || kind == .bpr { #expect(try found.item() == 0) }
        try found.backward()
        #expect(try found.isFinite() && users.requiredGradient().isFinite() && table.requiredGradient().isFinite())
    }

    @Test("the sampled softmax approaches the full one, however the negatives are drawn")
    func sampledSoftmax() throws {
        let full = try loss(Objective(), UniformNegatives(itemCount: Self.items)).item()
        let many = objective(.sampledSoftmax, negatives: 200_000)
        try expect(loss(many, UniformNegatives(itemCount: Self.items)).item(), equals: full, within: 0.02)
        let skewed = try PopularityNegatives(counts: [1, 2, 30, 4, 5, 60, 7], exponent: 0.75)
        try expect(loss(many, skewed).item(), equals: full, within: 0.02)
    }

    @Test("calibration 0 of gBCE is binary cross-entropy")
    func calibration() throws {
        var plain = objective(.gbce, negatives: 4)
        plain.calibration = 0
        let sampler = UniformNegatives(itemCount: Self.items)
        try expect(loss(plain, sampler).item(), equals: loss(objective(.bce, negatives: 4), sampler).item())
    }

    @Test(
        "the same randomness draws the same negatives; the full softmax draws none",
        arguments: Objective.Kind.allCases
    )
    func repeatable(_ kind: Objective.Kind) throws {
        let objective = objective(kind, negatives: 4)
        let sampler = UniformNegatives(itemCount: Self.items)
        #expect(try loss(objective, sampler).item() == loss(objective, sampler).item())
        var random = SplitMix64(seed: 5)
        _ = try objective(users, table, targets: Tensor(Self.targets.map(Int64.init)), sampler: sampler, using: &random)
        #expect((random == SplitMix64(seed: 5)) == (kind == .crossEntropy))
    }

    @Test("makes the sampler that its settings ask for")
    func samplers() throws {
        var objective = Objective()
        let counts = [1, 0, 16]
        #expect(try objective.sampler(itemCounts: counts).probability(of: 2) == 1.0 / 3)
        objective.sampling = .popularity
        objective.exponent = 0.5
        let popular = try objective.sampler(itemCounts: counts)
        try expect((1...3).map(popular.probability), equal: [0.2, 0, 0.8])
        var random = SplitMix64(seed: 3)
        let drawn = popular.sample(20_000, using: &random)
        try expect(Double(drawn.filter { $0 == 3 }.count) / 20_000, equals: 0.8, within: 0.02)
        #expect(!drawn.contains(2))
    }

    @Test(
        "refuses impossible numbers",
        arguments: [
            (#"{"negatives": 0}"#, "loss.negatives"), (#"{"temperature": 0}"#, "loss.temperature"),
            (#"{"calibration": 1.5}"#, "loss.calibration"), (#"{"kind": "softmax"}"#, "sampled-softmax"),
        ]
    )
    func validation(_ text: String, _ named: String) throws {
        let error = #expect(throws: ConfigurationError.self) { try Objective(overriding: json(text), path: "loss") }
        #expect(try #require(error).description.contains(named))
    }
}
