// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeRecommenders
import CascadeTorch
import CascadeTraining
import Foundation
import Testing

@testable import CascadeAnalysis

@Suite("Computations of analyses")
struct ComputationTests {
    @Test("deciles are equal in size, rise, and keep equal values together")
    func deciles() {
        let even = Deciles((0..<50).reversed().map(Double.init)).groups
        #expect(even.map(\.number) == Array(1...10) && even.allSatisfy { $0.members.count == 5 })
        #expect(even[0].range == 0...4 && even[0].members == [49, 48, 47, 46, 45])
        // Six of ten values are 1: one group up to the sixth; the next is the seventh.
        let tied = Deciles([1, 1, 1, 1, 1, 1, 2, 3, 4, 5]).groups
        #expect(tied.map(\.number) == [1, 7, 8, 9, 10] && tied[0].members == [0, 1, 2, 3, 4, 5])
        #expect(Deciles([3, 1]).groups.map(\.members) == [[1], [0]] && Deciles([]).groups.isEmpty)
    }

    @Test("the cosine of neighbors, by hand; one item has no neighbor")
    func neighbors() throws {
        let vectors = try Tensor([1, 0, 0, 2, 3, 3] as [Float], shape: [3, 2])
        let found = try AdjacentSimilarity.similarities(of: [[0, 1], [0, 0, 2], [1], []], vectors)
        #expect(found[0] == 0 && found[2] == nil && found[3] == nil)
        #expect(abs((found[1] ?? 0) - (1 + 0.5.squareRoot()) / 2) < 1e-6)
    }

    @Test("accuracy and macro F1 of a hand case, an item having as many guesses as categories")
    func scores() {
        let scores = [[3.0, 2, 1], [3, 2, 1], [1, 2, 3], [1, 3, 2]]
        let result = ProbeResult(scores: scores, labels: [[0], [1], [2], [1, 2]], classes: 4)
        #expect(result.hits == [1, 0, 1, 1] && result.accuracy == 0.75)
        // Class 0: guessed twice, once right, there once: 2/3. Class 1: guessed once, right, there twice: 2/3.
        // Class 2: guessed twice, both right, there twice: 1. Class 3 is not there.
        #expect(abs(result.macroF1 - (2 / 3.0 + 2 / 3.0 + 1) / 3) < 1e-12)
    }

    @Test("the probe separates what is separable, and learns nothing from noise")
    func probe() throws {
        let labels = (0..<120).map { [$0 % 3] }
        let random = try Tensor.normal([120, 4], using: Generator(seed: 2))
        let corners = try Tensor(
            labels.flatMap { label in (0..<4).map { Float($0 == label[0] ? 3 : 0) } },
            shape: [120, 4]
        )
        let probe = Probe(labels: labels, classes: 3)
        let knowing = try probe.result(of: random + corners)
        #expect(knowing.accuracy > 0.9 && knowing.macroF1 > 0.9)
        #expect(try abs(probe.result(of: random).accuracy - 1 / 3.0) < 0.15)
        let skewed = Probe(labels: (0..<100).map { [$0 % 4 == 0 ? 1 : 0] }, classes: 2).baseline()
        #expect(skewed.accuracy == 0.75 && abs(skewed.macroF1 - 6 / 14.0) < 1e-12)
    }

    @Test("principal components of points along known directions")
    func components() throws {
        // 3 along (0.6, 0.8, 0), 1 along (0.8, -0.6, 0), nothing along the third axis.
        var points: [Float] = []
        for (a, b) in [(3.0, 1.0), (3, -1), (-3, 1), (-3, -1)] {
            points += [0.6 * a + 0.8 * b + 5, 0.8 * a - 0.6 * b, 7].map(Float.init)
        }
        let found = try PrincipalComponents(Tensor(points, shape: [4, 3]))
        #expect(zip(found.coordinates, [3.0, 3, -3, -3]).allSatisfy { abs($0.x - $1) < 1e-5 })
        #expect(zip(found.coordinates, [1.0, -1, 1, -1]).allSatisfy { abs($0.y - $1) < 1e-5 })
        #expect(zip(found.shares, [0.9, 0.1]).allSatisfy { abs($0 - $1) < 1e-6 })
    }

    @Test("the most common categories keep their names, the others share one")
    func categories() {
        let few = EmbeddingMap.names(["a", nil, "b", "a"])
        #expect(few == ["a", "none", "b", "a"])
        let many = EmbeddingMap.names((0..<10).flatMap { [String?](repeating: "c\($0)", count: 12 - $0) })
        #expect(Set(many).count == EmbeddingMap.colors + 1 && many.last == "other" && many.first == "c0")
    }

    @Test("curves are thinned to means of neighbors")
    func thinning() {
        let short = LossCurves.binned([(1, 3), (2, 5)])
        #expect(short.map(\.step) == [1, 2] && short.map(\.mean) == [3, 5])
        let long = LossCurves.binned((1...1000).map { ($0, Double($0)) })
        #expect(long.count == LossCurves.points && long[0].mean == 3 && long[0].least == 1 && long[0].largest == 5)
        #expect(long.last?.step == 1000)
        #expect(ReverseProcess.spread(4) == [0, 1, 2, 3])
        let spread = ReverseProcess.spread(500)
        #expect(spread.count == ReverseProcess.measuredSteps && spread.first == 0 && spread.last == 499)
    }

    @Test("the key that differs is found, asked for where there are several, and checked")
    func key() throws {
        let a: [String: JSONValue] = ["model.steps": .integer(2), "training.batch": .integer(8)]
        let b = a.merging(["model.steps": .integer(4)]) { $1 }
        let c = b.merging(["training.batch": .integer(16)]) { $1 }
        #expect(try Sensitivity.key([a, b], nil).key == "model.steps")
        let given = try Sensitivity.key([a, b, c], "model.steps")
        #expect(given.key == "model.steps" && given.others == ["training.batch"])
        for (settings, key, text) in [
            ([a, c], nil, "model.steps, training.batch; say with --key"), ([a, a], nil, "the same settings"),
            ([a, b], "model.step", "no run has the setting 'model.step'"),
            ([a, b], "training.batch", "do not differ in"),
        ] as [([[String: JSONValue]], String?, String)] {
            let error = #expect(throws: ConfigurationError.self) { try Sensitivity.key(settings, key) }
            #expect(try #require(error).description.contains(text))
        }
    }

    @Test("runs are called by the shortest ends of their paths that differ")
    func labels() {
        #expect(AnalyzedRun.labels(of: [["/", "runs", "a"], ["/", "runs", "b"]]) == ["a", "b"])
        #expect(AnalyzedRun.labels(of: [["/", "x", "run"], ["/", "y", "run"]]) == ["x/run", "y/run"])
        #expect(AnalyzedRun.labels(of: [["/", "x", "run"]]) == ["run"])
    }

    @Test("the cosine of rows, zero for a row of zeros")
    func cosine() throws {
        let a = try Tensor([1, 0, 0, 0, 1, 1] as [Float], shape: [3, 2])
        let b = try Tensor([-2, 0, 1, 1, 2, 0] as [Float], shape: [3, 2])
        let found = try ReverseProcess.cosine(a, b)
        #expect(zip(found, [-1, 0, 0.5.squareRoot()]).allSatisfy { abs($0 - $1) < 1e-6 })
    }
}
