// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import Foundation
import TestSupport
import Testing

@Suite("Splits with several targets")
struct SeveralTargetsSplitTests {
    private func cases(_ split: SplitDataset, _ part: Part) -> [[Range<Int>]] {
        split.cases(part).map { [$0.history, $0.targets] }
    }

    @Test("leave-n-out takes the last events, and leaves users with too few to training")
    func leaveNOut() throws {
        let data = try TemporaryDataset(histories: [[0, 1, 2, 3, 0], [1, 2, 3, 0], [3], [2, 0, 1, 2, 3, 1, 0]])
        let split = try SplitDataset(data.dataset, .leaveNOut(targets: .count(2)))
        #expect(split.training.map(\.events) == [0..<1, 5..<9, 9..<10, 10..<13])
        #expect(cases(split, .validation) == [[0..<1, 1..<3], [10..<13, 13..<15]])
        #expect(cases(split, .test) == [[0..<3, 3..<5], [10..<15, 15..<17]])
        // Of 7 events 0.3 are 2, of 5 and 4 events 1.
        let shares = try SplitDataset(data.dataset, .leaveNOut(targets: .share(0.3)))
        #expect(cases(shares, .test) == [[0..<4, 4..<5], [5..<8, 8..<9], [10..<15, 15..<17]])
        let one = try SplitDataset(data.dataset, .leaveNOut(targets: .one))
        let usual = try SplitDataset(data.dataset, .leaveOneOut)
        #expect(one.training == usual.training && one.cases(.test) == usual.cases(.test))
        #expect(one.cases(.validation) == usual.cases(.validation))
    }

    @Test("temporal takes at most the events of the period, and keeps one event of history")
    func temporal() throws {
        var builder = DatasetBuilder(name: "times")
        let times: [[Int64]] = [[1, 4, 6, 7, 8, 9, 9], [8, 9, 9], [1, 2, 7]]
        for (user, times) in times.enumerated() {
            for time in times { builder.add(Event(user: UserID("\(user)"), item: ItemID("i\(time)"), time: time)) }
        }
        let data = try TemporaryDataset(builder)
        let split = try SplitDataset(
            data.dataset,
            .temporal(validation: .time(6), test: .time(8), targets: .count(5))
        )
        #expect(cases(split, .validation) == [[0..<2, 2..<4], [10..<12, 12..<13]])
        #expect(cases(split, .test) == [[0..<4, 4..<7], [7..<8, 8..<10]])
        #expect(split.lastTrainingTime == 4)
    }

    @Test("by-user takes a share of each held-out user's events, and divides users as with one target")
    func byUser() throws {
        let data = try TemporaryDataset(histories: (0..<200).map { user in (0..<(2 + user % 9)).map { $0 % 7 } })
        let split = try SplitDataset(
            data.dataset,
            .byUser(validation: 0.2, test: 0.2, seed: 3, targets: .share(0.5))
        )
        let usual = try SplitDataset(data.dataset, .byUser(validation: 0.2, test: 0.2, seed: 3))
        #expect(split.training == usual.training)
        #expect(split.cases(.test).map(\.user) == usual.cases(.test).map(\.user))
        for example in split.cases(.test) {
            let events = data.dataset.events(of: example.user)
            #expect(example.targets == events.suffix(max(1, events.count / 2)))
            #expect(example.history == events.lowerBound..<example.targets.lowerBound)
            #expect(example.target == example.targets.lowerBound)
        }
    }

    @Test("files name the number of targets, and leave out one")
    func files() throws {
        func split(_ text: String) throws -> Split { try JSONDecoder().decode(Split.self, from: Data(text.utf8)) }
        let byUser = #"{"kind":"by-user","validation":0.1,"test":0.1,"seed":7,"targets":0.2}"#
        #expect(try split(byUser) == .byUser(validation: 0.1, test: 0.1, seed: 7, targets: .share(0.2)))
        #expect(try split(#"{"kind":"leave-n-out","targets":5}"#) == .leaveNOut(targets: .count(5)))
        #expect(try split(#"{"kind":"given","targets":2}"#) == .givenWithTargets(.count(2)))
        #expect(try split(#"{"kind":"given","targets":1}"#) == .given)
        #expect(try split(#"{"kind":"leave-one-out","targets":1}"#) == .leaveOneOut)
        for known in [
            Split.leaveNOut(targets: .share(0.25)), .leaveNOut(targets: .one), .givenWithTargets(.count(3)),
            .temporal(validation: .quantile(0.8), test: .quantile(0.9), targets: .count(4)),
            .byUser(validation: 0.1, test: 0.2, seed: 1), .given, .leaveOneOut,
        ] {
            let data = try JSONEncoder().encode(known)
            let isNamed = known.targets != .one || known == .leaveNOut(targets: .one)
            #expect(String(decoding: data, as: UTF8.self).contains("targets") == isNamed)
            #expect(try JSONDecoder().decode(Split.self, from: data) == known)
        }
    }

    @Test(
        "refuses what is no number of targets",
        arguments: [
            #"{"kind":"leave-n-out","targets":0}"#, #"{"kind":"leave-n-out","targets":-1}"#, #"{"kind":"leave-n-out"}"#,
            #"{"kind":"leave-n-out","targets":2.5}"#, #"{"kind":"leave-one-out","targets":2}"#,
            #"{"kind":"positions","minimum":9,"targets":2}"#, #"{"kind":"given","targets":"two"}"#,
        ]
    )
    func badFiles(_ text: String) {
        #expect(throws: DecodingError.self) { try JSONDecoder().decode(Split.self, from: Data(text.utf8)) }
    }

    @Test(
        "refuses the same in Swift",
        arguments: [TargetCount.count(0), .count(-2), .share(0), .share(1), .share(.nan)]
    )
    func badCounts(_ targets: TargetCount) throws {
        let data = try TemporaryDataset(histories: [[0, 1, 2, 3], [1, 2, 0]]).dataset
        let error = #expect(throws: DatasetError.self) { try SplitDataset(data, .leaveNOut(targets: targets)) }
        #expect(error?.reason == .badOption && error?.description.contains("found targets") == true)
    }
}
