// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeNN
import CascadeTorch
import Foundation
import Testing

/// Tests of what a process shares: handles, threads, default generators.
///
/// All suites of a package run side by side in one process, so each of these has a process of its own.
@Suite("Process-wide state", .serialized)
struct ProcessTests {
    @Test("10,000 training steps leave the number of live handles where it was")
    func handles() async {
        await #expect(processExitsWith: .success) {
            Runtime.setThreads(1)  // threads would only wait for each other
            try expectNoHandles { try train(Perceptron(using: $0), steps: 10_000, $0) }
        }
    }

    @Test("nor do row-sparse and hand-written gradients, dropout, attention, an average or errors leave handles behind")
    func parts() async {
        await #expect(processExitsWith: .success) {
            Runtime.setThreads(1)
            try expectNoHandles { generator in
                let network = try Encoder(using: generator)
                try train(network, steps: 100, generator)
                let average = try MovingAverage(network.parameters(), decay: 0.9)
                try average.update()
                try average.withAverages { try train(network, steps: 2, generator) }
            }
            try expectNoHandles { _ in
                let x = try Tensor.ones([2, 3])
                let before = Runtime.liveHandles
                for _ in 0..<10 {
                    #expect(throws: TorchError.self) { try x.matmul(x) }
                    #expect(throws: TorchError.self) { try x.top(9) }
                    #expect(throws: TorchError.self) { try Tensor.concatenated([x, x.selected(0, 0)]) }
                }
                #expect(Runtime.liveHandles == before)
            }
        }
    }

    @Test("the number of threads is what was set; a product, keyed noise and dropout do not depend on it")
    func threads() async {
        await #expect(processExitsWith: .success) {
            let x = try Tensor.normal([64, 64], using: Generator(seed: 2))
            let keys = try Tensor.range(0..<5000)
            let results = try [1, 2].map { count in
                Runtime.setThreads(count)
                #expect(Runtime.threads == count)
                try Runtime.seedDefaultGenerators(9)
                return [
                    try x.matmul(x).floats(), try Tensor.normal([16], keys: keys, stream: 3).floats(),
                    try Tensor.ones([80_000]).dropout(0.3).floats(),
                ]
            }
            for (one, two) in zip(results[0][0], results[1][0]) where abs(one - two) > 1e-4 {
                Issue.record("a product changed from \(one) to \(two)")
            }
            #expect(results[0][1...] == results[1][1...])
        }
    }

    @Test("dropout repeats itself after the default generators are seeded, and explicit generators are apart")
    func defaultGenerators() async {
        await #expect(processExitsWith: .success) {
            let (x, generator) = (try Tensor.ones([200]), try Generator(seed: 4))
            func draw(_ seed: UInt64) throws -> [[Float]] {
                try Runtime.seedDefaultGenerators(seed)
                let first = try x.dropout(0.5).floats()
                _ = try Tensor.normal([10], using: generator)
                return [first, try x.dropout(0.5).floats()]
            }
            let first = try draw(5)
            #expect(first[0] != first[1])
            #expect(try draw(5) == first)
            #expect(try draw(6) != first)

            let alone = try Generator(seed: 4)
            for _ in 0..<3 { _ = try Tensor.normal([10], using: alone) }
            #expect(try Tensor.normal([5], using: alone).floats() == Tensor.normal([5], using: generator).floats())
        }
    }

    @Test("not recording gradients concerns one thread only")
    func gradientMode() async {
        await #expect(processExitsWith: .success) {
            final class Answer: @unchecked Sendable {  // written before the signal, read after the wait
                var isRecorded = false
            }
            let (answer, done) = (Answer(), DispatchSemaphore(value: 0))
            withoutGradients {
                Thread.detachNewThread {
                    if let x = try? Parameter(.ones([1])).value, let y = try? x * 2 {
                        answer.isRecorded = y.requiresGradient
                    }
                    done.signal()
                }
                done.wait()
            }
            #expect(answer.isRecorded)
        }
    }
}

/// Runs a closure and expects every tensor that it made to be gone.
private func expectNoHandles(_ body: (Generator) throws -> Void) throws {
    let before = Runtime.liveHandles
    try body(Generator(seed: 1))
    #expect(Runtime.liveHandles == before)
}

/// Trains, and expects the number of handles to be the same after the first step and after the last.
private func train(_ network: some Trainable, steps: Int, _ generator: Generator) throws {
    let adam = try Adam(network.parameters())
    _ = try step(network, adam, generator)
    let running = Runtime.liveHandles
    var last = 0.0
    for _ in 1..<steps { last = try step(network, adam, generator) }
    #expect(running > 0 && Runtime.liveHandles == running)
    #expect(last.isFinite && last < network.bound)
}

/// A training step in a function of its own: locals of a debug build live to the end of their scope.
private func step(_ network: some Trainable, _ adam: Adam, _ generator: Generator) throws -> Double {
    try adam.clearGradients()
    let loss = try network.loss(generator)
    try loss.backward()
    try adam.clipGradients(to: 1)
    try adam.step(rate: 1e-2)
    return try loss.item()
}

private protocol Trainable: Module {
    /// What the loss is below after training.
    var bound: Double { get }
    func loss(_ generator: Generator) throws -> Tensor
}

/// Learns to tell the mean of four numbers.
private struct Perceptron: Trainable {
    let up: Linear
    let down: Linear
    let bound = 0.05

    init(using generator: Generator) throws {
        up = try Linear(4, 8, using: generator)
        down = try Linear(8, 1, using: generator)
    }

    func loss(_ generator: Generator) throws -> Tensor {
        let x = try Tensor.uniform([16, 4], using: generator)
        return try down(up(x).relu()).meanSquaredError(x.mean(1, keep: true))
    }
}

/// One of everything that training uses.
private struct Encoder: Trainable {
    let table: Embedding
    let block: TransformerBlock
    let bound = Double.infinity

    init(using generator: Generator) throws {
        table = try Embedding(50, 8, .normal(1), isRowSparse: true, using: generator)
        block = try TransformerBlock(width: 8, heads: 2, hidden: 16, dropout: 0.1, using: generator)
    }

    func loss(_ generator: Generator) throws -> Tensor {
        let index = try Tensor.integers([4, 3], in: 0..<50, using: generator)
        let encoded = try block(table(index), .causal, .training).selected(1, 2)
        let targets = try index.selected(1, 0)
        let negatives = try encoded.matmul(table(index.selected(0, 0)).transposed())
        return try catalogCrossEntropy(encoded, table.weight.value.detached(), targets: targets)
            + SampledLoss.softmax((encoded * table(targets)).sum(1), negatives)
    }
}
