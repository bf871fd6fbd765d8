// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeTorch

/// When requests are gathered into one pass of a model, and how many.
public struct Batching: Sendable, Equatable {
    /// The most requests of one pass, at least 1.
    public var maximum: Int
    /// How long the first request of a pass waits for others at most.
    public var budget: Duration

    /// Gathers up to 64 requests, within 2 milliseconds, unless other numbers are given.
    public init(maximum: Int = 64, budget: Duration = .milliseconds(2)) {
        precondition(maximum >= 1, "a pass has at least one request")
        (self.maximum, self.budget) = (maximum, budget)
    }

    /// Every request by itself, at once.
    public static let none = Batching(maximum: 1, budget: .zero)
}

/// One model on a thread of its own, which answers those who ask at the same time together.
///
/// Requests that come while the model is busy wait and are its next pass. A pass begins as soon as as many wait as the
/// pass before had, and otherwise when the first of them has waited for ``Batching/budget``: somebody who asks alone is
/// answered at once, and a crowd, which comes back after each answer, is answered as a crowd. A request that the model
/// cannot answer fails alone; the others of its pass are then asked about one by one. A task that is cancelled while its
/// request waits takes it back.
///
/// The engine ends its thread and lets go of the model when nobody holds it any more; whoever is still waiting holds it.
public actor InferenceEngine<Input: Sendable, Output: Sendable> {
    /// Answers each of the inputs, in their order.
    ///
    /// It runs on the engine's thread, without gradients; when it throws for
    /// several inputs, it is asked about each alone.
    public typealias Model = (_ inputs: [Input]) throws -> [Result<Output, any Error>]

    private struct Waiting {
        let ticket: Int
        let input: Input
        let continuation: CheckedContinuation<Output, any Error>
    }

    private let name: String
    private let batching: Batching
    private let thread: EngineThread
    private var model: Model?  // nil once stopped
    private var waiting: [Waiting] = []
    private var lastTicket = 0
    private var previousCount = 1  // requests of the last pass
    private var isPlanned = false  // a pass stands behind the jobs that are here already
    private var hasTimer = false

    /// Starts an engine.
    ///
    /// - Parameters:
    ///   - name: What errors and the thread are called after.
    ///   - batching: How requests are gathered.
    ///   - threads: How many threads one operation of the model may use.
    ///   - model: Answers; nobody else may use what it holds.
    public init(_ name: String, _ batching: Batching = Batching(), threads: Int = 1, model: sending @escaping Model) {
        (self.name, self.batching, self.model) = (name, batching, model)
        thread = EngineThread("engine \(name)") {
            Runtime.setThreads(threads)
            Runtime.keepFreedMemory(for: .serving)
        }
    }

    deinit { thread.end() }

    /// The engine's thread.
    public nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    /// The model's answer, of a pass that may serve others too.
    ///
    /// - Throws: ``EngineError``; what the model throws for this input; `CancellationError`.
    public func answer(_ input: Input) async throws -> Output {
        lastTicket += 1
        let ticket = lastTicket
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                guard model != nil else { return continuation.resume(throwing: EngineError.stopped(name)) }
                guard !Task.isCancelled else { return continuation.resume(throwing: CancellationError()) }
                waiting.append(Waiting(ticket: ticket, input: input, continuation: continuation))
                plan()
            }
        } onCancel: {
            Task { await withdraw(ticket) }
        }
    }

    /// Runs the model on one input alone, then on as many copies of it as a pass may have, so that what it needs is in
    /// memory before anybody waits.
    ///
    /// - Throws: ``EngineError`` when the engine was stopped; what the model throws.
    public func warmUp(with input: Input) throws {
        guard model != nil else { throw EngineError.stopped(name) }
        for count in [1, batching.maximum] {
            for result in results([Input](repeating: input, count: count)) { _ = try result.get() }
        }
    }

    /// Refuses those who wait and all who come, and lets go of the model.
    public func stop() {
        model = nil
        for one in waiting { one.continuation.resume(throwing: EngineError.stopped(name)) }
        waiting = []
    }

    private func withdraw(_ ticket: Int) {
        guard let place = waiting.firstIndex(where: { $0.ticket == ticket }) else { return }
        waiting.remove(at: place).continuation.resume(throwing: CancellationError())
    }

    /// Sees to it that those who wait get their pass.
    private func plan() {
        if waiting.count >= min(previousCount, batching.maximum) || batching.budget == .zero {
            guard !isPlanned else { return }
            isPlanned = true
            Task { run() }  // takes along whoever asks in the jobs before it
        } else if !hasTimer {
            hasTimer = true
            Task {
                try? await Task.sleep(for: batching.budget)
                hasTimer = false
                run()
            }
        }
    }

    /// One pass, for those who have waited longest.
    private func run() {
        isPlanned = false
        guard !waiting.isEmpty else { return }
        let pass = waiting.prefix(batching.maximum)
        waiting.removeFirst(pass.count)
        previousCount = pass.count
        for (one, result) in zip(pass, results(pass.map(\.input))) { one.continuation.resume(with: result) }
        if !waiting.isEmpty { plan() }
    }

    private func results(_ inputs: [Input]) -> [Result<Output, any Error>] {
        guard let model else { return inputs.map { _ in .failure(EngineError.stopped(name)) } }
        do {
            let results = try withoutGradients { try model(inputs) }
            precondition(results.count == inputs.count, "a model answers each of its inputs")
            return results
        } catch {
            return inputs.count == 1 ? [.failure(error)] : inputs.flatMap { results([$0]) }
        }
    }
}
