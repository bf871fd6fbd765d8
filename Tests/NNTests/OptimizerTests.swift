// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeNN
import CascadeTorch
import Foundation
import TensorTestSupport
import Testing

/// Optimizers for one number, as printed in the papers; of a matrix's row, as PyTorch has them.
private struct ByHand {
    let settings: OptimizerSettings
    var weight: Double
    private var step = 0
    private var first = 0.0
    private var second = 0.0

    init(_ settings: OptimizerSettings, _ weight: Double) {
        self.settings = settings
        self.weight = weight
    }

    mutating func update(_ gradient: Double, rate: Double, decays: Bool = true, hasMomentum: Bool? = nil) {
        step += 1
        let s = settings
        let decay = decays ? s.weightDecay : 0
        switch s.kind {
        case .adagrad:
            let slope = gradient + decay * weight
            first += slope * slope
            weight -= rate * slope / (first.squareRoot() + s.epsilon)
        case .sgd:
            first = (hasMomentum ?? decays ? s.momentum : 0) * first + gradient + decay * weight
            weight -= rate * first
        case .adamw, .adam, .sparseAdam:
            var slope = gradient
            if s.kind == .adam { slope += decay * weight } else { weight -= rate * decay * weight }
            first = s.beta1 * first + (1 - s.beta1) * slope
            second = s.beta2 * second + (1 - s.beta2) * slope * slope
            let (m, v) = (first / (1 - pow(s.beta1, Double(step))), second / (1 - pow(s.beta2, Double(step))))
            weight -= rate * m / (v.squareRoot() + s.epsilon)
        }
    }

    /// A step that leaves the weight and the moments alone.
    mutating func skip() { step += 1 }
}

@Suite("Optimizers")
struct OptimizerTests {
    private static let kinds = OptimizerSettings.Kind.allCases

    private func settings(_ kind: OptimizerSettings.Kind) -> OptimizerSettings {
        var settings = OptimizerSettings()
        (settings.kind, settings.weightDecay, settings.momentum) = (kind, 0.1, 0.8)
        return settings
    }

    private func named(_ parameters: Parameter...) throws -> [Named<Parameter>] {
        struct Model: Module { let parts: [Parameter] }
        return try Model(parts: parameters).parameters()
    }

    @Test("biases, scales and tables of embeddings do not decay, matrices do")
    func decayed() throws {
        #expect(try !Parameter(.ones([3])).isDecayed && Parameter(.ones([3, 1])).isDecayed)
        let table = try Embedding(5, 2, .ones, using: Generator(seed: 1))
        let layer = try Linear(2, 3, using: Generator(seed: 1))
        #expect(try Embedding(5, 2, .ones, isDecayed: true, using: Generator(seed: 1)).weight.isDecayed)
        #expect(!table.weight.isDecayed && layer.weight.isDecayed)
        #expect(try #require(layer.bias).isDecayed == false)
    }

    @Test(
        "20 steps of a vector agree with the method by hand, with and without decay",
        arguments: kinds,
        [true, false]
    )
    func dense(_ kind: OptimizerSettings.Kind, _ isDecayed: Bool) throws {
        let settings = settings(kind)
        let weight = try Parameter(Tensor([0.5, -1, 2] as [Float]), isDecayed: isDecayed)
        let optimizer = try settings.make(named(weight))
        var byHand = [0.5, -1, 2].map { ByHand(settings, $0) }
        for step in 1...20 {
            let gradients = (0..<3).map { sin(Double(step * ($0 + 2))) * Double($0 + 1) }
            let rate = 0.05 / Double(step)
            try weight.value.setGradient(Tensor(gradients.map(Float.init)))
            try optimizer.step(rate: rate)
            for (index, gradient) in gradients.enumerated() {
                // Momentum, unlike decay, is every parameter's.
                byHand[index].update(gradient, rate: rate, decays: isDecayed, hasMomentum: true)
            }
            try expect(weight.value, byHand.map(\.weight))
        }
        #expect(optimizer.step == 20)
    }

