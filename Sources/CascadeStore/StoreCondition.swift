// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// Remembers what the last calls found out about the file.
final class StoreCondition: Sendable {
    private struct State {
        /// Why the last write failed; nil when it did not.
        var failure: StoreError.Reason?
        /// Whether a damaged page was met; only a new start, with a sound file, ends that.
        var isDamaged = false
    }

    private let state = Mutex(State())

    /// Why the last write failed; nil when it did not.
    var failure: StoreError.Reason? { state.withLock { $0.failure } }

    /// Whether a damaged page was met.
    var isDamaged: Bool { state.withLock { $0.isDamaged } }

    /// Runs a read and remembers that it met damage.
    func watching<R>(_ body: () async throws -> R) async throws -> R {
        do {
            return try await body()
        } catch let error as StoreError where error.reason == .corrupt {
            state.withLock { $0.isDamaged = true }
            throw error
        }
    }

    /// Runs a write and remembers how it ended.
    ///
    /// What was wrong with the rows themselves, or a lock that another process holds for long, says nothing about the file.
    func watchingWrite<R>(_ body: () async throws -> R) async throws -> R {
        do {
            let result = try await watching(body)
            state.withLock { $0.failure = nil }
            return result
        } catch let error as StoreError where [.full, .readOnly, .missing, .failed].contains(error.reason) {
            state.withLock { $0.failure = error.reason }
            throw error
        }
    }
}
