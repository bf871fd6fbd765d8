// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeNN
import CascadeTorch
import Foundation
import TensorTestSupport
import TestSupport
import Testing

@testable import CascadeRecommenders

/// Alternating least squares beside loops over single numbers in double precision.
@Suite("ials against plain loops")
struct IALSTests {
    /// 12 users with up to 9 of 10 items; the last item is nobody's, and some users have an item twice.
    private static let sequences: [[Int]] = {
        var random = SplitMix64(seed: 3)
        return (0..<12).map { user in
            (0...(user % 9)).map { _ in Int.random(in: 0..<9, using: &random) }
        }
    }()
    private static let itemCount = 10

    private let folder: TemporaryFolder
    private let data: SplitDataset

    init() throws {
        folder = try TemporaryFolder()
        var builder = DatasetBuilder(name: "pairs")
        // First and with every item, so that items are numbered as they are here.
        for (user, items) in ([Array(0..<Self.itemCount) + [0]] + Self.sequences).enumerated() {
            for item in items { builder.add(Event(user: UserID("u\(user)"), item: ItemID("\(item)"))) }
            builder.setUserFeature("split", [user == 0 ? "test" : "train"], for: UserID("u\(user)"))
        }
        data = try SplitDataset(builder.write(to: folder.file("data"), minUserEvents: 1, minItemEvents: 1), .given)
    }

    private func settings(exponent: Double, iterations: Int) -> IALS.Configuration {
        var configuration = IALS.Configuration()
        (configuration.embeddingSize, configuration.iterations) = (4, iterations)
        (configuration.regWeight, configuration.frequencyExponent) = (0.05, exponent)
        configuration.unobservedWeight = 0.2
        return configuration
    }

    private func model(_ configuration: IALS.Configuration) throws -> IALS {
        let shape = DatasetShape(users: Self.sequences.count + 1, items: Self.itemCount)
        return try IALS(configuration, for: shape, using: Generator(seed: 1))
    }

    @Test("equals the loops, half step by half step", arguments: [0.0, 0.5, 1.0])
    func steps(_ exponent: Double) throws {
        let c = settings(exponent: exponent, iterations: 3)
        let model = try model(c)
        var reference = Reference(c, Self.sequences.map(Set.init), try rows(model.items.value))
        var half = 0
        try model.fit(Baskets(data)) { users in
            if half % 2 == 0 { reference.solveUsers() } else { reference.solveItems() }
            half += 1
            try expect(users, reference.users.flatMap { $0 }, within: 1e-4)
            try expect(model.items.value, reference.items.flatMap { $0 }, within: 1e-4)
        }
        #expect(half == 6)
        for history in [[0], [9], [3, 1, 3], [2, 5, 0, 7, 7, 2, 1]] {
            let user = reference.foldIn(Set(history))
            let expected = reference.items.map { zip($0, user).reduce(0) { $0 + $1.0 * $1.1 } }
            try expect(scores(model, history), equal: expected, within: 1e-4, "\(history)")
        }
    }

    @Test("the objective never rises from one half step to the next", arguments: [0.0, 1.0])
    func objective(_ exponent: Double) throws {
        let c = settings(exponent: exponent, iterations: 12)
        let model = try model(c)
        var losses: [Double] = []
        try model.fit(Baskets(data)) { users in
            let state = Reference(c, Self.sequences.map(Set.init), try rows(model.items.value), try rows(users))
            losses.append(state.objective)
        }
        #expect(losses.count == 24)
        for (before, after) in zip(losses, losses.dropFirst()) { #expect(after <= before * (1 + 1e-6)) }
        #expect(losses[23] < 0.9 * losses[0])
    }

    @Test("one feature, in closed form: w = n h / (n h^2 + alpha N h^2 + lambda (n + alpha N))")
    func closedForm() throws {
        var c = settings(exponent: 1, iterations: 1)
        c.embeddingSize = 1
        let model = try model(c)
        try model.items.value.fill(0.5)
        let found = try scores(model, [4, 2, 4])  // two different items
        let scale = c.unobservedWeight * 10
        let user = 2 * 0.5 / (2 * 0.25 + scale * 0.25 + c.regWeight * (2 + scale))
        try expect(found, equal: [Double](repeating: 0.5 * user, count: 10))
    }

    @Test("an item that nobody had has a vector of zeros")
    func unseen() throws {
        let model = try model(settings(exponent: 1, iterations: 2))
        try model.fit(to: data)
        #expect(try rows(model.items.value)[9] == [0, 0, 0, 0])
        #expect(try rows(model.items.value)[0].contains { $0 != 0 })
    }

    @Test(
        "refuses impossible settings",
        arguments: ["iterations", "reg_weight", "unobserved_weight", "initializer_std"]
    )
    func badSettings(_ key: String) {
        let error = #expect(throws: ConfigurationError.self) {
            try ModelRegistry.builtin.entry("ials").specification(.object([key: .integer(0)]))
        }
        #expect(error?.description.contains("model.\(key): found") == true)
    }

