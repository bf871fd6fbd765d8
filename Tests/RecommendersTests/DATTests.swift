// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeNN
import CascadeTorch
import Foundation
import TensorTestSupport
import Testing

@testable import CascadeRecommenders

/// DAT beside its equations, one number at a time in double precision.
@Suite("DAT against plain loops", .rounding)
struct DATTests {
    private let model: DAT
    private let reference: DATReference

    init() throws {
        var configuration = DAT.Configuration()
        (configuration.embeddingSize, configuration.maxSequenceLength, configuration.hiddenUnits) = (5, 12, [7, 6])
        (configuration.dropout, configuration.temperature) = (0, 0.5)
        configuration.userMimicLossWeight = 0.25
        (configuration.itemMimicLossWeight, configuration.categoryLossWeight) = (0.75, 2)
        let categories = (0..<20).map { Int32($0 * $0 % 5) }
        let data = DatasetShape(users: 50, items: 20, categories: categories)
        model = try DAT(configuration, for: data, using: Generator(seed: 1))
        let generator = try Generator(seed: 2)
        for parameter in try model.parameters().map(\.part.value) {
            try withoutGradients { try parameter.assign(.normal(parameter.shape, deviation: 0.5, using: generator)) }
        }
        reference = try DATReference(model, categories.map(Int.init))
        try Rounding.disturb(model)
    }

    /// A training pass in which the users of these rows are unknown.
    private func output(unknown: Set<Int>) throws -> TrainingOutput {
        let draws = History.rows.indices.map { unknown.contains($0) ? 0 : Int64(1 + $0) }
        let host = HostBatch(History.rows, .right, .causal)
        return try model.trainingOutput(Batch(host, noise: .fixed(integers: Tensor(draws), normals: [:])))
    }

    /// The user tower's vector after every item, and what follows.
    private func pairs(unknown: Set<Int>) -> [(user: Int, vector: [Double], target: Int)] {
        History.rows.enumerated().flatMap { row, history in
            let user = unknown.contains(row) ? 0 : Int(history.user) + 1
            let targets = history.items.dropFirst() + [history.target]
            return targets.enumerated().map { place, target in
                (user, reference.user(user, history.items[0...place].map(Int.init)), Int(target))
            }
        }
    }

    @Test("a score is the cosine of the towers' vectors, divided by the temperature")
    func scores() throws {
        let batch = try Batch(HostBatch(History.rows, .right, .causal), noiseSeed: 1)
        let expected = History.rows.flatMap { history in
            let user = reference.user(Int(history.user) + 1, history.items.map(Int.init))
            return (1...20).map { item in dot(user, reference.item(item)) / 0.5 }
        }
        try expect(model.scores(batch), expected, shape: [6, 20])
    }

    @Test("training's vectors, with users known and unknown")
    func training() throws {
        let output = try output(unknown: [2, 5])
        #expect(output.predictions.count == 1)
        let expected = pairs(unknown: [2, 5]).flatMap { $0.vector.map { $0 / 0.5 } }
        try expect(output.vectors, expected, shape: [39, 5])
    }

    @Test("augmented vectors are held to what the other tower gives for the same pair")
    func mimicking() throws {
        let terms = try output(unknown: [2]).terms
        #expect(terms.map(\.name) == ["mimic-user", "mimic-item", "categories"])
        let pairs = pairs(unknown: [2])
        let users = pairs.map { squaredDistance(reference.userAugmentation[$0.user], reference.item($0.target)) }
        let items = pairs.map { squaredDistance(reference.itemAugmentation[$0.target], $0.vector) }
        try expect(terms[0].loss.item(), equals: 0.25 * users.reduce(0, +) / 39)
        try expect(terms[1].loss.item(), equals: 0.75 * items.reduce(0, +) / 39)
    }

    @Test("mimicking moves the augmented vectors, and neither tower")
    func direction() throws {
        let terms = try output(unknown: []).terms
        try (terms[0].loss + terms[1].loss).backward()
        let moved = try model.parameters().filter { try $0.part.value.gradient() != nil }.map(\.name)
        #expect(moved == ["itemAugmentation.weight", "userAugmentation.weight"])
    }

