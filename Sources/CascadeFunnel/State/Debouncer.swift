// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Runs a piece of work some time after it was scheduled: once for all calls until then, and never twice at a time.
///
/// Slow work waits longer, so that it takes at most a tenth of the time, however often it is scheduled.
final class Debouncer: Sendable {
    private struct State {
        var worker: Task<Void, Never>?
        /// Whether it was scheduled since the work began, which may have missed those changes.
        var isScheduled = false
        var isStopped = false
    }

    private let pause: Duration
    private let clock: FunnelClock
    private let work: @Sendable () async -> Void
    private let state = Mutex(State())

    init(after pause: Duration, _ clock: FunnelClock, _ work: @escaping @Sendable () async -> Void) {
        self.pause = pause
        self.clock = clock
        self.work = work
    }

    /// Schedules the work.
    func schedule() {
        state.withLock { state in
            guard !state.isStopped else { return }
            state.isScheduled = true
            if state.worker == nil { state.worker = Task { await self.run() } }
        }
    }

    /// Cancels scheduled work, and runs nothing more.
    func stop() {
        state.withLock { state in
            state.isStopped = true
            state.worker?.cancel()
        }
    }

    private func run() async {
        var pause = pause
        while state.withLock({ state in
            if !state.isScheduled { state.worker = nil }
            return state.isScheduled
        }) {
            guard (try? await clock.sleep(pause)) != nil else { return }
            state.withLock { $0.isScheduled = false }
            let start = clock.now()
            await work()
            pause = max(self.pause, (clock.now() - start) * 9)
        }
    }
}
