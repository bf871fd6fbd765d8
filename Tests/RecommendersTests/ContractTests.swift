// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeNN
import CascadeTensorFiles
import CascadeTorch
import Foundation
import TensorTestSupport
import TestSupport
import Testing

@testable import CascadeRecommenders

/// What every model promises when it answers.
///
/// A new entry of the catalog is held to it without further ado.
@Suite("Contract of answering")
struct ContractTests {
    @Test("makes with its defaults", arguments: Subject.all)
    func makes(_ subject: Subject) throws {
        let model = try subject.entry.specification(.object([:])).make(for: Subject.data, using: Generator(seed: 1))
        #expect(type(of: model).card == subject.entry.card)
        #expect(model.length >= 0)
        #expect(try !model.state().isEmpty)
    }

    @Test("names, types and shapes of its state are those of the golden list", arguments: Subject.all)
    func parameters(_ subject: Subject) throws {
        let found = try subject.model().state()
            .map { "\($0.name) \($0.part.dtype.scalarType.rawValue) \($0.part.shape)\n" }.joined()
        let name = subject.entry.card.name
        let golden = Repository.tests.appendingPathComponent("Fixtures/parameters/\(name).txt")
        if ProcessInfo.processInfo.environment["CASCADE_UPDATE_GOLDENS"] == "1" {
            try FileManager.default.createDirectory(
                at: golden.deletingLastPathComponent(),
                withIntermediateDirectories: true
            )
            try found.write(to: golden, atomically: true, encoding: .utf8)
        }
        let expected = try? String(contentsOf: golden, encoding: .utf8)
        #expect(
            found == expected,
            "old checkpoints of \(name) no longer load; if that is meant, run the tests with CASCADE_UPDATE_GOLDENS=1"
        )
    }

    @Test("gives one finite score to each item for each row, the same when asked again", arguments: Subject.all)
    func scores(_ subject: Subject) throws {
        let model = try subject.model(["dropout": .number(0.5)])
        let host = HostBatch(History.rows, type(of: model).padding, .prefixes)
        let scores = try model.scores(Batch(host, noiseSeed: 7))
        #expect(scores.shape == [History.rows.count, Subject.data.items])
        #expect(try scores.isFinite())
        #expect(try model.scores(Batch(host, noiseSeed: 7)).doubles() == scores.doubles())
    }

    @Test("gives the same bits after it was saved and loaded", arguments: Subject.all)
    func roundTrip(_ subject: Subject) throws {
        let folder = try TemporaryFolder()
        let (old, new) = try (subject.model(seed: 1), subject.model(seed: 2))
        if let vectors = old.vectorRetriever { _ = try Learner(vectors).train(History.rows, steps: 2) }
        try Checkpoint.save(old, to: folder.file("weights.safetensors"))
        try Checkpoint.load(folder.file("weights.safetensors"), into: new)
        let batch = try Batch(HostBatch(History.rows, type(of: old).padding, .prefixes), noiseSeed: 7)
        #expect(try old.scores(batch).doubles() == new.scores(batch).doubles())
    }

    @Test("a score does not depend on how much padding there is", .rounding, arguments: Subject.learning)
    func padding(_ subject: Subject) throws {
        let learner = try subject.learner()
        let short = History.rows.filter { $0.items.count <= 5 }
        let scores = try learner.scores(short)
        for columns in 6...learner.model.length {
            try expect(learner.scores(short, columns: columns).flatMap { $0 }, equal: scores.flatMap { $0 })
        }
    }

    @Test("a score does not depend on who else is in the batch", .rounding, arguments: Subject.learning)
    func companions(_ subject: Subject) throws {
        let learner = try subject.learner()
        let together = try learner.scores(History.rows)
        for (row, history) in History.rows.enumerated() {
            try expect(learner.scores([history])[0], equal: together[row], "row \(row)")
        }
        let reversed = try learner.scores(History.rows.reversed())
        try expect(Array(reversed.reversed().joined()), equal: Array(together.joined()))
    }

    @Test("an item outside the catalog is refused, as history and as target", arguments: Subject.learning)
    func foreignItems(_ subject: Subject) throws {
        let learner = try subject.learner()
        let beyond = Int32(Subject.data.items + 1)
        for columns in [6, 12] {
            var histories = History.rows.filter { $0.items.count <= 5 }
            histories[2].items[1] = beyond
            #expect(throws: TorchError.self) { try learner.scores(histories, columns: columns) }
            #expect(throws: TorchError.self) { try learner.loss(learner.host(histories, columns: columns), seed: 1) }
        }
        var histories = History.rows
        histories[0].target = beyond
        for kind in Objective.Kind.allCases {
            var objective = Objective()
            objective.kind = kind
            #expect(throws: TorchError.self) { try learner.loss(learner.host(histories), objective, seed: 1) }
        }
    }

    @Test("the score is the best product of the user's vectors and the item's", arguments: Subject.learning)
    func vectors(_ subject: Subject) throws {
        let learner = try subject.learner()
        let batch = try Batch(learner.host(History.rows), noiseSeed: 7)
        let (users, items) = try (learner.model.userVectors(batch), learner.model.itemVectors())
        #expect(users.rank == 3 && users.size(0) == History.rows.count && users.size(2) == items.size(1))
        #expect(items.size(0) == Subject.data.items)
        let (u, v, width) = try (users.doubles(), items.doubles(), items.size(1))
        let scores = try learner.scores(History.rows)
        for row in 0..<users.size(0) {
            for item in 0..<items.size(0) {
                let products = (0..<users.size(1)).map { q in
                    (0..<width).reduce(0) { $0 + u[(row * users.size(1) + q) * width + $1] * v[item * width + $1] }
                }
                try expect(scores[row][item], equals: try #require(products.max()))
            }
        }
    }
}
