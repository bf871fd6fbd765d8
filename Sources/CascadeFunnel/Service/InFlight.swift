// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Counts requests in flight, so that the service can stop when there are none.
final class InFlight: Sendable {
    private struct State {
        var count = 0
        var isStopping = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    var isStopping: Bool { state.withLock { $0.isStopping } }

    /// Does the work.
    ///
    /// - Throws: ``ServiceError/Reason/unavailable`` when the service is stopping, and what the work throws.
    func run<Value>(_ work: () async throws -> Value) async throws -> Value {
        try state.withLock { state in
            guard !state.isStopping else { throw ServiceError(.unavailable, "the service is stopping") }
            state.count += 1
        }
        defer {
            let idle = state.withLock { state in
                state.count -= 1
                guard state.count == 0 else { return [CheckedContinuation<Void, Never>]() }
                defer { state.waiting = [] }
                return state.waiting
            }
            for continuation in idle { continuation.resume() }
        }
        return try await work()
    }

    /// Takes nothing more, and waits for what runs.
    func finish() async {
        await withCheckedContinuation { continuation in
            let isIdle = state.withLock { state in
                state.isStopping = true
                if state.count > 0 { state.waiting.append(continuation) }
                return state.count == 0
            }
            if isIdle { continuation.resume() }
        }
    }
}