    @Test("the covariances of categories are held to that of the largest among the targets")
    func alignment() throws {
        let targets = Set(pairs(unknown: []).map(\.target)).sorted()
        let groups = Dictionary(grouping: targets) { reference.categories[$0 - 1] }
        let sizes = groups.mapValues(\.count)
        let largest = try #require(sizes.max { ($0.value, -$0.key) < ($1.value, -$1.key) }).key
        #expect(sizes.values.contains { $0 == 1 } || sizes.count > 2)
        let covariances = groups.mapValues { covariance($0.map(reference.item)) }
        let expected = try groups.keys.filter { (sizes[$0] ?? 0) > 1 }
            .map { squaredDistance(try #require(covariances[$0]), try #require(covariances[largest])) }
        #expect(expected.count > 1)
        try expect(output(unknown: []).terms[2].loss.item(), equals: 2 * expected.reduce(0, +))
    }

    @Test("somebody whom the data do not know has the vector of unknown users")
    func strangers() throws {
        let rows = History.rows.map { History(user: -1, items: $0.items, times: $0.times, target: $0.target) }
        let found = try model.userVectors(Batch(HostBatch(rows, .right, .causal), noiseSeed: 1))
        let expected = rows.flatMap { reference.user(0, $0.items.map(Int.init)).map { $0 / 0.5 } }
        try expect(found, expected, shape: [6, 1, 5])
    }
}

@Suite("DAT's parts")
struct DATPartsTests {
    @Test("a category of one item has no covariance, and one category alone differs from none")
    func categories() throws {
        let vectors = try Tensor([1, 0, -1, 0, 0, 3, 0, -3, 5, 5] as [Float], shape: [5, 2])
        // Covariances: diag(2, 0) of the first two, diag(0, 18) of the next; the last is alone.
        let loss = try categoryAlignment(vectors, Tensor([4, 4, 7, 7, 9] as [Int64]))
        #expect(try loss.item() == 4 + 18 * 18)
        #expect(try categoryAlignment(vectors, Tensor([3, 3, 3, 3, 3] as [Int64])).item() == 0)
    }

    @Test("without weights there are no further terms")
    func plain() throws {
        var configuration = DAT.Configuration()
        (configuration.userMimicLossWeight, configuration.itemMimicLossWeight) = (0, 0)
        let model = try DAT(configuration, for: Subject.data, using: Generator(seed: 1))
        let batch = try Batch(HostBatch(History.rows, .right, .causal), noise: .drawn(Generator(seed: 1)))
        #expect(try model.trainingOutput(batch).terms.isEmpty)
    }
}

/// The two towers.
///
/// Items and users count from 1; user 0 is unknown.
private struct DATReference {
    let items: [[Double]]
    let categoryTable: [[Double]]
    let categories: [Int]  // by item from 0, from 0
    let itemAugmentation: [[Double]]
    let userAugmentation: [[Double]]
    let userTower: [(weight: [[Double]], bias: [Double])]
    let itemTower: [(weight: [[Double]], bias: [Double])]

    init(_ model: DAT, _ categories: [Int]) throws {
        func layers(_ tower: Tower) throws -> [(weight: [[Double]], bias: [Double])] {
            try tower.layers.map { (try rows($0.weight.value), try #require($0.bias).value.doubles()) }
        }
        items = try rows(model.items.weight.value)
        categoryTable = try rows(#require(model.categories).weight.value)
        self.categories = categories
        itemAugmentation = try rows(model.itemAugmentation.weight.value)
        userAugmentation = try rows(model.userAugmentation.weight.value)
        (userTower, itemTower) = (try layers(model.userTower), try layers(model.itemTower))
    }

    func user(_ user: Int, _ history: [Int]) -> [Double] {
        let mean = items[0].indices.map { feature in
            history.reduce(0) { $0 + items[$1][feature] } / Double(history.count)
        }
        return unit(mean + userAugmentation[user], userTower)
    }

    func item(_ item: Int) -> [Double] {
        unit(items[item] + categoryTable[categories[item - 1] + 1] + itemAugmentation[item], itemTower)
    }

    private func unit(_ x: [Double], _ tower: [(weight: [[Double]], bias: [Double])]) -> [Double] {
        let last = tower.enumerated().reduce(x) { x, layer in
            let y = zip(layer.element.weight, layer.element.bias).map { dot($0, x) + $1 }
            return layer.offset == tower.count - 1 ? y : y.map { max(0, $0) }
        }
        let size = dot(last, last).squareRoot()
        return last.map { $0 / size }
    }
}

/// The unbiased covariance of vectors, row by row.
private func covariance(_ vectors: [[Double]]) -> [Double] {
    let (count, width) = (Double(vectors.count), vectors[0].count)
    let mean = (0..<width).map { feature in vectors.reduce(0) { $0 + $1[feature] } / count }
    return (0..<width * width).map { place in
        let (i, j) = (place / width, place % width)
        return vectors.reduce(0) { $0 + ($1[i] - mean[i]) * ($1[j] - mean[j]) } / max(count - 1, 1)
    }
}

private func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }

private func squaredDistance(_ a: [Double], _ b: [Double]) -> Double {
    zip(a, b).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
}

/// `[M, N]` as rows.
private func rows(_ x: Tensor) throws -> [[Double]] {
    let (flat, width) = (try x.doubles(), x.size(1))
    return (0..<x.size(0)).map { Array(flat[$0 * width..<($0 + 1) * width]) }
}
