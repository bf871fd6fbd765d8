// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeTensorFiles
import Foundation
import TestSupport
import Testing

@testable import CascadeDatasets

@Suite("Candidates of requests")
struct CandidateTests {
    private let data: TemporaryDataset
    private let split: SplitDataset

    init() throws {
        data = try TemporaryDataset(seed: 3, users: 40, items: 60, events: 1_600, times: 10_000)
        split = try SplitDataset(data.dataset, .positions(minimum: 12, first: 3, last: 30, every: 4))
    }

    private func sampler(_ knowledge: CandidateSettings.Knowledge, negatives: Int = 3, seed: UInt64 = 5) throws
        -> CandidateSampler
    {
        var settings = CandidateSettings()
        (settings.knowledge, settings.negatives) = (knowledge, negatives)
        return try CandidateSampler(split, settings, seed: seed)
    }

    @Test("what a user rejected before a target is up to half of its negatives in training, and none in evaluation")
    func rejected() throws {
        let folder = try TemporaryFolder()
        var builder = DatasetBuilder(name: "rejections")
        var without = builder
        for user in 0..<30 {
            for step in 0..<8 {
                let item = ItemID("i\((user + step) % 40)")
                builder.add(Event(user: UserID("u\(user)"), item: item, time: Int64(10 * step)))
                without.add(Event(user: UserID("u\(user)"), item: item, time: Int64(10 * step)))
            }
            // One early, one late, and one of an item that nobody ever chose.
            for (item, time) in [("i\((user + 15) % 40)", 5), ("i\((user + 20) % 40)", 45), ("none", 1)] {
                builder.add(Event(user: UserID("u\(user)"), item: ItemID(item), action: .hide, time: Int64(time)))
            }
        }
        let data = try builder.write(to: folder.file("data"), minUserEvents: 1, minItemEvents: 1)
        #expect(data.eventCount == 240 && data.rejections?.count == 54)
        let split = try SplitDataset(data, .leaveOneOut)
        var settings = CandidateSettings()
        settings.negatives = 4
        let sampler = try CandidateSampler(split, settings, seed: 5)
        let user = try data.userIndex("u0")
        let rows = data.events(of: user)
        let (early, late) = (try data.itemIndex("i15"), try data.itemIndex("i20"))
        func drawn(_ step: Int, epoch: Int?) -> [Int] {
            sampler.candidates(for: rows.lowerBound + step, of: user, epoch: epoch).dropFirst().map { Int($0) - 1 }
        }
        #expect(drawn(0, epoch: 0).prefix(2) != [early.rawValue, late.rawValue])
        #expect(drawn(2, epoch: 0).first == early.rawValue && !drawn(2, epoch: 0).contains(late.rawValue))
        #expect(Set(drawn(5, epoch: 0).prefix(2)) == [early.rawValue, late.rawValue] && drawn(5, epoch: 0).count == 4)
        // An evaluation draws as without rejections.
        let plain = try without.write(to: folder.file("plain"), minUserEvents: 1, minItemEvents: 1)
        let other = try CandidateSampler(SplitDataset(plain, .leaveOneOut), settings, seed: 5)
        let same = other.candidates(for: rows.lowerBound + 5, of: user, epoch: nil).dropFirst().map { Int($0) - 1 }
        #expect(plain.rejections == nil && drawn(5, epoch: nil) == same)
    }

