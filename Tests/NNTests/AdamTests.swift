// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeNN
import CascadeTorch
import Foundation
import TensorTestSupport
import Testing

/// Adam for one number, as printed in the papers.
private struct ScalarAdam {
    var weight: Double
    var mean = 0.0
    var square = 0.0
    var step = 0
    let configuration: OptimizerSettings

    init(_ weight: Double, _ configuration: OptimizerSettings) {
        (self.weight, self.configuration) = (weight, configuration)
    }

    mutating func update(_ gradient: Double, rate: Double) {
        let c = configuration
        step += 1
        var gradient = gradient
        if c.kind == .adamw { weight -= rate * c.weightDecay * weight } else { gradient += c.weightDecay * weight }
        mean = c.beta1 * mean + (1 - c.beta1) * gradient
        square = c.beta2 * square + (1 - c.beta2) * gradient * gradient
        let (m, v) = (mean / (1 - pow(c.beta1, Double(step))), square / (1 - pow(c.beta2, Double(step))))
        weight -= rate * m / (v.squareRoot() + c.epsilon)
    }
}

@Suite("Adam")
struct AdamTests {
    let generator: Generator
    init() throws { generator = try Generator(seed: 8) }

    private func named(_ parameters: Parameter...) -> [Named<Parameter>] {
        struct Model: Module { let parts: [Parameter] }
        return (try? Model(parts: parameters).parameters()) ?? []
    }

    @Test(
        "20 steps agree with Adam by hand: plain, with decay of the weights, with decay in the gradient, other betas",
        arguments: [(0.0, true, 0.9, 0.999), (0.1, true, 0.9, 0.999), (0.1, false, 0.9, 0.999), (0.01, true, 0.5, 0.9)]
    )
    func dense(_ decay: Double, _ decoupled: Bool, _ beta1: Double, _ beta2: Double) throws {
        var configuration = OptimizerSettings()
        (configuration.weightDecay, configuration.kind) = (decay, decoupled ? .adamw : .adam)
        (configuration.beta1, configuration.beta2) = (beta1, beta2)
        let first = try Parameter(.normal([3], using: generator), isDecayed: true)
        let second = try Parameter(.normal([2, 1], using: generator))
        var byHand = try (first.value.doubles() + second.value.doubles()).map { ScalarAdam($0, configuration) }
        let adam = try Adam(named(first, second), configuration)
        for step in 1...20 {
            let gradients = (0..<5).map { sin(Double(step * ($0 + 2))) * Double($0 + 1) }
            let rate = 0.05 / Double(step)
            try first.value.setGradient(Tensor(gradients[0..<3].map(Float.init)))
            try second.value.setGradient(Tensor(gradients[3...].map(Float.init), shape: [2, 1]))
            try adam.step(rate: rate)
            for (index, gradient) in gradients.enumerated() { byHand[index].update(gradient, rate: rate) }
            try expect(first.value, byHand[0..<3].map(\.weight))
            try expect(second.value, byHand[3...].map(\.weight))
        }
        #expect(adam.step == 20)
        let state = adam.state()
        #expect(state.map(\.name) == ["mean.parts.0", "square.parts.0", "mean.parts.1", "square.parts.1"])
        try expect(state[0].part, byHand[0..<3].map(\.mean))
        try expect(state[3].part, byHand[3...].map(\.square))
    }

    @Test("a parameter without a gradient stays as it is")
    func untouched() throws {
        let (used, unused) = (try Parameter(.ones([2])), try Parameter(.ones([2])))
        var configuration = OptimizerSettings()
        configuration.weightDecay = 0.5
        let adam = try Adam(named(used, unused), configuration)
        try used.value.sum().backward()
        try adam.step(rate: 0.1)
        #expect(try unused.value.floats() == [1, 1])
        #expect(try used.value.floats() != [1, 1])
        try adam.clearGradients()
        #expect(try used.value.gradient() == nil)
    }

    @Test("rows of a large table that come many times, in any order, take the step of a dense one")
    func largeTable() throws {
        let (sparse, dense, adams) = try twins(rows: 10_000)
        var named: [Int64] = [9_999, 0, 2_047, 2_048, 9_999]
        for draw in 0..<600 { named.append(Int64((draw * 7_919) % 10_000 / 3 * 3)) }
        let numbers = try Tensor(named)
        for (table, adam) in zip([sparse, dense], adams) {
            try table(numbers).square().sum().backward()
            try adam.step(rate: 0.1)
        }
        try expect(sparse.weight.value.detached(), equals: dense.weight.value.detached())
    }

    /// A row-sparse table and a dense twin, and an optimizer for each.
    private func twins(rows: Int) throws -> (sparse: Embedding, dense: Embedding, adams: [Adam]) {
        let sparse = try Embedding(rows, 3, .normal(1), isRowSparse: true, using: generator)
        let dense = try Embedding(rows, 3, .zeros, using: generator)
        try dense.weight.value.assign(sparse.weight.value.detached())
        return (sparse, dense, [try Adam(sparse.parameters()), try Adam(dense.parameters())])
    }

