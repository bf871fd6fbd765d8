// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeTensorFiles
import Foundation
import TestSupport
import Testing

@Suite("Training batches")
struct BatchPlanTests {
    private let data: TemporaryDataset
    private let split: SplitDataset

    init() throws {
        data = try TemporaryDataset(seed: 11, users: 60, items: 50, events: 900, times: 10_000)
        split = try SplitDataset(data.dataset, .leaveOneOut)
    }

    private func plan(
        _ kind: ExampleKind,
        length: Int = 1000,
        padding: Padding = .left,
        batchSize: Int = 8,
        prefixesPerUser: Int = 0,
        crop: Crop = .last,
        seed: UInt64 = 1
    ) -> BatchPlan {
        BatchPlan(
            split,
            kind: kind,
            length: length,
            padding: padding,
            batchSize: batchSize,
            prefixesPerUser: prefixesPerUser,
            crop: crop,
            seed: seed
        )
    }

    /// An example as plain arrays: inputs and the targets that belong to it.
    private struct Row: Hashable {
        let user: Int32
        let items: [Int32]
        let times: [Int64]
        let targets: [Int32]
    }

    /// Takes the padding off, and checks that it is where it must be.
    private func rows(_ batch: HostBatch, _ kind: ExampleKind, _ padding: Padding) -> [Row] {
        #expect(batch.length == batch.lengths.max().map(Int.init))
        return (0..<batch.rows).map { row in
            let all = row * batch.length..<(row + 1) * batch.length
            let count = Int(batch.lengths[row])
            let real = padding == .left ? all.suffix(count) : all.prefix(count)
            for cell in all where !real.contains(cell) {
                #expect(batch.items[cell] == 0 && batch.times[cell] == 0)
                if kind == .causal { #expect(batch.targets[cell] == 0) }
            }
            return Row(
                user: batch.users[row],
                items: Array(batch.items[real]),
                times: Array(batch.times[real]),
                targets: kind == .prefixes ? [batch.targets[row]] : Array(batch.targets[real])
            )
        }
    }

    /// The same examples, made event by event.
    private func naive(_ kind: ExampleKind, length: Int) -> [Row] {
        let dataset = split.dataset
        return split.training.flatMap { sequence -> [Row] in
            let events = Array(sequence.events)
            let ends = kind == .prefixes ? Array(events.indices.dropFirst()) : [events.count - 1]
            return ends.filter { $0 > 0 }.map { end in
                let inputs = events[..<end].suffix(length)
                return Row(
                    user: Int32(sequence.user.rawValue),
                    items: inputs.map { dataset.items[$0] + 1 },
                    times: inputs.map { dataset.times[$0] },
                    targets: kind == .prefixes
                        ? [dataset.items[events[end]] + 1] : inputs.map { dataset.items[$0 + 1] + 1 }
                )
            }
        }
    }

    @Test(
        "an epoch holds every example once, padded on the right side",
        arguments: ExampleKind.allCases,
        Padding.allCases
    )
    func coverage(_ kind: ExampleKind, _ padding: Padding) {
        for length in [1, 5, 1000] {
            for batchSize in [1, 7, 64, 100_000] {
                let plan = plan(kind, length: length, padding: padding, batchSize: batchSize)
                let epoch = plan.epoch(3)
                let found = epoch.flatMap { rows($0, kind, padding) }
                let expected = naive(kind, length: length)
                #expect(found.count == expected.count && plan.exampleCount == expected.count)
                #expect(Dictionary(grouping: found) { $0 } == Dictionary(grouping: expected) { $0 })
                #expect(epoch.count == plan.batchCount(epoch: 3))
                #expect(epoch.filter { $0.rows != batchSize }.count <= 1)
            }
        }
    }

    @Test("the targets of an epoch are all training events but each user's first")
    func everyTarget() {
        var expected = [Int32](repeating: 0, count: data.dataset.itemCount + 1)
        for sequence in split.training {
            for row in sequence.events.dropFirst() { expected[Int(data.dataset.items[row]) + 1] += 1 }
        }
        for kind in ExampleKind.allCases {
            var found = [Int32](repeating: 0, count: expected.count)
            for target in plan(kind).epoch(0).flatMap(\.targets) where target > 0 { found[Int(target)] += 1 }
            #expect(found == expected)
        }
    }

    @Test("lays out a batch as drawn by hand")
    func byHand() throws {
        let owner = try TemporaryDataset(histories: [[0, 1, 2, 3, 4], [2, 1, 0, 4]])
        let split = try SplitDataset(owner.dataset, .leaveOneOut)
        func batch(_ kind: ExampleKind, _ padding: Padding) -> HostBatch {
            BatchPlan(split, kind: kind, length: 9, padding: padding, batchSize: 2, prefixesPerUser: 1, seed: 1)
                .batch(0, epoch: 0)
        }
        // Training: 1 2 3 and 3 2 in item numbers; a shorter history comes first within a pool.
        let left = batch(.causal, .left)
        #expect(left.items == [0, 3, 1, 2] && left.targets == [0, 2, 2, 3])
        #expect(left.times == [0, 1, 1, 2] && left.lengths == [1, 2] && left.users == [1, 0])
        let right = batch(.causal, .right)
        #expect(right.items == [3, 0, 1, 2] && right.targets == [2, 0, 2, 3] && right.times == [1, 0, 1, 2])
        let cuts = batch(.prefixes, .left)
        #expect(cuts.rows == 2 && cuts.targets.count == 2)
        let row = try #require(cuts.users.firstIndex(of: 1))
        #expect(cuts.targets[row] == 2 && cuts.items[(row + 1) * cuts.length - 1] == 3)
    }

    @Test("a random crop is a stretch of the sequence, and in time every stretch comes")
    func randomCrop() throws {
        let owner = try TemporaryDataset(histories: [Array(0..<12)])
        let split = try SplitDataset(owner.dataset, .leaveOneOut)
        let plan = BatchPlan(
            split,
            kind: .causal,
            length: 4,
            padding: .right,
            batchSize: 1,
            crop: .random,
            seed: 5
        )
        var starts: Set<Int32> = []
        for epoch in 0..<100 {
            let batch = plan.batch(0, epoch: epoch)
            let first = batch.items[0]
            #expect(batch.items == Array(first..<first + 4) && batch.targets == Array(first + 1..<first + 5))
            starts.insert(first)
        }
        // Ten training events: the first of four inputs, which a target follows, is any of the first six.
        #expect(starts == Set(1...6))
    }

    @Test("random cuts are distinct targets of each user, as many as asked or all", arguments: [1, 3, 1000])
    func randomCuts(_ cuts: Int) {
        let plan = plan(.prefixes, prefixesPerUser: cuts)
        let all = Set(naive(.prefixes, length: 1000))
        var seen: Set<Row> = []
        for epoch in 0..<3 {
            let found = plan.epoch(epoch).flatMap { rows($0, .prefixes, .left) }
            #expect(Set(found).count == found.count && all.isSuperset(of: found))
            let perUser = Dictionary(grouping: found, by: \.user).mapValues(\.count)
            for sequence in split.training {
                let expected = min(cuts, sequence.events.count - 1)
                #expect(perUser[Int32(sequence.user.rawValue), default: 0] == expected)
            }
            #expect(found.count == plan.exampleCount)
            seen.formUnion(found)
        }
        if cuts == 1 { #expect(seen.count > plan.exampleCount) }
    }

    @Test("a plan made again gives the same batches; another epoch or seed gives others")
    func resume() {
        for kind in ExampleKind.allCases {
            let first = plan(kind, length: 9, prefixesPerUser: 4, crop: .random)
            let again = plan(kind, length: 9, prefixesPerUser: 4, crop: .random)
            for epoch in [0, 5] {
                let batches = Array(first.epoch(epoch))
                #expect(batches == Array(again.epoch(epoch)))
                #expect(again.batch(2, epoch: epoch) == batches[2])
            }
            #expect(Array(first.epoch(0)) != Array(first.epoch(1)))
            #expect(
                Array(plan(kind, length: 9, prefixesPerUser: 4, crop: .random, seed: 2).epoch(0))
                    != Array(first.epoch(0))
            )
        }
    }

    @Test("the batches of a seed are the same in every process")
    func golden() {
        let batch = plan(.prefixes, length: 4, batchSize: 3, prefixesPerUser: 1, seed: 42).batch(0, epoch: 7)
        #expect(batch.users == [46, 1, 14])
        #expect(batch.targets == [32, 30, 7])
    }

    @Test("pools pad much less than batches at random would")
    func buckets() throws {
        var generator = SplitMix64(seed: 8)
        let histories = (0..<600).map { _ in
            (0..<Int(2 + 60 * pow(Double.random(in: 0..<1, using: &generator), 3))).map { $0 % 20 }
        }
        let owner = try TemporaryDataset(histories: histories)
        let plan = BatchPlan(
            try SplitDataset(owner.dataset, .leaveOneOut),
            kind: .prefixes,
            length: 200,
            padding: .left,
            batchSize: 16,
            seed: 3
        )
        let epoch = plan.epoch(0)
        let real = epoch.reduce(0) { $0 + $1.lengths.reduce(0) { $0 + Int($1) } }
        let cells = epoch.reduce(0) { $0 + $1.items.count }
        #expect(Double(cells) / Double(real) < 1.15)
        // Batches do not come in the order of their lengths.
        let lengths = epoch.map(\.length)
        #expect(zip(lengths, lengths.dropFirst()).contains { $0 > $1 + 10 })
    }

    @Test("an epoch of a data set like MovieLens-1M takes well under a second", .enabled(if: isOptimized))
    func speed() throws {
        var builder = DatasetBuilder(name: "million")
        for user in 0..<6000 {
            for event in 0..<165 {
                builder.add(
                    Event(
                        user: UserID("\(user)"),
                        item: ItemID("\((user * 31 + event * 7) % 3400)"),
                        time: Int64(event)
                    )
                )
            }
        }
        let owner = try TemporaryDataset(builder)
        let split = try SplitDataset(owner.dataset, .leaveOneOut)
        for kind in ExampleKind.allCases {
            let plan = BatchPlan(split, kind: kind, length: 50, padding: .left, batchSize: 128, seed: 1)
            let start = threadSeconds()
            let rows = plan.epoch(0).reduce(0) { $0 + $1.rows }
            let took = threadSeconds() - start
            #expect(rows == plan.exampleCount)
            #expect(took < 1, "\(kind): \(took) seconds")
        }
    }
}

/// Unoptimized code takes many times as long.
private var isOptimized: Bool {
    #if DEBUG
        false
    #else
        true
    #endif
}

/// Processor time of the calling thread, which other work on the machine does not lengthen.
private func threadSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}