    @Test("positions: long users only, targets counted from the end, two held out")
    func positions() {
        for sequence in split.training {
            let events = split.dataset.events(of: sequence.user)
            #expect(events.count >= 12)
            #expect(sequence.events == events.dropLast(2))
            let places = split.trainingTargets(of: sequence).map { events.upperBound - $0 }
            let expected = stride(from: 3, through: 30, by: 4).filter { $0 < events.count }
            #expect(places == expected.reversed())
        }
        #expect(
            split.training.count == split.dataset.userCount
                - (0..<split.dataset.userCount).count {
                    split.dataset.events(of: UserIndex(rawValue: $0)).count < 12
                }
        )
        #expect(split.cases(.test).allSatisfy { $0.target == split.dataset.events(of: $0.user).upperBound - 1 })
        #expect(split.cases(.validation).allSatisfy { $0.target == split.dataset.events(of: $0.user).upperBound - 2 })
    }

    @Test("an epoch's batches have exactly those targets, each with its own history")
    func plan() throws {
        let plan = BatchPlan(split, kind: .prefixes, length: 10, padding: .left, batchSize: 7, seed: 1)
        let sampler = try sampler(.strict)
        let epoch = plan.epoch(0)
        var found: [[Int32]] = []
        for index in epoch.indices {
            let batch = epoch.requests(index, sampler)
            #expect(batch.width == 4 && batch.history.targets.count == batch.history.rows)
            for row in 0..<batch.history.rows {
                #expect(batch.candidates[row * 4] == batch.history.targets[row])
                #expect(Array(batch.labels[row * 4..<row * 4 + 4]) == [1, 0, 0, 0])
                found.append([batch.history.users[row], batch.history.targets[row]])
            }
        }
        let expected = split.training.flatMap { sequence in
            split.trainingTargets(of: sequence).map { [Int32(sequence.user.rawValue), split.dataset.items[$0] + 1] }
        }
        #expect(found.sorted { ($0[0], $0[1]) < ($1[0], $1[1]) } == expected.sorted { ($0[0], $0[1]) < ($1[0], $1[1]) })
    }

    @Test("strict: nothing that the user had in training or up to the target, drawn anew in every epoch")
    func strict() throws {
        let sampler = try sampler(.strict)
        var changes = 0
        for sequence in split.training {
            let known = Set(sequence.events.map { split.dataset.items[$0] + 1 })
            for target in split.trainingTargets(of: sequence) {
                let first = sampler.candidates(for: target, of: sequence.user, epoch: 0)
                #expect(first == sampler.candidates(for: target, of: sequence.user, epoch: 0))
                #expect(first[0] == split.dataset.items[target] + 1)
                #expect(first.dropFirst().allSatisfy { !known.contains($0) && (1...60).contains($0) })
                if first != sampler.candidates(for: target, of: sequence.user, epoch: 1) { changes += 1 }
            }
        }
        #expect(changes > split.training.count)
        for example in split.cases(.test) {
            let before = Set(example.history.map { split.dataset.items[$0] + 1 })
            let drawn = sampler.candidates(for: example.target, of: example.user, epoch: nil).dropFirst()
            #expect(drawn.allSatisfy { !before.contains($0) })
        }
    }

    @Test("known items are drawn where they are included, in both kinds, and never the target")
    func included() throws {
        for knowledge in [CandidateSettings.Knowledge.strict, .paper] {
            var settings = CandidateSettings()
            (settings.negatives, settings.knowledge, settings.knownItems) = (3, knowledge, .include)
            let sampler = try CandidateSampler(split, settings, seed: 3)
            var drawn = 0
            for sequence in split.training {
                let known = Set(sequence.events.map { split.dataset.items[$0] + 1 })
                for target in split.trainingTargets(of: sequence) {
                    let candidates = sampler.candidates(for: target, of: sequence.user, epoch: 0)
                    #expect(!candidates.dropFirst().contains(candidates[0]))
                    drawn += candidates.dropFirst().count(where: known.contains)
                }
            }
            #expect(drawn > split.training.count)
        }
    }

    @Test("paper: nothing that the user ever had, the same in every epoch")
    func paper() throws {
        let sampler = try sampler(.paper)
        for sequence in split.training {
            let ever = Set(split.dataset.events(of: sequence.user).map { split.dataset.items[$0] + 1 })
            for target in split.trainingTargets(of: sequence) {
                let first = sampler.candidates(for: target, of: sequence.user, epoch: 0)
                #expect(first.dropFirst().allSatisfy { !ever.contains($0) })
                #expect(first == sampler.candidates(for: target, of: sequence.user, epoch: 7))
            }
        }
    }

    @Test("a user who has everything gets other items all the same, never the target")
    func everything() throws {
        let folder = try TemporaryFolder()
        var builder = DatasetBuilder(name: "all")
        for time in 0..<12 {
            builder.add(Event(user: UserID("u"), item: ItemID("i\(time % 4)"), time: Int64(time)))
        }
        let dataset = try builder.write(to: folder.file("data"), minUserEvents: 1, minItemEvents: 1)
        let split = try SplitDataset(dataset, .positions(minimum: 4, first: 3, last: 5, every: 1))
        let sampler = try CandidateSampler(split, CandidateSettings(), seed: 1)
        for target in split.trainingTargets(of: split.training[0]) {
            let drawn = sampler.candidates(for: target, of: UserIndex(rawValue: 0), epoch: 0)
            #expect(drawn.count == 3 && !drawn.dropFirst().contains(drawn[0]))
        }
    }

    @Test("impossible positions and numbers of negatives are refused")
    func refused() throws {
        for bad in [(3, 3, 9, 1), (12, 2, 9, 1), (12, 5, 4, 1), (12, 3, 9, 0)] {
            #expect(throws: DatasetError.self) {
                try SplitDataset(data.dataset, .positions(minimum: bad.0, first: bad.1, last: bad.2, every: bad.3))
            }
        }
        #expect(throws: DatasetError.self) { try sampler(.strict, negatives: 60) }
        #expect(throws: DatasetError.self) { try sampler(.strict, negatives: 0) }
    }
}
