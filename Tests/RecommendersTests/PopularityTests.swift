// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeTorch
import Foundation
import TensorTestSupport
import TestSupport
import Testing

@testable import CascadeRecommenders

@Suite("Popularity")
struct PopularityTests {
    private static let day: Int64 = 86_400
    private let folder: TemporaryFolder
    private let data: SplitDataset

    /// Three users; the last two events of each are held out.
    init() throws {
        folder = try TemporaryFolder()
        var builder = DatasetBuilder(name: "three users")
        let histories = [["a", "b", "a", "c", "c"], ["b", "b", "c", "c"], ["a", "c", "c"]]
        for (user, items) in histories.enumerated() {
            for (day, item) in items.enumerated() {
                builder.add(Event(user: UserID("u\(user)"), item: ItemID(item), time: Int64(day) * 7 * Self.day))
            }
        }
        let dataset = try builder.write(to: folder.file("data"), minUserEvents: 1, minItemEvents: 1)
        data = try SplitDataset(dataset, .leaveOneOut)
    }

    private func fitted(_ name: String, _ settings: JSONValue = .object([:])) throws -> any FittedRetriever {
        let shape = DatasetShape(users: data.dataset.userCount, items: data.dataset.itemCount)
        let model = try ModelRegistry.builtin.entry(name).specification(settings).make(
            for: shape,
            using: Generator(seed: 1)
        )
        let fitted = try #require(model.fittedRetriever)
        try fitted.fit(to: data)
        return fitted
    }

    private func scores(_ model: any FittedRetriever, rows: Int = 2) throws -> Tensor {
        try model.scores(Batch(HostBatch(Array(History.rows.prefix(rows)), .right, .prefixes), noiseSeed: 1))
    }

    @Test("scores are the counts of training events alone, the same for everybody")
    func counts() throws {
        let scores = try scores(fitted("popularity"))
        #expect(scores.shape == [2, 3])
        #expect(try scores.doubles() == [3, 3, 0, 3, 3, 0])  // a: 2 + 1, b: 1 + 2; every c is held out
    }

    @Test("recent popularity halves an event with each half-life of age")
    func halfLives() throws {
        // Training events at weeks 0, 1, 2 (a, b, a), 0, 1 (b, b) and 0 (a); the last is week 2.
        let weekly = try scores(fitted("recent-popularity"), rows: 1)
        try expect(weekly.doubles(), equal: [1 + 0.25 + 0.25, 0.5 + 0.25 + 0.5, 0])
        let slow = try scores(fitted("recent-popularity", .object(["half_life_days": .number(14)])), rows: 1)
        let root = 0.5.squareRoot()
        try expect(slow.doubles(), equal: [1 + 0.5 + 0.5, root + 0.5 + root, 0])
    }

    @Test("what was fitted survives saving and loading", arguments: ["popularity", "recent-popularity"])
    func roundTrip(_ name: String) throws {
        let model = try fitted(name)
        try Checkpoint.save(model, to: folder.file("weights.safetensors"))
        let shape = DatasetShape(users: data.dataset.userCount, items: data.dataset.itemCount)
        let other = try ModelRegistry.builtin.entry(name).specification(.object([:])).make(
            for: shape,
            using: Generator(seed: 2)
        )
        try Checkpoint.load(folder.file("weights.safetensors"), into: other)
        let host = HostBatch(History.rows, .right, .prefixes)
        #expect(
            try #require(other.catalogScorer).scores(Batch(host, noiseSeed: 1)).floats()
                == scores(model, rows: 6).floats()
        )
    }
}
