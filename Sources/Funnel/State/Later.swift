// Part of Cascade. SPDX-License-Identifier: Apache-2.0
import Synchronization

/// Does a piece of work a while after it was asked for, once for all who asked meanwhile.
final class Later: Sendable {
    private struct State {
        var planned: Task<Void, Never>?
        var isStopped = false
    }

    private let pause: Duration
    private let clock: FunnelClock
    private let work: @Sendable () async -> Void
    private let state = Mutex(State())

    init(after pause: Duration, _ clock: FunnelClock, _ work: @escaping @Sendable () async -> Void) {
        (self.pause, self.clock, self.work) = (pause, clock, work)
    }

    /// Plans the work, unless it is planned already.
    func ask() {
        state.withLock { state in
            guard state.planned == nil, !state.isStopped else { return }
            state.planned = Task {
                guard (try? await clock.sleep(pause)) != nil else { return }
                // Whoever asks from now on may have changed what the work no longer sees.
                self.state.withLock { $0.planned = nil }
                await work()
            }
        }
    }

    /// Gives up what is planned, and plans nothing more.
    func stop() {
        state.withLock { state in
            state.isStopped = true
            state.planned?.cancel()
        }
    }
}
