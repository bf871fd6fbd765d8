// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeNN
import CascadeTorch
import TensorTestSupport
import Testing

@testable import CascadeRecommenders

/// What every CTR model promises.
@Suite("Contract of CTR models")
struct RankerContractTests {
    @Test("learns one batch by heart", arguments: RankerSubject.all)
    func overfits(_ subject: RankerSubject) throws {
        let model = try subject.model()
        let adam = try Adam(model.parameters())
        let host = CTRHostBatch(History.rows)
        var losses: [Double] = []
        for _ in 0..<80 {
            try adam.clearGradients()
            let loss = try model.loss(host)
            losses.append(try loss.item())
            try loss.backward()
            try adam.step(rate: 2e-2)
        }
        #expect(losses.filter(\.isFinite).count == losses.count)
        let last = losses.suffix(5).reduce(0, +) / 5
        #expect(last < losses[0] / 5, "the loss fell from \(losses[0]) to \(last) only")
        for scores in try model.scored(host) { #expect(scores[0] == scores.max(), "the target does not lead") }
    }

    @Test("every parameter receives a gradient", arguments: RankerSubject.all)
    func gradients(_ subject: RankerSubject) throws {
        let model = try subject.model(["sparse_gradients": .bool(false)])
        try model.loss(CTRHostBatch(History.rows)).backward()
        for parameter in try model.parameters() {
            let gradient = try #require(try parameter.part.value.gradient(), "\(parameter.name) has no gradient")
            #expect(try gradient.isFinite(), "\(parameter.name)")
            // The derivative by a constant that a normalization or a softmax cancels is rightly zero.
            guard gradient.rank > 1 else { continue }
            #expect(try gradient.floats().contains { $0 != 0 }, "the gradient of \(parameter.name) is zero")
        }
    }

    @Test(
        "a score does not depend on padding, on other requests or on other candidates",
        .rounding,
        arguments: RankerSubject.all
    )
    func independence(_ subject: RankerSubject) throws {
        let model = try subject.model()
        let together = try model.scored(CTRHostBatch(History.rows))
        for (row, history) in History.rows.enumerated() {
            try expect(model.scored(CTRHostBatch([history]))[0], equal: together[row], "alone, row \(row)")
            try expect(model.scored(CTRHostBatch([history], columns: 12))[0], equal: together[row], "padded")
            let host = CTRHostBatch([history])
            for column in 0..<3 {
                let single = CTRHostBatch(
                    history: host.history,
                    width: 1,
                    candidates: [host.candidates[column]],
                    labels: [0],
                    times: host.times
                )
                try expect(model.scored(single)[0], equal: [together[row][column]], "candidate \(column)")
            }
        }
    }

    @Test("an empty history is scored without infinities", arguments: RankerSubject.all)
    func empty(_ subject: RankerSubject) throws {
        let nobody = History(user: 1, items: [], times: [], target: 3)
        for scores in try subject.model().scored(CTRHostBatch([nobody, History.rows[3]])) {
            #expect(scores.filter(\.isFinite).count == scores.count)
        }
    }

    @Test("works without categories", arguments: RankerSubject.all)
    func withoutCategories(_ subject: RankerSubject) throws {
        let model = try subject.model(data: Subject.data)
        let scores = try model.scored(CTRHostBatch(History.rows)).flatMap { $0 }
        #expect(scores.filter(\.isFinite).count == scores.count)
        try model.loss(CTRHostBatch(History.rows)).backward()
    }

    @Test("items outside the catalog are refused, as behavior and as candidate", arguments: RankerSubject.all)
    func foreign(_ subject: RankerSubject) throws {
        let model = try subject.model()
        var histories = History.rows
        histories[2].items[1] = 21
        #expect(throws: TorchError.self) { try model.scored(CTRHostBatch(histories)) }
        histories = History.rows
        histories[2].target = 21
        #expect(throws: TorchError.self) { try model.scored(CTRHostBatch(histories)) }
    }

    @Test("the same seed gives the same losses, bit for bit", arguments: RankerSubject.all)
    func seeds(_ subject: RankerSubject) throws {
        func losses(_ seed: UInt64) throws -> [Double] {
            let model = try subject.model(seed: seed)
            let adam = try Adam(model.parameters())
            return try (0..<3).map { _ in
                try adam.clearGradients()
                let loss = try model.loss(CTRHostBatch(History.rows))
                try loss.backward()
                try adam.step(rate: 1e-2)
                return try loss.item()
            }
        }
        let first = try losses(1)
        #expect(try losses(1) == first)
        #expect(try losses(2) != first)
    }

    @Test(
        "a catalog's scores are the scores of its items at the time of the last event",
        arguments: RankerSubject.all
    )
    func catalog(_ subject: RankerSubject) throws {
        let model = try subject.model()
        let host = CTRHostBatch(History.rows)
        let scores = try model.scores(host.batch().history).doubles()
        let asked = CTRHostBatch(
            history: host.history,
            width: 3,
            candidates: host.candidates,
            labels: host.labels,
            times: History.rows.map { $0.times[$0.times.count - 1] }
        )
        for (row, scored) in try model.scored(asked).enumerated() {
            for (column, score) in scored.enumerated() {
                let item = Int(host.candidates[row * 3 + column]) - 1
                try expect(scores[row * 20 + item], equals: score)
            }
        }
    }
}

@Suite("Gradients that meet on shared embeddings")
struct SharedGradientTests {
    @Test("what both paths send adds up to the gradient of the shared table", arguments: ["none", "linear"])
    func sum(projection: String) throws {
        let subject = RankerSubject(entry: ModelEntry(TWIN.self), variant: ["projection": .string(projection)])
        let model = try #require(try subject.model(["sparse_gradients": .bool(false)]) as? TWIN)
        let batch = try CTRHostBatch(History.rows).batch()
        let shared = try model.sharedGradients(batch)
        #expect(shared.map(\.feature) == ["items", "categories", "places"])
        for parameter in try model.parameters() { try parameter.part.value.setGradient(nil) }
        let terms = try model.trainingOutput(batch).terms(batch)
        try (terms[0].loss + terms[1].loss).backward()
        for (table, gradient) in zip(model.network.keys.tables, shared) {
            let whole = try #require(try table.table.table.weight.value.gradient())
            try expect(gradient.attention + gradient.representation, equals: whole, within: 1e-4, gradient.feature)
            #expect(try gradient.attention.floats().contains { $0 != 0 })
        }
    }

    @Test("nothing meets in a model whose tables are apart")
    func apart() throws {
        let model = try RankerSubject(entry: ModelEntry(DARE.self)).model()
        let searcher = try #require(model.lifelongRanker)
        #expect(throws: ConfigurationError.self) {
            try searcher.sharedGradients(CTRHostBatch(History.rows).batch())
        }
    }
}
