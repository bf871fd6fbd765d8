// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeNN
import CascadeTorch
import Foundation
import TensorTestSupport
import Testing

@Suite("Learning rates")
struct LearningRateTests {
    private func rate(_ change: (inout LearningRateSchedule) -> Void) -> LearningRateSchedule {
        var rate = LearningRateSchedule()
        rate.learningRate = 0.8
        change(&rate)
        return rate
    }

    @Test("constant, from the first step")
    func constant() {
        #expect(LearningRateSchedule()(1) == 1e-3)
        #expect(rate { _ in }(1_000_000) == 0.8)
    }

    @Test(
        "a warm-up rises linearly and reaches the peak at its last step",
        arguments: LearningRateSchedule.Decay.allCases
    )
    func warmup(_ decay: LearningRateSchedule.Decay) {
        let rate = rate { ($0.warmupSteps, $0.lrSchedule, $0.lrDecaySteps) = (4, decay, 100) }
        for (step, wanted) in [(1, 0.2), (2, 0.4), (3, 0.6), (4, 0.8)] { #expect(abs(rate(step) - wanted) < 1e-12) }
        #expect(rate(5) <= 0.8)
    }

    @Test("a cosine falls from the peak to its floor and stays there")
    func cosine() {
        let rate = rate { ($0.warmupSteps, $0.lrSchedule, $0.lrDecaySteps, $0.lrFloor) = (10, .cosine, 110, 0.25) }
        #expect(rate(10) == 0.8)
        #expect(abs(rate(60) - 0.8 * 0.625) < 1e-12)
        #expect(abs(rate(35) - 0.8 * (0.25 + 0.75 * 0.5 * (1 + 0.5.squareRoot()))) < 1e-12)
        #expect(abs(rate(110) - 0.2) < 1e-12 && abs(rate(5000) - 0.2) < 1e-12)
        for step in 10..<110 { #expect(rate(step + 1) < rate(step)) }
    }

    @Test("steps fall by the factor every so many steps")
    func steps() {
        let rate = rate { ($0.lrSchedule, $0.lrDecaySteps, $0.lrDecayFactor) = (.step, 3, 0.5) }
        let expected = [0.8, 0.8, 0.8, 0.4, 0.4, 0.4, 0.2]
        for (index, wanted) in expected.enumerated() { #expect(abs(rate(index + 1) - wanted) < 1e-12) }
    }

    @Test("survives a configuration file")
    func codable() throws {
        let rate = rate { ($0.warmupSteps, $0.lrSchedule) = (7, .cosine) }
        let data = try JSONEncoder().encode(rate)
        #expect(try JSONDecoder().decode(LearningRateSchedule.self, from: data) == rate)
        #expect(String(decoding: data, as: UTF8.self).contains("\"cosine\""))
    }
}

@Suite("Moving average of weights")
struct MovingAverageTests {
    private struct Model: Module { let weight: Parameter }
    private struct Stop: Error {}

    private let model: Model
    init() throws { model = Model(weight: try Parameter(.zeros([2]))) }

    @Test("early updates forget faster, later ones by the decay")
    func updates() throws {
        let average = try MovingAverage(model.parameters(), decay: 0.5)
        var byHand = 0.0
        for update in 1...30 {
            try model.weight.value.fill(Double(update))
            try average.update()
            let keep = min(0.5, Double(1 + update) / Double(10 + update))
            byHand = keep * byHand + (1 - keep) * Double(update)
            try expect(average.state()[0].part, [byHand, byHand])
        }
        #expect(average.state().map(\.name) == ["average.weight"])
        #expect(try model.weight.value.floats() == [30, 30], "the weights stay")
    }

    @Test("averages stand in for the weights inside the closure only, also when it throws")
    func exchange() throws {
        let average = try MovingAverage(model.parameters(), decay: 0.9)
        try model.weight.value.fill(10)
        let inside = try average.withAverages { try model.weight.value.floats() }
        #expect(inside == [0, 0])
        #expect(try model.weight.value.floats() == [10, 10])
        #expect(throws: Stop.self) { try average.withAverages { () throws -> Void in throw Stop() } }
        #expect(try model.weight.value.floats() == [10, 10])
        #expect(try average.state()[0].part.floats() == [0, 0])
        #expect(model.weight.value.requiresGradient)
    }

    @Test("a restored average goes on with the memory it had")
    func restoring() throws {
        let first = try MovingAverage(model.parameters(), decay: 0.99)
        try model.weight.value.fill(1)
        for _ in 0..<5 { try first.update() }
        let second = try MovingAverage(model.parameters(), decay: 0.99)
        try second.state()[0].part.assign(first.state()[0].part)
        second.restore(updates: 5)
        try model.weight.value.fill(-3)
        try first.update()
        try second.update()
        #expect(try first.state()[0].part.floats() == second.state()[0].part.floats())
    }
}
