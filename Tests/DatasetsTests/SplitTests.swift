// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import Foundation
import TestSupport
import Testing

@Suite("Splits")
struct SplitTests {
    @Test("leave-one-out takes the last two events of users with three or more")
    func leaveOneOut() throws {
        let data = try TemporaryDataset(histories: [[0, 1, 2, 3], [1, 2], [3], [2, 0, 1]])
        let split = try SplitDataset(data.dataset, .leaveOneOut)
        #expect(split.training.map(\.events) == [0..<2, 4..<6, 6..<7, 7..<8])
        #expect(split.training.map(\.user.rawValue) == [0, 1, 2, 3])
        #expect(
            split.cases(.validation) == [
                EvaluationCase(user: UserIndex(0), history: 0..<2, target: 2),
                EvaluationCase(user: UserIndex(3), history: 7..<8, target: 8),
            ]
        )
        #expect(
            split.cases(.test) == [
                EvaluationCase(user: UserIndex(0), history: 0..<3, target: 3),
                EvaluationCase(user: UserIndex(3), history: 7..<9, target: 9),
            ]
        )
        #expect(split.trainingEventCount == 6)
        #expect(split.trainingItemCounts() == [1, 2, 2, 1])
        #expect(split.lastTrainingTime == 2)
    }

    @Test("temporal takes the last event of each period, with all that came before as history")
    func temporal() throws {
        var builder = DatasetBuilder(name: "times")
        let times: [[Int64]] = [[1, 4, 6, 7, 9, 9], [5, 6], [8, 9], [2, 3], [1, 7]]
        for (user, times) in times.enumerated() {
            for time in times { builder.add(Event(user: UserID("\(user)"), item: ItemID("i\(time)"), time: time)) }
        }
        let data = try TemporaryDataset(builder)
        let split = try SplitDataset(data.dataset, .temporal(validation: .time(6), test: .time(8)))
        #expect(split.training.map(\.events) == [0..<2, 6..<7, 10..<12, 12..<13])
        #expect(split.cases(.validation).map(\.history) == [0..<3, 6..<7, 12..<13])
        #expect(split.cases(.validation).map(\.target) == [3, 7, 13])
        #expect(split.cases(.test).map(\.history) == [0..<5, 8..<9])
        #expect(split.cases(.test).map(\.target) == [5, 9])
        #expect(split.lastTrainingTime == 5)
        let quantiles = try SplitDataset(data.dataset, .temporal(validation: .quantile(0.5), test: .quantile(0.75)))
        // Sorted: 1 1 2 3 4 5 6 6 7 7 8 9 9 9; positions 7 and 10.
        #expect(quantiles.training == split.training && quantiles.cases(.test) == split.cases(.test))
    }

    @Test("by-user keeps held-out users out of training, in about the asked shares")
    func byUser() throws {
        let histories = (0..<2000).map { [$0 % 7, $0 % 5, $0 % 3] }
        let data = try TemporaryDataset(histories: histories)
        let split = try SplitDataset(data.dataset, .byUser(validation: 0.1, test: 0.2, seed: 3))
        let parts = [
            split.training.map(\.user), split.cases(.validation).map(\.user), split.cases(.test).map(\.user),
        ]
        #expect(Set(parts.joined()).count == 2000 && parts.joined().count == 2000)
        // Five standard deviations of a binomial count.
        #expect(abs(parts[1].count - 200) < 67 && abs(parts[2].count - 400) < 90)
        for evaluation in split.cases(.test) {
            let events = data.dataset.events(of: evaluation.user)
            #expect(evaluation.target == events.upperBound - 1 && evaluation.history == events.dropLast())
        }
        let again = try SplitDataset(data.dataset, .byUser(validation: 0.1, test: 0.2, seed: 3))
        let other = try SplitDataset(data.dataset, .byUser(validation: 0.1, test: 0.2, seed: 4))
        #expect(again.cases(.test) == split.cases(.test) && other.cases(.test) != split.cases(.test))
    }

    @Test("temporal by days takes whole calendar days from the end, whatever the hour of the last event")
    func lastDays() throws {
        var builder = DatasetBuilder(name: "days")
        let day: Int64 = 86_400
        let times = [
            [0, day, 2 * day - 1], [day, 2 * day, 3 * day - 1], [3 * day - 1, 3 * day, 3 * day + 5], [9, day],
        ]
        for (user, times) in times.enumerated() {
            for time in times { builder.add(Event(user: UserID("\(user)"), item: ItemID("i\(time)"), time: time)) }
        }
        let data = try TemporaryDataset(builder)
        let split = try SplitDataset(data.dataset, .temporal(validation: .lastDays(2), test: .lastDays(1)))
        #expect(split.training.map(\.events) == [0..<3, 3..<4, 9..<11])
        #expect(split.cases(.validation) == [EvaluationCase(user: UserIndex(1), history: 3..<5, target: 5)])
        #expect(split.cases(.test) == [EvaluationCase(user: UserIndex(2), history: 6..<8, target: 8)])
    }

    /// Users whose feature `split` has the given values, with three events each.
    private func divided(_ parts: [[String]]) throws -> TemporaryDataset {
        var builder = DatasetBuilder(name: "published")
        for (user, parts) in parts.enumerated() {
            for item in 0..<3 { builder.add(Event(user: UserID("\(user)"), item: ItemID("\(item)"))) }
            if !parts.isEmpty { builder.setUserFeature("split", parts, for: UserID("\(user)")) }
        }
        return try TemporaryDataset(builder)
    }

    @Test(
        "given takes the users' feature, under each name of the validation part",
        arguments: ["val", "valid", "validation"]
    )
    func given(_ name: String) throws {
        let data = try divided([["train"], [name], ["test"], ["train"], ["test"]])
        let split = try SplitDataset(data.dataset, .given)
        #expect(split.training.map(\.events) == [0..<3, 9..<12])
        #expect(split.cases(.validation) == [EvaluationCase(user: UserIndex(1), history: 3..<5, target: 5)])
        #expect(split.cases(.test).map(\.target) == [8, 14])
        #expect(try SplitDataset(divided([["train"], ["test"]]).dataset, .given).cases(.validation).isEmpty)
    }

    @Test(
        "given refuses users without a known part, and says what is missing",
        arguments: [
            ([[], []], "needs a user feature 'split' and the data set has none"),
            ([["a"], ["b"]], "found 'a', 'b' in the user feature 'split', expected 'train' and at least one of"),
            ([["train"]], "found 'train' in the user feature 'split'"),
            ([["val"], ["test"]], "found 'val', 'test' in the user feature 'split'"),
            ([["train"], ["test"], ["dev"]], "found 'train', 'test', 'dev' in"),
            ([["train"], ["test"], []], "the user '2' has 0 values of the feature 'split', expected one"),
            ([["train"], ["test", "train"]], "the user '1' has 2 values of the feature 'split', expected one"),
        ]
    )
    func badGiven(_ parts: [[String]], _ message: String) throws {
        let data = try divided(parts)
        let error = #expect(throws: DatasetError.self) { try SplitDataset(data.dataset, .given) }
        #expect(error?.reason == .badOption)
        #expect(error?.description.contains(message) == true, "\(String(describing: error))")
    }

    @Test("refuses points and shares that make no sense")
    func refusals() throws {
        let data = try TemporaryDataset(histories: [[0, 1, 2, 3], [1, 2, 0]]).dataset
        func reason(_ split: Split) -> DatasetError.Reason? {
            #expect(throws: DatasetError.self) { try SplitDataset(data, split) }?.reason
        }
        #expect(reason(.temporal(validation: .time(3), test: .time(2))) == .badOption)
        #expect(reason(.temporal(validation: .quantile(0.5), test: .quantile(1.5))) == .badOption)
        #expect(reason(.temporal(validation: .lastDays(2), test: .lastDays(0))) == .badOption)
        #expect(reason(.temporal(validation: .lastDays(1), test: .lastDays(2))) == .badOption)
        #expect(reason(.temporal(validation: .time(0), test: .time(2))) == .empty)
        #expect(reason(.temporal(validation: .time(3), test: .time(50))) == .noEvaluationCases)
        #expect(reason(.byUser(validation: 0.5, test: 0.5, seed: 1)) == .badOption)
        #expect(reason(.byUser(validation: -0.1, test: 0.5, seed: 1)) == .badOption)
        let short = try TemporaryDataset(histories: [[0, 1]]).dataset
        #expect(throws: DatasetError.self) { try SplitDataset(short, .leaveOneOut) }
    }

    @Test("a temporal split of a source without times is refused")
    func withoutTimes() throws {
        var builder = DatasetBuilder(name: "plain")
        for item in 0..<5 { builder.add(Event(user: "u", item: ItemID("\(item)"))) }
        let data = try TemporaryDataset(builder)
        let error = #expect(throws: DatasetError.self) {
            try SplitDataset(data.dataset, .temporal(validation: .quantile(0.8), test: .quantile(0.9)))
        }
        #expect(error?.reason == .badOption)
    }

    @Test(
        "reads and writes the form of configuration files",
        arguments: [
            (#"{"kind":"leave-one-out"}"#, Split.leaveOneOut),
            (
                #"{"kind":"temporal","test":0.9,"validation":0.8}"#,
                .temporal(validation: .quantile(0.8), test: .quantile(0.9))
            ),
            (
                #"{"kind":"temporal","test":1000000000,"validation":0.5}"#,
                .temporal(validation: .quantile(0.5), test: .time(1_000_000_000))
            ),
            (
                #"{"kind":"by-user","seed":18446744073709551615,"test":0.1,"validation":0.25}"#,
                .byUser(validation: 0.25, test: 0.1, seed: .max)
            ),
            (
                #"{"kind":"temporal","test":"1 day","validation":"12 days"}"#,
                .temporal(validation: .lastDays(12), test: .lastDays(1))
            ),
            (#"{"kind":"given"}"#, .given),
        ]
    )
    func coding(_ text: String, _ split: Split) throws {
        #expect(try JSONDecoder().decode(Split.self, from: Data(text.utf8)) == split)
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        #expect(String(decoding: try encoder.encode(split), as: UTF8.self) == text)
    }

    @Test(
        "refuses other forms",
        arguments: [
            #"{"kind":"random"}"#, #"{"kind":"temporal","test":0.9}"#,
            #"{"kind":"temporal","test":0.9,"validation":-1}"#, "{}",
            #"{"kind":"temporal","test":"1 day","validation":"2 weeks"}"#,
            #"{"kind":"temporal","test":"0 days","validation":"2 days"}"#,
            #"{"kind":"temporal","test":"day","validation":"2 days"}"#,
        ]
    )
    func badCoding(_ text: String) {
        #expect(throws: DecodingError.self) { try JSONDecoder().decode(Split.self, from: Data(text.utf8)) }
    }
}