    private func scores(_ model: IALS, _ items: [Int]) throws -> [Double] {
        let history = History(user: 0, items: items.map { Int32($0 + 1) }, times: items.map { _ in 0 }, target: 1)
        return try model.scores(Batch(HostBatch([history], .left, .prefixes), noiseSeed: 1)).doubles()
    }
}

/// The same objective and its exact half steps, one number at a time.
private struct Reference {
    let c: IALS.Configuration
    let sets: [Set<Int>]
    var items: [[Double]]
    var users: [[Double]]

    init(_ c: IALS.Configuration, _ sets: [Set<Int>], _ items: [[Double]], _ users: [[Double]] = []) {
        (self.c, self.sets, self.items, self.users) = (c, sets, items, users)
    }

    private func owners(of item: Int) -> [Int] { sets.indices.filter { sets[$0].contains(item) } }

    private func ridge(_ count: Int, of choices: Int) -> Double {
        c.regWeight * pow(Double(count) + c.unobservedWeight * Double(choices), c.frequencyExponent)
    }

    var objective: Double {
        var sum = 0.0
        for (user, set) in sets.enumerated() {
            for item in items.indices {
                let score = zip(users[user], items[item]).reduce(0) { $0 + $1.0 * $1.1 }
                if set.contains(item) { sum += (score - 1) * (score - 1) }
                sum += c.unobservedWeight * score * score
            }
            sum += ridge(set.count, of: items.count) * users[user].reduce(0) { $0 + $1 * $1 }
        }
        for item in items.indices {
            sum += ridge(owners(of: item).count, of: sets.count) * items[item].reduce(0) { $0 + $1 * $1 }
        }
        return sum
    }

    mutating func solveUsers() { users = sets.map(foldIn) }

    mutating func solveItems() { items = items.indices.map { solved(owners(of: $0), users) } }

    func foldIn(_ set: Set<Int>) -> [Double] { solved(set.sorted(), items) }

    /// The vector that minimizes the objective while the other side stays.
    private func solved(_ observed: [Int], _ others: [[Double]]) -> [Double] {
        let width = others[0].count
        var matrix = (0..<width).map { row in
            (0..<width).map { column in
                let products = others.map { $0[row] * $0[column] }
                return observed.reduce(0) { $0 + products[$1] } + c.unobservedWeight * products.reduce(0, +)
                    + (row == column ? ridge(observed.count, of: others.count) : 0)
            }
        }
        var side = (0..<width).map { feature in observed.reduce(0) { $0 + others[$1][feature] } }
        for pivot in 0..<width {  // Gauss and Jordan
            let scale = matrix[pivot][pivot]
            (matrix[pivot], side[pivot]) = (matrix[pivot].map { $0 / scale }, side[pivot] / scale)
            for row in 0..<width where row != pivot {
                let factor = matrix[row][pivot]
                for column in 0..<width { matrix[row][column] -= factor * matrix[pivot][column] }
                side[row] -= factor * side[pivot]
            }
        }
        return side
    }
}

/// `[M, N]` as rows.
private func rows(_ x: Tensor) throws -> [[Double]] {
    let (flat, width) = (try x.doubles(), x.size(1))
    return (0..<x.size(0)).map { Array(flat[$0 * width..<($0 + 1) * width]) }
}
