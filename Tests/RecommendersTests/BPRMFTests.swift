// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeNN
import CascadeTorch
import Foundation
import TensorTestSupport
import Testing

@testable import CascadeRecommenders

/// Matrix factorization beside loops over single numbers.
@Suite("bpr-mf against plain loops", .rounding)
struct BPRMFTests {
    let model: BPRMF
    let users: [[Double]]
    let items: [[Double]]
    let biases: [[Double]]
    let map: [[Double]]

    init() throws {
        var configuration = BPRMF.Configuration()
        (configuration.embeddingSize, configuration.itemBias) = (5, true)
        model = try BPRMF(configuration, for: Subject.data, using: Generator(seed: 1))
        let generator = try Generator(seed: 2)
        for parameter in try model.parameters().map(\.part.value) {
            try withoutGradients { try parameter.assign(.normal(parameter.shape, deviation: 0.5, using: generator)) }
        }
        users = try rows(model.users.weight.value)
        items = try rows(model.items.weight.value)
        biases = try rows(#require(model.biases).weight.value)
        map = try rows(model.unknown.weight.value)
        try Rounding.disturb(model)
    }

    /// The vector of a user by the history alone, and a 1 for the biases.
    private func foldedIn(_ history: History) -> [Double] {
        let mean = (0..<5).map { feature in
            history.items.reduce(0) { $0 + items[Int($1)][feature] } / Double(history.items.count)
        }
        return map.map { zip($0, mean).reduce(0) { $0 + $1.0 * $1.1 } } + [1]
    }

    private func known(_ history: History) -> [Double] { users[Int(history.user) + 1] + [1] }

    /// A batch whose first and fourth users are unknown in training: normal numbers far below the others.
    private func batch() throws -> Batch {
        let numbers = try Tensor([-9, 1, 1, -9, 1, 1] as [Float], shape: [6, 1])
        let noise = try Noise.fixed(integers: .zeros([6], .int64), normals: [0: numbers])
        return try Batch(HostBatch(History.rows, .left, .prefixes), noise: noise)
    }

    @Test("training takes each user's own vector, or that of the history where the user is unknown")
    func training() throws {
        let output = try model.trainingOutput(batch())
        #expect(output.predictions.count == 1 && output.terms.isEmpty)
        let expected = History.rows.enumerated().flatMap { row, history in
            row == 0 || row == 3 ? foldedIn(history) : known(history)
        }
        try expect(output.predictions[0].vectors, expected, shape: [6, 6])
    }

    @Test("users without a training example, and those whom the data do not know, are folded in")
    func inference() throws {
        var histories = History.rows
        let fresh = try model.userVectors(Batch(HostBatch(histories, .left, .prefixes), noiseSeed: 1))
        try expect(fresh, histories.flatMap(foldedIn), shape: [6, 1, 6])
        _ = try model.trainingOutput(batch())
        histories[1].user = -1
        histories[2].user = 49
        let found = try model.userVectors(Batch(HostBatch(histories, .left, .prefixes), noiseSeed: 1))
        let expected = histories.enumerated().flatMap { row, history in
            row == 1 || row == 2 ? foldedIn(history) : known(history)
        }
        try expect(found, expected, shape: [6, 1, 6])
    }

    @Test("an item's vector ends with its bias, and single look-ups agree with the table")
    func catalog() throws {
        let expected = items.dropFirst().enumerated().map { $1 + biases[$0] }
        try expect(model.itemVectors(), expected.flatMap { $0 }, shape: [20, 6])
        let numbers = try Tensor([3, 0, 19] as [Int64])
        try expect(model.itemVectors(numbers), [3, 0, 19].flatMap { expected[$0] }, shape: [3, 6])
    }

    @Test("the paper's loss is the log-odds of the target over every drawn item")
    func loss() throws {
        var objective = Objective()
        (objective.kind, objective.negatives) = (.bpr, 3)
        var (random, again) = (SplitMix64(seed: 5), SplitMix64(seed: 5))
        let batch = try batch()
        let sampler = UniformNegatives(itemCount: 20)
        let terms = try objective.terms(
            model.trainingOutput(batch),
            of: model,
            targets: batch.targets,
            sampler: sampler,
            using: &random
        )
        let drawn = sampler.sample(18, using: &again)
        var sum = 0.0
        for (row, history) in History.rows.enumerated() {
            let user = row == 0 || row == 3 ? foldedIn(history) : known(history)
            func score(_ item: Int) -> Double {
                zip(user, items[item] + biases[item - 1]).reduce(0) { $0 + $1.0 * $1.1 }
            }
            // An item drawn that is the target itself counts for nothing.
            for item in drawn[row * 3..<row * 3 + 3].map(Int.init) where item != Int(history.target) {
                sum += log1p(exp(score(item) - score(Int(history.target))))
            }
        }
        try expect(terms[0].loss.item(), equals: sum / 18)
    }
}

/// `[M, N]` as rows.
private func rows(_ x: Tensor) throws -> [[Double]] {
    let (flat, width) = (try x.doubles(), x.size(1))
    return (0..<x.size(0)).map { Array(flat[$0 * width..<($0 + 1) * width]) }
}
