// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeRecommenders
import CascadeTraining
import Foundation
import TestSupport
import Testing

@Suite("Settings sized by the data")
struct DataSizingTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// Users with so many events each, among so many items, so many seconds apart; leave-one-out.
    private func data(users: Int, events: Int, items: Int = 50, gap: Int64 = 60) throws -> SplitDataset {
        var builder = DatasetBuilder(name: "sized")
        for place in 0..<max(users * events, items) {
            let (user, time) = (place / events % users, Int64(place % events) * gap)
            builder.add(Event(user: UserID("u\(user)"), item: ItemID("i\(place % items)"), time: 1_000 + time))
        }
        let dataset = try builder.write(to: folder.file("sized"), minUserEvents: 1, minItemEvents: 1)
        return try SplitDataset(dataset, .leaveOneOut)
    }

    private func choices(_ text: String, _ data: SplitDataset) throws -> [String: JSONValue] {
        let sizing = try DataSizing(tree(text), model: nil, on: data)
        #expect(sizing.choices.allSatisfy { !$0.reason.isEmpty })
        // What was chosen makes an experiment that can be trained.
        _ = try Experiment(sizing.applied(to: tree(text)))
        return Dictionary(uniqueKeysWithValues: sizing.choices.map { ($0.key, $0.value) })
    }

    @Test("short histories are read whole and no further")
    func shortHistories() throws {
        let data = try data(users: 2_000, events: 20)
        let found = try choices(#"{"model": {"name": "sasrec"}}"#, data)
        #expect(found["model.max_sequence_length"] == .integer(20))  // 17 events before the last one of training
        #expect(found["training.batch_size"] == .integer(32))  // an epoch keeps 50 steps
        #expect(found["training.loss.kind"] == nil && found["model.sparse_gradients"] == nil)
    }

    @Test("a small data set gets small batches, so that an epoch has steps")
    func smallData() throws {
        let data = try data(users: 900, events: 8)
        #expect(try choices(#"{"model": {"name": "sasrec"}}"#, data)["training.batch_size"] == .integer(16))
        let cuts = try choices(#"{"model": {"name": "t2diff"}}"#, data)
        #expect(cuts["training.batch_size"] == .integer(64))  // 4,500 examples
        #expect(cuts["model.max_sequence_length"] == .integer(10))
    }

    @Test("a large catalog gets a sampled softmax and row-sparse gradients, where the model has them")
    func largeCatalog() throws {
        let data = try data(users: 400, events: 30, items: 11_000)
        for model in ["sasrec", "t2diff", "mind"] {
            let found = try choices(#"{"model": {"name": "\#(model)"}}"#, data)
            #expect(found["training.loss.kind"] == .string("sampled-softmax"))
            #expect(found["training.loss.negatives"] == .integer(1_024))
            #expect(found["model.sparse_gradients"] == .bool(true))
        }
        #expect(try choices(#"{"model": {"name": "popularity"}}"#, data).isEmpty)
    }

    @Test("what the experiment says itself is never changed")
    func explicit() throws {
        let data = try data(users: 400, events: 30, items: 11_000)
        let text = #"""
            {"model": {"name": "sasrec", "length": 200, "sparseGradients": false},
             "training": {"batch": 128, "loss": {"kind": "full"}}}
            """#
        #expect(try choices(text, data).isEmpty)
        let sampled = try choices(#"{"model": {"name": "sasrec", "sparseGradients": false}}"#, data)
        #expect(sampled["model.sparse_gradients"] == nil && sampled["training.loss.kind"] != nil)
        let sizing = RunManifest.Sizing("model.length", .integer(5), because: "a test")
        let placed = try tree(#"{"model": {"name": "sasrec", "length": 200}}"#).placing([sizing])
        #expect(placed["model"]["length"] == .integer(200))
    }

    @Test("sessions end at the usual gap of data whose events are days apart")
    func sessions() throws {
        let days = try data(users: 60, events: 12, gap: 86_400)
        #expect(try choices(#"{"model": {"name": "t2diff"}}"#, days)["model.session_gap_seconds"] == .integer(86_400))
        #expect(try DataSizing(tree(#"{"model": {"name": "t2diff"}}"#), model: nil, on: days).remarks.isEmpty)
    }

    @Test("events without times are remarked on")
    func noTimes() throws {
        let data = try data(users: 60, events: 12, gap: 0)
        let sizing = try DataSizing(tree(#"{"model": {"name": "t2diff"}}"#), model: nil, on: data)
        #expect(sizing.remarks.count == 1 && sizing.remarks[0].contains("no times"))
        #expect(!sizing.choices.contains { $0.key == "model.session_gap_seconds" })
    }

    @Test("the key training.auto says whether, and is no setting")
    func key() throws {
        #expect(try Experiment.isSized(tree(#"{"training": {"auto": false}}"#)) == false)
        #expect(try Experiment.isSized(tree(#"{"training": {}}"#)) == nil)
        #expect(throws: ConfigurationError.self) { try Experiment.isSized(tree(#"{"training": {"auto": 1}}"#)) }
        let plain = try Experiment(tree(#"{"model": {"name": "sasrec"}}"#))
        #expect(try Experiment(tree(#"{"model": {"name": "sasrec"}, "training": {"auto": true}}"#)) == plain)
    }
}
