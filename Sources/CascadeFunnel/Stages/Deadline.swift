// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Synchronization

/// How work under a deadline ended.
enum Outcome<Value: Sendable>: Sendable {
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
    ) async -> Outcome<Value> {
        guard limit > .zero, leftBehind.withLock({ $0 < Self.maximum }) else { return .overran }
        let result = FirstResult<Outcome<Value>>()
        let worker = Task {
            let outcome: Outcome<Value>
            do { outcome = .finished(try await work()) } catch { outcome = .failed(error) }
            if !result.settle(outcome) { leftBehind.withLock { $0 -= 1 } }
        }
        /// Counted before the worker can find that it was late, so that the count never goes below zero.
        @Sendable func giveUp(_ outcome: Outcome<Value>) {
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

/// The first of several results, for one who waits.
private final class FirstResult<Value: Sendable>: Sendable {
    private enum State {
        case open
        case awaited(CheckedContinuation<Value, Never>)
        case settled(Value)
    }

    private let state = Mutex(State.open)

    /// Gives the result.
    ///
    /// - Returns: Whether it is the first.
    func settle(_ value: Value) -> Bool {
        let (isFirst, waiting) = state.withLock { state -> (Bool, CheckedContinuation<Value, Never>?) in
            switch state {
            case .settled: return (false, nil)
            case .open:
                state = .settled(value)
                return (true, nil)
            case .awaited(let continuation):
                state = .settled(value)
                return (true, continuation)
            }
        }
        waiting?.resume(returning: value)
        return isFirst
    }

    /// The result, when there is one; may be asked for once.
    var value: Value {
        get async {
            await withCheckedContinuation { continuation in
                let settled = state.withLock { state -> Value? in
                    if case .settled(let value) = state { return value }
                    state = .awaited(continuation)
                    return nil
                }
                if let settled { continuation.resume(returning: settled) }
            }
        }
    }
}
