// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeRecommenders
import CascadeTraining
import Foundation
import TestSupport
import Testing

@testable import CascadeComparison

@Suite("Baselines")
struct BaselinesTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// Users who each go round some items in order, so many seconds apart.
    private func data(gap: Int64 = 60) throws -> Dataset {
        var builder = DatasetBuilder(name: "rounds")
        for user in 0..<30 {
            for place in 0..<8 {
                let item = ItemID("i\((user + place) % 12)")
                builder.add(Event(user: UserID("u\(user)"), item: item, time: 1_000 + Int64(place) * gap))
            }
        }
        return try builder.write(to: folder.file("rounds"), minUserEvents: 1, minItemEvents: 1)
    }

    private func measure(_ data: Dataset, _ models: [String], budget: Budget = .steps(5)) throws -> [Baselines.Row] {
        var options = TrainingOptions()
        options.commit = "tested"
        return try Baselines(on: data, in: folder.file("runs"), budget: budget, options).measure(models)
    }

    @Test("are measured on validation and test, and not trained again")
    func measures() throws {
        let data = try data()
        let rows = try measure(data, ["popularity", "item-knn", "sasrec"])
        #expect(rows.allSatisfy { $0.isMeasured && $0.validation["ndcg@10"] != nil })
        #expect(rows.map(\.steps) == [0, 0, 5])
        #expect(rows[2].reason.contains("budget of 5-steps spent"))
        let again = try measure(data, ["popularity", "item-knn", "sasrec"])
        #expect(again.map(\.test) == rows.map(\.test) && again.map(\.steps) == [0, 0, 5])
    }

    @Test("one that means nothing on the data, or cannot be trained, is left out with the reason")
    func leftOut() throws {
        let rows = try measure(data(gap: 0), ["recent-popularity", "popularity"])
        #expect(!rows[0].isMeasured && rows[0].reason.contains("those of popularity"))
        #expect(rows[1].isMeasured)
    }
}
