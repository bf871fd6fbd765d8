// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeTorch
import Foundation
import TensorTestSupport
import TestSupport
import Testing

@testable import CascadeRecommenders

/// Training events of a few users, and what models of item pairs should make of them, counted naively.
private struct World {
    private let folder: TemporaryFolder
    let data: SplitDataset
    /// What each training user had, as a set of items from 0.
    let sets: [Set<Int>]
    let itemCount: Int

    /// Users with the given histories, and one held-out user who has every item.
    init(_ histories: [[Int]], itemCount: Int) throws {
        folder = try TemporaryFolder()
        var builder = DatasetBuilder(name: "pairs")
        func add(_ user: UserID, _ items: [Int], _ part: String) {
            for item in items { builder.add(Event(user: user, item: ItemID("\(item)"))) }
            builder.setUserFeature("split", [part], for: user)
        }
        add("everything", (0..<itemCount) + [0], "test")  // first, so that items are numbered as they are here
        for (user, items) in histories.enumerated() { add(UserID("u\(user)"), items, "train") }
        data = try SplitDataset(
            builder.write(to: folder.file("data"), minUserEvents: 1, minItemEvents: 1),
            .given
        )
        (sets, self.itemCount) = (histories.map(Set.init), itemCount)
    }

    /// 60 users with up to 12 of 16 items, some items twice and the low ones often; the last is in no training event.
    init(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let histories = (0..<60).map { _ in
            (0..<Int.random(in: 1...12, using: &random)).map { _ in
                Int.random(in: 0..<Int.random(in: 1...15, using: &random), using: &random)
            }
        }
        try self.init(histories, itemCount: 16)
    }

    func fitted(_ name: String, _ settings: [String: JSONValue] = [:]) throws -> any FittedRetriever {
        let shape = DatasetShape(users: data.dataset.userCount, items: itemCount)
        let model = try ModelRegistry.builtin.entry(name).specification(.object(settings)).make(
            for: shape,
            using: Generator(seed: 1)
        )
        let fitted = try #require(model.fittedRetriever)
        try fitted.fit(to: data)
        return fitted
    }

    /// In how many sets both items are.
    func together(_ i: Int, _ j: Int) -> Double { Double(sets.count { $0.contains(i) && $0.contains(j) }) }

    /// Scores by item-knn's definition.
    func neighborScores(_ history: [Int], neighbors: Int, shrinkage: Double, halfLife: Double, own: Double)
        -> [Double]
    {
        var scores = [Double](repeating: 0, count: itemCount)
        for item in Set(history) {
            let weights = history.indices.filter { history[$0] == item }.map { place in
                halfLife == 0 ? 1 : pow(0.5, Double(history.count - 1 - place) / halfLife)
            }
            let weight = min(1, weights.reduce(0, +))
            let similarities = (0..<itemCount).filter { $0 != item }.map { other in
                (
                    other,
                    together(item, other) / ((together(item, item) * together(other, other)).squareRoot() + shrinkage)
                )
            }
            for (other, similarity) in similarities.filter({ $0.1 > 0 }).sorted(by: { ($1.1, $0.0) < ($0.1, $1.0) })
                .prefix(neighbors)
            {
                scores[other] += weight * similarity
            }
            scores[item] += own * weight
        }
        return scores
    }

    /// Scores by EASE's definition, in double precision.
    func linearScores(_ history: [Int], lambda: Double, own: Double) -> [Double] {
        var gram = (0..<itemCount).map { i in (0..<itemCount).map { together(i, $0) + (i == $0 ? lambda : 0) } }
        var inverse = (0..<itemCount).map { i in (0..<itemCount).map { i == $0 ? 1.0 : 0 } }
        for pivot in 0..<itemCount {  // Gauss and Jordan; a positive definite matrix needs no exchange of rows
            let scale = gram[pivot][pivot]
            (gram[pivot], inverse[pivot]) = (gram[pivot].map { $0 / scale }, inverse[pivot].map { $0 / scale })
            for row in 0..<itemCount where row != pivot {
                let factor = gram[row][pivot]
                for column in 0..<itemCount {
                    gram[row][column] -= factor * gram[pivot][column]
                    inverse[row][column] -= factor * inverse[pivot][column]
                }
            }
        }
        return (0..<itemCount).map { j in
            Set(history).reduce(0) { $0 + ($1 == j ? own : -inverse[$1][j] / inverse[j][j]) }
        }
    }
}

/// Scores `[B, N]` of histories of items from 0.
private func scores(_ model: any CatalogScorer, _ histories: [[Int]], columns: Int? = nil) throws -> [[Double]] {
    let rows = histories.enumerated().map { user, items in
        History(
            user: Int32(user),
            items: items.map { Int32($0 + 1) },
            times: items.map { _ in 0 },
            target: 1
        )
    }
    let host = HostBatch(rows, type(of: model).padding, .prefixes, columns: columns)
    let flat = try model.scores(Batch(host, noiseSeed: 1))
    let width = flat.size(1)
    let numbers = try flat.doubles()
    return histories.indices.map { Array(numbers[$0 * width..<($0 + 1) * width]) }
}

