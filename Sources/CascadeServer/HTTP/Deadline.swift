// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Work that is waited for only so long.
enum Deadline {
    /// What the work returns, or an error when it is late.
    ///
    /// Work that is late is cancelled and left to itself: a task group would wait for it, however long it takes.
    static func run<Value: Sendable>(
        seconds: Double,
        late error: some Error,
        _ work: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        let race = Race<Value>()
        let worker = Task {
            do {
                race.finish(.success(try await work()))
            } catch {
                race.finish(.failure(error))
            }
        }
        let timer = Task {
            try await Task.sleep(for: .seconds(seconds))
            race.finish(.failure(error))
        }
        defer {
            timer.cancel()
            worker.cancel()
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { race.wait($0) }
        } onCancel: {
            race.finish(.failure(CancellationError()))
        }
    }
}

/// The first of several results, for one that waits.
private final class Race<Value: Sendable>: Sendable {
    private enum State {
        case running
        case waiting(CheckedContinuation<Value, any Error>)
        case finished(Result<Value, any Error>)
        case answered
    }

    private let state = Mutex(State.running)

    func wait(_ continuation: CheckedContinuation<Value, any Error>) {
        let result: Result<Value, any Error>? = state.withLock { state in
            guard case .finished(let result) = state else {
                state = .waiting(continuation)
                return nil
            }
            state = .answered
            return result
        }
        if let result { continuation.resume(with: result) }
    }

    func finish(_ result: Result<Value, any Error>) {
        let waiting: CheckedContinuation<Value, any Error>? = state.withLock { state in
            switch state {
            case .running:
                state = .finished(result)
                return nil
            case .waiting(let continuation):
                state = .answered
                return continuation
            case .finished, .answered: return nil
            }
        }
        waiting?.resume(with: result)
    }
}
