// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeNN
import CascadeTorch
import TensorTestSupport
import Testing

@testable import CascadeRecommenders

/// What every model that learns by gradients promises.
@Suite("Contract of learning")
struct LearningContractTests {
    @Test("learns one batch by heart", arguments: Subject.learning)
    func overfits(_ subject: Subject) throws {
        // Of several interests only the nearest to the target learns; the others still rank by theirs (reading M7).
        // What a model of hidden items is asked here is the last item.
        let learner = try subject.learner(["num_interests": .integer(1), "last_item_mask_ratio": .number(0.8)])
        let losses = try learner.train(History.rows, steps: 150)
        #expect(losses.filter(\.isFinite).count == losses.count)
        let floor = subject.leastLoss
        let (first, last) = (losses[0] - floor, losses.suffix(10).reduce(0, +) / 10 - floor)
        #expect(last < first / 3, "the loss fell from \(first) to \(last) only")
        for (history, scores) in zip(History.rows, try learner.scores(History.rows.map(subject.question))) {
            let wanted = subject.answers(to: history)
            let others = scores.indices.filter { !wanted.contains($0) }.map { scores[$0] }.max() ?? -.infinity
            #expect(wanted.allSatisfy { scores[$0] >= others }, "the target does not rank first")
        }
    }

    @Test("every parameter receives a gradient", arguments: Subject.learning)
    func gradients(_ subject: Subject) throws {
        let learner = try subject.learner()
        try learner.loss(learner.host(History.rows), seed: 1).backward()
        for parameter in try learner.model.parameters() {
            let gradient = try #require(try parameter.part.value.gradient(), "\(parameter.name) has no gradient")
            #expect(try gradient.isFinite(), "\(parameter.name)")
            // The derivative by a constant that a softmax cancels is rightly zero; that by a matrix is not.
            guard gradient.rank > 1 else { continue }
            #expect(try gradient.floats().contains { $0 != 0 }, "the gradient of \(parameter.name) is zero")
        }
    }

    @Test("histories of one item train and are scored without infinities", arguments: Subject.learning)
    func shortHistories(_ subject: Subject) throws {
        let learner = try subject.learner()
        let single = (1...4).map { History(user: $0, items: [$0], times: [0], target: $0 + 4) }
        let losses = try learner.train(single, steps: 5)
        #expect(losses.filter(\.isFinite).count == losses.count)
        for parameter in try learner.model.parameters() {
            #expect(try parameter.part.value.isFinite(), "\(parameter.name)")
        }
        #expect(try learner.scores(single).joined().allSatisfy(\.isFinite))
    }

    @Test("learns with every objective", arguments: Subject.learning, Objective.Kind.allCases)
    func objectives(_ subject: Subject, _ kind: Objective.Kind) throws {
        var objective = Objective()
        (objective.kind, objective.negatives, objective.sampling) = (kind, 8, .popularity)
        let losses = try subject.learner().train(History.rows, objective, steps: 60)
        let (first, last) = (losses.prefix(5).reduce(0, +) / 5, losses.suffix(5).reduce(0, +) / 5)
        #expect(last < 0.8 * first, "the loss fell from \(first) to \(last) only")
    }

    @Test("the same seed gives the same losses and weights, bit for bit; another seed others")
    func seeds() async {
        // A process of its own: dropout draws from the default generator, which other tests use at the same time.
        await #expect(processExitsWith: .success) {
            Runtime.setThreads(1)
            for subject in Subject.learning {
                func run(_ seed: UInt64) throws -> ([Double], [[Float]]) {
                    let learner = try subject.learner(seed: seed, ["dropout": .number(0.5)])
                    let host = learner.host(History.rows)
                    let losses = try (1...3).map { step in
                        try Runtime.seedDefaultGenerators(seed &* 100 &+ UInt64(step))
                        return try learner.step(host, seed: seed &* 100 &+ UInt64(step))
                    }
                    return (losses, try learner.model.parameters().map { try $0.part.value.floats() })
                }
                let (losses, weights) = try run(1)
                let again = try run(1)
                #expect(again.0 == losses, "\(subject.entry.card.name)")
                #expect(again.1 == weights, "\(subject.entry.card.name)")
                #expect(try run(2).0 != losses, "\(subject.entry.card.name)")
            }
        }
    }
}
