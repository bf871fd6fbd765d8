// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Synchronization

/// How work under a deadline ended.
enum DeadlineOutcome<Value: Sendable>: Sendable {
    case finished(Value)
    case failed(any Error)
    case overran
}

/// Runs work that may be given up.
///
/// Work that overruns is cancelled and left behind: the answer does not wait for it, even when it takes no notice of the
/// cancellation. So that a stage that hangs does not gather tasks without end, work is refused while ``maximum`` pieces
/// that were left behind still run.
final class DeadlineRunner: Sendable {
    /// How many pieces of work may be left behind at a time.
    static let maximum = 64

    private let clock: FunnelClock
    private let leftBehind = Mutex(0)

    init(_ clock: FunnelClock) { self.clock = clock }

    /// Waits for the work, or for the deadline, whichever is first.
    func run<Value: Sendable>(
        within limit: Duration,
        _ work: @escaping @Sendable () async throws -> Value
    ) async -> DeadlineOutcome<Value> {
        guard limit > .zero, leftBehind.withLock({ $0 < Self.maximum }) else { return .overran }
        let result = FirstResult<DeadlineOutcome<Value>>()
        let worker = Task {
            let outcome: DeadlineOutcome<Value>
            do { outcome = .finished(try await work()) } catch { outcome = .failed(error) }
            if !result.settle(outcome) { leftBehind.withLock { $0 -= 1 } }
        }
        /// Counted before the worker can find that it was late, so that the count never goes below zero.
        @Sendable func giveUp(_ outcome: DeadlineOutcome<Value>) {
            leftBehind.withLock { $0 += 1 }
            if !result.settle(outcome) { leftBehind.withLock { $0 -= 1 } }
        }
        let timer = Task {
            // Only a cancelled timer throws, when there is a result already.
            if (try? await clock.sleep(limit)) != nil { giveUp(.overran) }
        }
        let outcome = await withTaskCancellationHandler {
            await result.value
        } onCancel: {
            giveUp(.failed(CancellationError()))
        }
        worker.cancel()
        timer.cancel()
        return outcome
    }
}