    @Test(
        "of a row-sparse table, rows that are named move by hand, without decay and momentum; others stay",
        arguments: kinds
    )
    func rowSparse(_ kind: OptimizerSettings.Kind) throws {
        let settings = settings(kind)
        let table = try Embedding(5, 1, .ones, isRowSparse: true, using: Generator(seed: 1))
        let optimizer = try settings.make(table.parameters())
        var byHand = [1, 1, 1, 1, 1].map { ByHand(settings, $0) }
        for (step, rows) in [[1, 3, 1], [3], [0, 1, 1, 1], [3, 0]].enumerated() {
            try optimizer.clearGradients()
            try table(Tensor(rows.map(Int64.init))).sum().backward()
            #expect(try table.weight.value.requiredGradient().isSparse)
            try optimizer.step(rate: 0.1 / Double(step + 1))
            for row in 0..<5 {
                let count = rows.count { $0 == row }
                if count > 0 {
                    byHand[row].update(Double(count), rate: 0.1 / Double(step + 1), decays: false)
                } else {
                    byHand[row].skip()
                }
            }
            try expect(table.weight.value.detached().reshaped(-1), byHand.map(\.weight))
        }
    }

    @Test("sparse-adam leaves rows without a gradient alone in a dense matrix too, unlike adamw")
    func lazyMatrix() throws {
        let settings = settings(.sparseAdam)
        let (lazy, plain) = (try Parameter(.ones([3, 2])), try Parameter(.ones([3, 2])))
        let optimizers = [try settings.make(named(lazy)), try self.settings(.adamw).make(named(plain))]
        var byHand = [1, 1, 1].map { ByHand(settings, $0) }
        for rows in [[1, 2, 0], [0, 3, 0], [1, 0, 0]] as [[Float]] {
            for (parameter, optimizer) in zip([lazy, plain], optimizers) {
                try parameter.value.setGradient(Tensor(rows.flatMap { [$0, $0] }, shape: [3, 2]))
                try optimizer.step(rate: 0.1)
            }
            for (row, gradient) in rows.enumerated() {
                if gradient == 0 {
                    byHand[row].skip()
                } else {
                    byHand[row].update(Double(gradient), rate: 0.1, decays: false)
                }
            }
        }
        try expect(lazy.value.detached().selected(1, 0), byHand.map(\.weight))
        #expect(try lazy.value.floats()[4...] == [1, 1])
        #expect(try plain.value.floats()[4] < 1)  // decays
        #expect(try optimizers[0].state().allSatisfy { try $0.part.selected(0, 2).abs().max().item() == 0 })
    }

    @Test("restored state and step continue as if nothing had happened", arguments: kinds)
    func restoring(_ kind: OptimizerSettings.Kind) throws {
        let settings = settings(kind)
        func run(_ weight: Parameter, _ optimizer: any Optimizer, _ steps: Int) throws {
            for _ in 0..<steps {
                try optimizer.clearGradients()
                try (weight.value - 3).square().sum().backward()
                try optimizer.step(rate: 0.1)
            }
        }
        let (whole, half) = (try Parameter(.zeros([2, 2])), try Parameter(.zeros([2, 2])))
        try run(whole, settings.make(named(whole)), 10)
        let first = try settings.make(named(half))
        try run(half, first, 5)
        let second = try settings.make(named(half))
        #expect(second.state().map(\.name) == first.state().map(\.name))
        for (mine, saved) in zip(second.state(), first.state()) { try mine.part.assign(saved.part) }
        second.restore(step: first.step)
        try run(half, second, 5)
        #expect(try half.value.floats() == whole.value.floats())
    }

    @Test("the default is AdamW to the bit, whatever makes it")
    func standard() throws {
        let (a, b) = (try Parameter(Tensor([1, -2] as [Float])), try Parameter(Tensor([1, -2] as [Float])))
        let optimizers: [any Optimizer] = [try Adam(named(a)), try OptimizerSettings().make(named(b))]
        for (parameter, optimizer) in zip([a, b], optimizers) {
            for _ in 0..<7 {
                try optimizer.clearGradients()
                try (parameter.value - 3).square().sum().backward()
                try optimizer.step(rate: 0.1)
            }
        }
        #expect(try a.value.floats() == b.value.floats())
    }
}
