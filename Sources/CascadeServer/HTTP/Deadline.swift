// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeFunnel

/// Work that is awaited for a limited time.
enum Deadline {
    /// The result of the work, or an error when it is late.
    ///
    /// Late work is cancelled and not awaited; a task group would wait for it, however long it takes.
    static func run<Value: Sendable>(
        seconds: Double,
        late error: some Error,
        _ work: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        let first = FirstResult<Result<Value, any Error>>()
        let worker = Task {
            do {
                first.settle(.success(try await work()))
            } catch {
                first.settle(.failure(error))
            }
        }
        let timer = Task {
            try await Task.sleep(for: .seconds(seconds))
            first.settle(.failure(error))
        }
        defer {
            timer.cancel()
            worker.cancel()
        }
        return try await withTaskCancellationHandler {
            await first.value
        } onCancel: {
            first.settle(.failure(CancellationError()))
        }.get()
    }
}
