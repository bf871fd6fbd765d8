// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeTorch

/// Dynamic batching: how many requests share a forward pass, and how long they wait for it.
public struct Batching: Sendable, Equatable {
    /// The maximum number of requests in a batch, at least 1.
    public var maxBatchSize: Int
    /// How long the first request of a batch waits for others at most.
    public var maxBatchDelay: Duration

    /// Batches up to 64 requests, within 2 milliseconds, unless other numbers are given.
    public init(maxBatchSize: Int = 64, maxBatchDelay: Duration = .milliseconds(2)) {
        precondition(maxBatchSize >= 1, "a batch has at least one request")
        self.maxBatchSize = maxBatchSize
        self.maxBatchDelay = maxBatchDelay
    }

    /// No batching: every request alone, immediately.
    public static let none = Batching(maxBatchSize: 1, maxBatchDelay: .zero)
}

/// One model on a thread of its own, which batches concurrent requests.
///
/// Requests that come while the model is busy wait for the next batch. A batch starts when the queue is as long as the
/// previous batch, or when its first request has waited for ``Batching/maxBatchDelay``. So a lone request runs immediately,
/// and concurrent clients stay in one batch. When the model throws for a batch, each of its requests runs alone, so that
/// only the bad one fails. A cancelled request leaves the queue.
///
/// The engine ends its thread and releases the model with its last reference; waiting requests hold one.
public actor InferenceEngine<Input: Sendable, Output: Sendable> {
    /// Computes an output for each input, in their order.
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
        self.name = name
        self.batching = batching
        self.model = model
        thread = EngineThread("engine \(name)") { Runtime.setThreads(threads) }
    }

    deinit { thread.end() }

    /// The engine's thread.
    public nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    /// The model's output for an input; the batch may hold other inputs.
    ///
    /// - Throws: ``EngineError``; what the model throws for this input; `CancellationError`.
    public func predict(_ input: Input) async throws -> Output {
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
        for count in [1, batching.maxBatchSize] {
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
        if waiting.count >= min(previousCount, batching.maxBatchSize) || batching.maxBatchDelay == .zero {
            guard !isPlanned else { return }
            isPlanned = true
            Task { run() }  // takes along whoever asks in the jobs before it
        } else if !hasTimer {
            hasTimer = true
            Task {
                try? await Task.sleep(for: batching.maxBatchDelay)
                hasTimer = false
                run()
            }
        }
    }

    /// One pass, for those who have waited longest.
    private func run() {
        isPlanned = false
        guard !waiting.isEmpty else { return }
        let pass = waiting.prefix(batching.maxBatchSize)
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