private let histories = [[0], [15], [3, 1, 3], [2, 5, 0, 7, 7, 2, 1], [14, 13, 12, 11, 10, 9, 8, 1, 2, 3]]

@Suite("Models of pairs of items")
struct ItemModelTests {
    @Test(
        "item-knn agrees with its definition",
        arguments: 1...3 as ClosedRange<UInt64>,
        [(2, 0.0), (5, 3.0), (100, 10.0)]
    )
    func neighborsNaively(_ seed: UInt64, _ setting: (neighbors: Int, shrinkage: Double)) throws {
        let world = try World(seed: seed)
        for (halfLife, own) in [(0.0, 0.0), (1.5, 0.25)] {
            let model = try world.fitted(
                "item-knn",
                [
                    "num_neighbors": .integer(setting.neighbors), "shrinkage": .number(setting.shrinkage),
                    "half_life_events": .number(halfLife), "own": .number(own),
                ]
            )
            for (history, found) in zip(histories, try scores(model, histories)) {
                let expected = world.neighborScores(
                    history,
                    neighbors: setting.neighbors,
                    shrinkage: setting.shrinkage,
                    halfLife: halfLife,
                    own: own
                )
                try expect(found, equal: expected, "\(history)")
            }
        }
    }

    @Test("ease agrees with its definition", arguments: 1...3 as ClosedRange<UInt64>, [0.5, 20.0])
    func linearNaively(_ seed: UInt64, _ lambda: Double) throws {
        let world = try World(seed: seed)
        for own in [0.0, 0.5] {
            let model = try world.fitted("ease", ["reg_weight": .number(lambda), "own": .number(own)])
            for (history, found) in zip(histories, try scores(model, histories)) {
                try expect(found, equal: world.linearScores(history, lambda: lambda, own: own), "\(history)")
            }
        }
    }

    @Test("item-knn by hand: cosine, shrinkage, the nearest, recency, own")
    func neighborsByHand() throws {
        // Sets: {0, 1}, {0, 1}, {0, 2}, {1}, and item 3 alone. n = 3, 3, 1, 1; together (0, 1) 2, (0, 2) 1.
        let world = try World([[0, 1, 1], [1, 0], [2, 0], [1], [3]], itemCount: 4)
        let root = 3.0.squareRoot()
        let plain: [String: JSONValue] = ["shrinkage": .number(0)]
        try expect(scores(world.fitted("item-knn", plain), [[0]])[0], equal: [0, 2 / 3.0, 1 / root, 0])
        let shrunk = try world.fitted("item-knn", ["shrinkage": .number(2)])
        try expect(scores(shrunk, [[0]])[0], equal: [0, 2 / 5.0, 1 / (root + 2), 0])
        let nearest = try world.fitted("item-knn", plain.merging(["num_neighbors": .integer(1)]) { $1 })
        try expect(scores(nearest, [[0]])[0], equal: [0, 2 / 3.0, 0, 0])
        let recent = try world.fitted(
            "item-knn",
            plain.merging(["half_life_events": .number(1), "own": .number(0.5)]) { $1 }
        )
        // 1 is the latest and weighs 1; 2, one place before it, weighs a half, and so do both of their own similarities.
        try expect(scores(recent, [[2, 1]])[0], equal: [2 / 3.0 + 0.5 / root, 0.5, 0.25, 0])
        try expect(scores(recent, [[3, 3]])[0], equal: [0, 0, 0, 0.5])
    }

    @Test("ease by hand: two items, whose only weight is n(0, 1) / (n(0) + lambda)")
    func linearByHand() throws {
        // X'X + 2 I = [[5, 2], [2, 4]]; its inverse is [[4, -2], [-2, 5]] / 16; B(0, 1) = 2 / 5, B(1, 0) = 2 / 4.
        let world = try World([[0, 1], [1, 0], [0]], itemCount: 2)
        let model = try world.fitted("ease", ["reg_weight": .number(2)])
        try expect(
            scores(model, [[0], [1], [0, 1], [1, 1]]).flatMap { $0 },
            equal: [0, 0.4, 0.5, 0, 0.5, 0.4, 0.5, 0]
        )
    }

    @Test("equal neighbors are kept in the order of their numbers")
    func ties() throws {
        let world = try World([[0, 4, 1, 3, 2], [1, 0, 2, 3, 4]], itemCount: 5)
        let model = try world.fitted("item-knn", ["num_neighbors": .integer(2), "shrinkage": .number(0)])
        #expect(try scores(model, [[0]])[0] == [0, 1, 1, 0, 0])
        #expect(try scores(model, [[3]])[0] == [1, 1, 0, 0, 0])
    }