    @Test("rows touched at every step go the same way as in dense Adam, duplicates summed; other rows stay")
    func rowSparse() throws {
        let (sparse, dense, adams) = try twins(rows: 6)
        let before = try sparse.weight.value.copy().floats()
        let index = try Tensor([4, 1, 4, 0, 4, 1] as [Int64])
        let touched = try Tensor([0, 1, 4] as [Int64])
        for step in 1...20 {
            for (table, adam) in zip([sparse, dense], adams) {
                try adam.clearGradients()
                let target = Double(step % 3)
                try (table(index) - target).square().sum().backward()
                try adam.step(rate: 0.02)
            }
            #expect(try sparse.weight.value.requiredGradient().isSparse)
            try expect(sparse.weight.value.rows(touched), equals: dense.weight.value.rows(touched))
        }
        let after = try sparse.weight.value.floats()
        for row in [2, 3, 5] { #expect(after[row * 3..<row * 3 + 3] == before[row * 3..<row * 3 + 3]) }
        for (mine, theirs) in zip(adams[0].state(), adams[1].state()) {
            try expect(mine.part.rows(touched), equals: theirs.part.rows(touched), within: 1e-4)
            #expect(try mine.part.rows(Tensor([2, 3, 5] as [Int64])).abs().max().item() == 0)
        }
    }

    @Test("a row that is not named keeps its weight and its moments, unlike in dense Adam")
    func lazy() throws {
        let (sparse, dense, adams) = try twins(rows: 2)
        for index in [[0, 1], [0]] as [[Int64]] {
            for (table, adam) in zip([sparse, dense], adams) {
                try adam.clearGradients()
                try table(Tensor(index)).sum().backward()
                try adam.step(rate: 0.1)
            }
        }
        let (mine, theirs) = (try sparse.weight.value.floats(), try dense.weight.value.floats())
        #expect(mine[3] > theirs[3])
        try expect(adams[0].state()[0].part.selected(0, 1), [0.1, 0.1, 0.1])
        try expect(adams[1].state()[0].part.selected(0, 1), [0.09, 0.09, 0.09])
    }

    @Test("the same gradient in another order of look-ups gives the same bits")
    func rowOrder() throws {
        var results: [[Float]] = []
        for _ in 0..<2 {
            let table = try Embedding(50, 4, .normal(1), isRowSparse: true, using: Generator(seed: 1))
            let adam = try Adam(table.parameters())
            try (table(.integers([400], in: 0..<50, using: Generator(seed: 2)))).square().sum().backward()
            try adam.step(rate: 0.1)
            results.append(try table.weight.value.floats())
        }
        #expect(results[0] == results[1])
    }

    @Test("gradients are scaled to the limit by their common norm, dense and sparse together")
    func clipping() throws {
        let table = try Embedding(4, 1, .ones, isRowSparse: true, using: generator)
        let weight = try Parameter(.ones([2]))
        let adam = try Adam(named(table.weight, weight))
        func gradients() throws {
            try adam.clearGradients()
            let parts =
                try table(Tensor([1, 1, 2] as [Int64])).sum() + (weight.value * Tensor([2, 4] as [Float])).sum()
            try parts.backward()  // rows 2 and 1, weights 2 and 4: norm 5
        }
        try gradients()
        #expect(abs(try adam.clipGradients(to: 10) - 5) < 1e-5)
        #expect(try weight.value.requiredGradient().floats() == [2, 4])
        #expect(abs(try adam.clipGradients(to: 1) - 5) < 1e-5)
        try expect(weight.value.requiredGradient(), [0.4, 0.8])
        #expect(abs(try adam.clipGradients(to: 1) - 1) < 1e-5)
        #expect(abs(try Kernels.globalNorm([table.weight.value.requiredGradient()]) - 0.2 * 5.0.squareRoot()) < 1e-5)
    }

    @Test("a loss that diverged is an error that names the step", arguments: [Float.nan, .infinity])
    func divergence(_ value: Float) throws {
        let weight = try Parameter(.ones([1]))
        let adam = try Adam(named(weight))
        try adam.step(rate: 0)
        try weight.value.setGradient(Tensor([value]))
        let error = try #require(throws: TorchError.self) { try adam.clipGradients(to: 1) }
        #expect(error.description.contains("step 2") && error.description.contains("lower the learning rate"))
    }

    @Test("restored moments and step continue as if nothing had happened")
    func restoring() throws {
        func run(_ weight: Parameter, _ adam: Adam, _ steps: Int) throws {
            for _ in 0..<steps {
                try adam.clearGradients()
                try (weight.value - 3).square().sum().backward()
                try adam.step(rate: 0.1)
            }
        }
        let (whole, half) = (try Parameter(.zeros([2])), try Parameter(.zeros([2])))
        try run(whole, try Adam(named(whole)), 10)
        let first = try Adam(named(half))
        try run(half, first, 5)
        let second = try Adam(named(half))
        for (mine, saved) in zip(second.state(), first.state()) { try mine.part.assign(saved.part) }
        second.restore(step: first.step)
        try run(half, second, 5)
        #expect(try half.value.floats() == whole.value.floats())
    }
}
