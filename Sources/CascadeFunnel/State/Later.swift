// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Does a piece of work a while after it was asked for: once for all who asked meanwhile, and never twice at a time.
///
/// Work that takes long waits longer, so that it never takes more than a tenth of the time, however often it is asked for.
final class Later: Sendable {
    private struct State {
        var worker: Task<Void, Never>?
        /// Whether somebody asked since the work began, whose changes it may not have seen.
        var isAsked = false
        var isStopped = false
    }

    private let pause: Duration
    private let clock: FunnelClock
    private let work: @Sendable () async -> Void
    private let state = Mutex(State())

    init(after pause: Duration, _ clock: FunnelClock, _ work: @escaping @Sendable () async -> Void) {
        (self.pause, self.clock, self.work) = (pause, clock, work)
    }

    /// Has the work done in a while.
    func ask() {
        state.withLock { state in
            guard !state.isStopped else { return }
            state.isAsked = true
            if state.worker == nil { state.worker = Task { await self.run() } }
        }
    }

    /// Gives up what was asked for, and does nothing more.
    func stop() {
        state.withLock { state in
            state.isStopped = true
            state.worker?.cancel()
        }
    }

    private func run() async {
        var pause = pause
        while state.withLock({ state in
            if !state.isAsked { state.worker = nil }
            return state.isAsked
        }) {
            guard (try? await clock.sleep(pause)) != nil else { return }
            state.withLock { $0.isAsked = false }
            let start = clock.now()
            await work()
            pause = max(self.pause, (clock.now() - start) * 9)
        }
    }
}