    @Test(
        "a score depends neither on padding nor on who else is in the batch",
        arguments: ["item-knn", "ease", "ials"]
    )
    func independence(_ name: String) throws {
        let settings: [String: JSONValue] = name == "ials" ? [:] : ["own": .number(0.1)]
        let recency: [String: JSONValue] = name == "item-knn" ? ["half_life_events": .number(2)] : [:]
        let model = try World(seed: 4).fitted(name, settings.merging(recency) { $1 })
        let together = try scores(model, histories, columns: 14)
        for (row, history) in histories.enumerated() { try expect(scores(model, [history])[0], equal: together[row]) }
    }

    @Test("what was fitted survives saving and loading", arguments: ["item-knn", "ease", "ials"])
    func roundTrip(_ name: String) throws {
        let world = try World(seed: 5)
        let (folder, old) = (try TemporaryFolder(), try world.fitted(name))
        try Checkpoint.save(old, to: folder.file("weights.safetensors"))
        let shape = DatasetShape(users: world.data.dataset.userCount, items: world.itemCount)
        let new = try ModelRegistry.builtin.entry(name).specification(.object([:])).make(
            for: shape,
            using: Generator(seed: 2)
        )
        try Checkpoint.load(folder.file("weights.safetensors"), into: new)
        #expect(try scores(#require(new.catalogScorer), histories) == scores(old, histories))
        #expect(try scores(old, histories)[0].contains { $0 > 0 })
    }

    @Test("an item outside the catalog is refused", arguments: ["item-knn", "ease", "ials"])
    func foreignItem(_ name: String) throws {
        let model = try World(seed: 6).fitted(name)
        #expect(throws: TorchError.self) { try scores(model, [[1, 16], [2, 3]]) }
    }

    @Test("a catalog of one item, and items that nobody had, score 0", arguments: ["item-knn", "ease", "ials"])
    func degenerate(_ name: String) throws {
        let lonely = try World([[0]], itemCount: 1).fitted(name)
        #expect(throws: Never.self) { try scores(lonely, [[0]]) }
        let model = try World([[0, 1]], itemCount: 4).fitted(name)
        #expect(try scores(model, [[3, 2]])[0] == [0, 0, 0, 0])
    }

    @Test("ease refuses a catalog that is too large, with the memory that it needs and what to do")
    func tooLarge() throws {
        let shape = DatasetShape(users: 1, items: 40_000)
        let error = #expect(throws: ConfigurationError.self) {
            try ModelRegistry.builtin.entry("ease").specification(.object(["maxItems": .integer(30_000)])).make(
                for: shape,
                using: Generator(seed: 1)
            )
        }
        let text = try #require(error).description
        #expect(text.contains("found a catalog of 40000 items, expected at most 30000"))
        #expect(text.contains("12.8 GB") && text.contains("--min-item-events") && text.contains("item-knn"))
    }

    @Test("ease takes as many items as half of the memory holds, and says what a large catalog takes")
    func effort() throws {
        #expect(EASE.maxItems(memory: 16e9) == 31_622)
        let unlimited = DatasetShape(users: 1, items: 4_000_000)
        let error = #expect(throws: ConfigurationError.self) {
            try ModelRegistry.builtin.entry("ease").specification(.object([:])).make(
                for: unlimited,
                using: Generator(seed: 1)
            )
        }
        #expect(try #require(error).description.contains("half of this machine's memory"))
        func effort(_ items: Int) throws -> FittingEffort? {
            let model = try EASE(.init(), for: DatasetShape(users: 1, items: items), using: Generator(seed: 1))
            return try model.effort()
        }
        #expect(try effort(500) == nil)
        let found = try #require(try effort(4_000))
        #expect(found.bytes == 8 * 16e6 && found.seconds > 0 && found.seconds.isFinite)
        #expect(found.description.contains("4000 x 4000 matrix") && found.description.contains("0.1 GB"))
    }

    @Test(
        "refuses impossible settings",
        arguments: [
            ("item-knn", "num_neighbors", 0.0), ("item-knn", "max_sequence_length", 0), ("item-knn", "shrinkage", -1),
            ("item-knn", "half_life_events", -1), ("item-knn", "self_similarity", -0.5), ("ease", "reg_weight", 0),
            ("ease", "self_weight", -1),
            ("ease", "max_items", -1), ("ease", "max_sequence_length", 0),
        ]
    )
    func badSettings(_ model: String, _ key: String, _ value: Double) {
        let number = value == value.rounded() ? JSONValue.integer(Int(value)) : .number(value)
        let error = #expect(throws: ConfigurationError.self) {
            try ModelRegistry.builtin.entry(model).specification(.object([key: number]))
        }
        #expect(error?.description.contains("model.\(key): found") == true)
    }
}
