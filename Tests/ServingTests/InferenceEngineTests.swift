// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeServing
import CascadeTorch
import Foundation
import Synchronization
import Testing

@Suite("InferenceEngine")
struct InferenceEngineTests {
    /// What a model was asked, pass by pass.
    private final class Passes: Sendable {
        private let sizes = Mutex<[Int]>([])
        var all: [Int] { sizes.withLock { $0 } }
        func add(_ size: Int) { sizes.withLock { $0.append(size) } }
    }

    private struct Poison: Error {}

    /// Doubles numbers; one below 0 makes a whole pass fail, and one above 1000 its own answer.
    private func engine(_ batching: Batching, _ passes: Passes = Passes()) -> InferenceEngine<Int, Int> {
        InferenceEngine("double", batching) { inputs in
            passes.add(inputs.count)
            guard inputs.allSatisfy({ $0 >= 0 }) else { throw Poison() }
            return inputs.map { $0 > 1_000 ? .failure(Poison()) : .success(2 * $0) }
        }
    }

    @Test("answers each of many their own, together")
    func gathers() async throws {
        let (passes, asked, gate) = (Passes(), Passes(), DispatchSemaphore(value: 0))
        let engine = InferenceEngine<Int, Int>("double", Batching(maxBatchSize: 16, maxBatchDelay: .milliseconds(20))) {
            inputs in
            passes.add(inputs.count)
            if inputs.contains(-1) { gate.wait() }
            return inputs.map { .success(2 * $0) }
        }
        for number in 0..<3 { #expect(try await engine.predict(number) == 2 * number) }
        #expect(passes.all == [1, 1, 1])
        try await withThrowingTaskGroup(of: Bool.self) { group in
            // The engine is busy until everybody has asked.
            group.addTask { try await engine.predict(-1) == -2 }
            while passes.all.count < 4 { try await Task.sleep(for: .milliseconds(5)) }
            for number in 0..<64 {
                group.addTask {
                    asked.add(number)
                    return try await engine.predict(number) == 2 * number
                }
            }
            while asked.all.count < 64 { try await Task.sleep(for: .milliseconds(5)) }
            gate.signal()
            for try await isRight in group { #expect(isRight) }
        }
        let sizes = passes.all.dropFirst(4)
        #expect(sizes.reduce(0, +) == 64 && sizes.allSatisfy { $0 <= 16 } && sizes.count < 64, "\(sizes)")
    }

    @Test("runs on a thread of its own, without gradients")
    func thread() async throws {
        let engine = InferenceEngine<Int, [String]>("own") { inputs in
            let x = try Tensor.ones([1])
            try x.setRequiresGradient(true)
            let isRecorded = try (x * 2).requiresGradient
            return inputs.map { _ in .success([Thread.current.name ?? "", "\(isRecorded)", "\(Runtime.threads)"]) }
        }
        let found = try await engine.predict(1)
        #expect(found == ["engine own", "false", "1"])
    }

    @Test("a request that nobody can answer fails alone")
    func poison() async throws {
        let engine = engine(Batching(maxBatchSize: 32, maxBatchDelay: .milliseconds(50)))
        let failed = await withTaskGroup(of: Int?.self) { group in
            for number in 0..<32 {
                let asked = number == 5 ? -1 : number == 9 ? 2_000 : number
                group.addTask { (try? await engine.predict(asked)) == 2 * asked ? nil : number }
            }
            return await group.compactMap { $0 }.reduce(into: Set<Int>()) { $0.insert($1) }
        }
        #expect(failed == [5, 9])
    }

    /// An engine whose last pass had two requests, so that the next one waits for a second, longer than any test.
    private func patient(_ passes: Passes) async throws -> InferenceEngine<Int, Int> {
        let engine = engine(Batching(maxBatchSize: 8, maxBatchDelay: .seconds(600)), passes)
        while passes.all.last != 2 {
            async let first = engine.predict(1)
            async let second = engine.predict(2)
            _ = try await (first, second)
        }
        return engine
    }

    @Test("a cancelled task takes its request back")
    func cancellation() async throws {
        let passes = Passes()
        let engine = try await patient(passes)
        let before = passes.all
        let lonely = Task { try await engine.predict(3) }
        try await Task.sleep(for: .milliseconds(20))
        lonely.cancel()
        await #expect(throws: CancellationError.self) { try await lonely.value }
        #expect(passes.all == before)
        async let first = engine.predict(4)
        async let second = engine.predict(5)
        #expect(try await [first, second] == [8, 10])
    }

    @Test("refuses when it was stopped, those who wait too")
    func stop() async throws {
        let engine = try await patient(Passes())
        let waiting = Task { try await engine.predict(3) }
        try await Task.sleep(for: .milliseconds(20))
        await engine.stop()
        for task in [waiting, Task { try await engine.predict(4) }] {
            let error = await #expect(throws: EngineError.self) { try await task.value }
            #expect(try #require(error).reason == .stopped)
        }
        await #expect(throws: EngineError.self) { try await engine.warmUp(with: 1) }
    }

    @Test("is warmed up with one and with as many as a pass may have")
    func warmUp() async throws {
        let passes = Passes()
        let engine = engine(Batching(maxBatchSize: 8), passes)
        try await engine.warmUp(with: 1)
        #expect(passes.all == [1, 8])
        await #expect(throws: Poison.self) { try await engine.warmUp(with: 2_000) }
    }
}
