// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Testing

@testable import CascadeFunnel

@Suite("Work under a deadline")
struct DeadlineTests {
    let clock = TestClock()

    @Test("work that is done in time gives its value")
    func finishes() async throws {
        let outcome = await DeadlineRunner(clock.funnel).run(within: .milliseconds(5)) { 7 }
        guard case .finished(7) = outcome else { return #expect(Bool(false), "\(outcome)") }
    }

    @Test("work that fails says so")
    func fails() async throws {
        let outcome = await DeadlineRunner(clock.funnel).run(within: .milliseconds(5)) { throw StageFailure() }
        guard case .failed(let error) = outcome else { return #expect(Bool(false), "\(outcome)") }
        #expect(error is StageFailure)
    }

    @Test("an answer does not wait for work that overruns, even when it cannot be cancelled")
    func overruns() async throws {
        let gate = Gate()
        gate.close()
        let runner = DeadlineRunner(clock.funnel)
        let answer = Task { await runner.run(within: .milliseconds(5)) { await gate.pass() } }
        try await clock.sleeper(lasting: .milliseconds(5))
        clock.advance(by: .milliseconds(5))
        guard case .overran = await answer.value else { return #expect(Bool(false)) }
        #expect(gate.waitingCount == 1)
        gate.open()
    }

    @Test("work that listens is told to stop")
    func cancels() async throws {
        let runner = DeadlineRunner(clock.funnel)
        let (stream, told) = AsyncStream.makeStream(of: Void.self)
        let clock = clock
        let answer = Task {
            await runner.run(within: .milliseconds(5)) {
                try? await clock.funnel.sleep(.seconds(100))
                if Task.isCancelled { told.finish() }
            }
        }
        try await clock.sleeper(lasting: .milliseconds(5))
        try await clock.sleeper(lasting: .seconds(100))
        clock.advance(by: .milliseconds(5))
        guard case .overran = await answer.value else { return #expect(Bool(false)) }
        for await _ in stream {}
    }

    @Test("no time left means no work")
    func noTime() async {
        let outcome = await DeadlineRunner(clock.funnel).run(within: .zero) { Issue.record("it ran") }
        guard case .overran = outcome else { return #expect(Bool(false)) }
    }

    @Test("whoever is cancelled does not wait")
    func cancelledCaller() async throws {
        let gate = Gate()
        gate.close()
        let runner = DeadlineRunner(clock.funnel)
        let answer = Task { await runner.run(within: .milliseconds(5)) { await gate.pass() } }
        try await clock.sleeper(lasting: .milliseconds(5))
        answer.cancel()
        guard case .failed(let error) = await answer.value else { return #expect(Bool(false)) }
        #expect(error is CancellationError)
        gate.open()
    }

    @Test("work that hangs is refused once too much of it was left behind, until it ends")
    func leftBehind() async throws {
        let gate = Gate()
        gate.close()
        let runner = DeadlineRunner(clock.funnel)
        for _ in 0..<2 {
            let answers = (0..<DeadlineRunner.maximum).map { _ in
                Task { await runner.run(within: .milliseconds(5)) { await gate.pass() } }
            }
            try await eventually { gate.waitingCount == DeadlineRunner.maximum }
            try await clock.sleeper(lasting: .milliseconds(5))
            for answer in answers { answer.cancel() }
            for answer in answers { _ = await answer.value }
            guard case .overran = await runner.run(within: .seconds(1), { Issue.record("it ran") }) else {
                return #expect(Bool(false))
            }
            gate.open()
            try await eventually {
                if case .finished = await runner.run(within: .seconds(1), {}) { true } else { false }
            }
            gate.close()
        }
    }
}
