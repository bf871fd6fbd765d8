// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeNN
import CascadeTorch
import TensorTestSupport
import Testing

@testable import CascadeRecommenders

/// What every query-aware ranker promises.
@Suite("Contract of query-aware rankers")
struct SearchContractTests {
    @Test("learns one batch by heart", arguments: SearchSubject.reading)
    func overfits(_ subject: SearchSubject) throws {
        let model = try subject.model(
            subject.entry.card.name == "diffusion-gs" ? ["constraint_loss_weight": .number(0.01)] : [:]
        )
        let adam = try Adam(model.parameters())
        let host = QueryHostBatch(Asked.rows)
        var losses: [Double] = []
        for step in 0..<120 {
            try adam.clearGradients()
            let loss = try model.loss(host, seed: UInt64(step))
            losses.append(try loss.item())
            try loss.backward()
            try adam.step(rate: 2e-2)
        }
        #expect(losses.filter(\.isFinite).count == losses.count)
        let last = losses.suffix(5).reduce(0, +) / 5
        #expect(last < losses[0] / 4, "the loss fell from \(losses[0]) to \(last) only")
        for (row, scores) in try model.scored(host).enumerated() {
            let clicked = Asked.rows[row].clicks.firstIndex(of: 1) ?? 0
            #expect(scores[clicked] == scores.prefix(3).max(), "what was chosen does not lead in row \(row)")
        }
    }

    @Test("every parameter receives a gradient", arguments: SearchSubject.all)
    func gradients(_ subject: SearchSubject) throws {
        var changes = Subject.smallSearch["tokens"] ?? .null
        changes["sparseGradients"] = .bool(false)
        let isShownOrder = subject.entry.card.name == "shown-order"
        let model = try subject.model(isShownOrder ? [:] : ["tokens": changes])
        try model.loss(QueryHostBatch(Asked.rows)).backward()
        for parameter in try model.parameters() {
            let gradient = try #require(try parameter.part.value.gradient(), "\(parameter.name) has no gradient")
            #expect(try gradient.isFinite(), "\(parameter.name)")
            guard gradient.rank > 1 else { continue }
            #expect(try gradient.floats().contains { $0 != 0 }, "the gradient of \(parameter.name) is zero")
        }
    }

    @Test(
        "a score depends neither on padding nor on other requests or candidates",
        .rounding,
        arguments: SearchSubject.all
    )
    func independence(_ subject: SearchSubject) throws {
        let model = try subject.model()
        let together = try model.scored(QueryHostBatch(Asked.rows))
        for (row, asked) in Asked.rows.enumerated() {
            try expect(model.scored(QueryHostBatch([asked]))[0], equal: together[row], "alone, row \(row)")
            let padded = QueryHostBatch([asked], length: 12, width: 5, tokens: 9)
            try expect(model.scored(padded)[0], equal: together[row], "padded, row \(row)")
            for column in 0..<3 {
                var single = asked
                single.candidates = [asked.candidates[column]]
                (single.clicks, single.purchases) = ([0], [0])
                let alone = try model.scored(QueryHostBatch([single]))[0]
                try expect(alone, equal: [together[row][column], together[row][column + 3]], "candidate \(column)")
            }
        }
    }

    @Test(
        "padding of histories, lists and queries changes no term of the loss",
        .rounding,
        arguments: SearchSubject.all
    )
    func losses(_ subject: SearchSubject) throws {
        let model = try subject.model()
        let noise = Noise.fixed(integers: try Tensor([Int64(3), 1, 5, 2]), normals: [:])
        let terms = try [QueryHostBatch(Asked.rows), QueryHostBatch(Asked.rows, length: 12, width: 5, tokens: 9)]
            .map { host in
                let batch = try QueryBatch(host, noise: noise)
                let terms = try model.predict(batch, .training).terms(batch, purchaseWeight: model.purchaseWeight)
                return try terms.map { try $0.loss.item() }
            }
        try expect(terms[1], equal: terms[0])
    }

    @Test("the query, the history and the list matter", arguments: SearchSubject.reading)
    func inputs(_ subject: SearchSubject) throws {
        let model = try subject.model(["purchase_loss_weight": .number(1)])
        let asked = Asked.rows[0]
        let scores = try model.scored(QueryHostBatch([asked]))[0]
        var other = asked
        other.query = [30, 31]
        #expect(try model.scored(QueryHostBatch([other]))[0] != scores, "the query")
        // The search by category sees events of the candidates' kind alone.
        let place = subject.variant["retrieval"] == .string("hard") ? 1 : 6
        other = asked
        other.items[place] = place == 1 ? 8 : 10
        #expect(try model.scored(QueryHostBatch([other]))[0] != scores, "the history")
        other = asked
        other.actions = asked.actions.map { _ in 4 }
        #expect(try model.scored(QueryHostBatch([other]))[0] != scores, "what was done")
        other = asked
        other.context = 2
        #expect(try model.scored(QueryHostBatch([other]))[0] != scores, "the moment")
        other = asked
        other.user = 1
        #expect(try model.scored(QueryHostBatch([other]))[0] != scores, "the person")
    }

    @Test("works without features, queries and purchases", arguments: SearchSubject.reading)
    func bare(_ subject: SearchSubject) throws {
        guard subject.variant["retrieval"] != .string("hard") else { return }
        var host = QueryHostBatch(
            Asked.rows.map { asked in
                var bare = asked
                bare.query = []
                bare.asked = asked.asked.map { _ in [] }
                return bare
            }
        )
        (host.shown, host.context) = ([], [])
        let model = try subject.model(["purchase_loss_weight": .number(0)], data: DatasetShape(users: 50, items: 20))
        let scores = try model.scored(host).flatMap { $0 }
        #expect(scores.filter(\.isFinite).count == scores.count)
        try model.loss(host).backward()
    }

    @Test("items outside the catalog are refused, as behavior and as candidate", arguments: SearchSubject.all)
    func foreign(_ subject: SearchSubject) throws {
        let model = try subject.model()
        var rows = Asked.rows
        if subject.entry.card.name != "shown-order" {
            rows[1].items[1] = 21
            #expect(throws: TorchError.self) { try model.scored(QueryHostBatch(rows)) }
        }
        rows = Asked.rows
        rows[2].candidates[0] = 21
        #expect(throws: TorchError.self) { try model.scored(QueryHostBatch(rows)) }
    }

    @Test("the same seed gives the same losses, bit for bit", arguments: SearchSubject.all)
    func seeds(_ subject: SearchSubject) throws {
        func losses(_ seed: UInt64) throws -> [Double] {
            let model = try subject.model(seed: seed)
            let adam = try Adam(model.parameters())
            return try (0..<3).map { step in
                try adam.clearGradients()
                let loss = try model.loss(QueryHostBatch(Asked.rows), seed: UInt64(step))
                try loss.backward()
                try adam.step(rate: 1e-2)
                return try loss.item()
            }
        }
        let first = try losses(1)
        #expect(try losses(1) == first)
        #expect(try losses(2) != first)
    }

    @Test("contributions are one number an event, 0 at padding")
    func contributions() throws {
        let model = try SearchSubject(entry: ModelEntry(DiffusionGS.self)).model()
        let host = QueryHostBatch(Asked.rows)
        let shares = try #require(try withoutGradients { try model.contributions(host.batch()) })
        #expect(shares.shape == [4, 7])
        for (cell, share) in try shares.doubles().enumerated() { #expect((share > 0) == (host.items[cell] != 0)) }
        #expect(try SearchSubject(entry: ModelEntry(HSTU.self)).model().contributions(host.batch()) == nil)
    }
}
