// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeTensorFiles
import Foundation
import TestSupport
import Testing

/// Proves on random data sets that no training example shows a model what it is evaluated by.
///
/// Every event has a time of its own among its user's, and that time stands in the batches, so a cell of a batch
/// leads back to its row.
@Suite("No leak")
struct LeakTests {
    static let splits: [Split] = [
        .leaveOneOut, .temporal(validation: .quantile(0.7), test: .quantile(0.85)),
        .temporal(validation: .quantile(0.8), test: .quantile(0.8)), .byUser(validation: 0.15, test: 0.2, seed: 9),
        .temporal(validation: .lastDays(30), test: .lastDays(12)), .given,
        .leaveNOut(targets: .count(3)),
        .temporal(validation: .quantile(0.7), test: .quantile(0.85), targets: .count(4)),
        .byUser(validation: 0.15, test: 0.2, seed: 9, targets: .share(0.3)), .givenWithTargets(.share(0.2)),
    ]

    private func data(_ seed: UInt64) throws -> TemporaryDataset {
        var generator = SplitMix64(seed: seed)
        var builder = DatasetBuilder(name: "distinct times")
        for user in 0..<40 {
            let times = (1...400 as ClosedRange<Int64>).shuffled(using: &generator)
            for time in times.prefix(Int.random(in: 1...30, using: &generator)) {
                let item = Int.random(in: 0..<25, using: &generator)
                builder.add(Event(user: UserID("u\(user)"), item: ItemID("i\(item)"), time: time * 6 * 3_600))
            }
            builder.setUserFeature("split", [["train", "val", "test"][user % 5 % 3]], for: UserID("u\(user)"))
        }
        return try TemporaryDataset(builder)
    }

    @Test("no training input or target lies at or after a target", arguments: 1...4 as ClosedRange<UInt64>, splits)
    func training(_ seed: UInt64, _ split: Split) throws {
        let owner = try data(seed)
        let dataset = owner.dataset
        let divided = try SplitDataset(dataset, split)
        var firstTarget = [Int](repeating: .max, count: dataset.userCount)
        for part in Part.allCases {
            for evaluation in divided.cases(part) {
                let user = evaluation.user.rawValue
                firstTarget[user] = min(firstTarget[user], evaluation.target)
                #expect(!evaluation.history.isEmpty && evaluation.history.upperBound <= evaluation.target)
                #expect(evaluation.history.lowerBound == dataset.offsets[user].asInt)
                #expect(evaluation.targets.clamped(to: dataset.events(of: evaluation.user)) == evaluation.targets)
            }
        }
        let rows = (0..<dataset.userCount).map { user in
            Dictionary(
                uniqueKeysWithValues: dataset.events(of: UserIndex(user)).map { (dataset.times[$0], $0) }
            )
        }
        var judgedFrom = Int64.max
        if case .temporal = split {
            judgedFrom = Part.allCases.flatMap { divided.cases($0) }.map { dataset.times[$0.target] }.min() ?? .max
            #expect(divided.lastTrainingTime < judgedFrom)
        }
        for kind in ExampleKind.allCases {
            for crop in Crop.allCases {
                let plan = BatchPlan(
                    divided,
                    kind: kind,
                    length: 7,
                    padding: .right,
                    batchSize: 8,
                    crop: crop,
                    seed: seed
                )
                for batch in plan.epoch(1) {
                    for row in 0..<batch.rows {
                        let user = Int(batch.users[row])
                        let events = dataset.events(of: UserIndex(user))
                        let cells = row * batch.length..<row * batch.length + Int(batch.lengths[row])
                        let inputs = cells.compactMap { rows[user][batch.times[$0]] }
                        let last = try #require(inputs.last)
                        #expect(inputs.count == cells.count && Array(last - inputs.count + 1...last) == inputs)
                        // The target is the event behind the last input, and before whatever is evaluated.
                        #expect(last + 1 < firstTarget[user] && last + 1 < events.upperBound)
                        #expect(dataset.times[last + 1] < judgedFrom)
                        let targets = kind == .prefixes ? [batch.targets[row]] : Array(batch.targets[cells])
                        let expected = inputs.suffix(targets.count).map { dataset.items[$0 + 1] + 1 }
                        #expect(targets == expected)
                    }
                }
            }
        }
    }

    @Test("held-out users of a division by user never appear in training", arguments: 1...5 as ClosedRange<UInt64>)
    func byUser(_ seed: UInt64) throws {
        let owner = try data(seed)
        let divided = try SplitDataset(owner.dataset, .byUser(validation: 0.2, test: 0.2, seed: seed))
        let heldOut = Set(Part.allCases.flatMap { divided.cases($0) }.map(\.user))
        #expect(heldOut.isDisjoint(with: divided.training.map(\.user)))
    }

    @Test("histories of evaluation batches end before the target", arguments: splits)
    func evaluation(_ split: Split) throws {
        let owner = try data(77)
        let divided = try SplitDataset(owner.dataset, split)
        for part in Part.allCases {
            let cases = divided.cases(part)
            let batches = EvaluationBatches(cases, of: owner.dataset, length: 5, padding: .left, batchSize: 4)
            var index = 0
            for batch in batches {
                for row in 0..<batch.rows {
                    let target = owner.dataset.times[cases[index].target]
                    let times = batch.times[row * batch.length..<(row + 1) * batch.length]
                    #expect(times.allSatisfy { $0 < target })
                    index += 1
                }
            }
            #expect(index == cases.count)
        }
    }
}

extension Int64 {
    fileprivate var asInt: Int { Int(self) }
}
