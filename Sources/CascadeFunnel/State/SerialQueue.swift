// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// Runs pieces of work one after another, in the order in which they came.
///
/// Work that has begun is finished, even when its caller is cancelled.
actor SerialQueue {
    private var last: Task<Void, Never>?

    /// Waits until everything before is done, then does the work.
    func run<Value: Sendable>(_ work: @escaping @Sendable () async throws -> Value) async throws -> Value {
        let before = last
        let task = Task {
            await before?.value
            return try await work()
        }
        last = Task { _ = await task.result }
        return try await task.value
    }
}
