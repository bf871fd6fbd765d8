// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Foundation

/// Any clock, and the calendar beside it.
public struct FunnelClock: Sendable {
    /// The time since some fixed moment.
    let now: @Sendable () -> Duration
    /// Waits; throws when the task is cancelled.
    let sleep: @Sendable (Duration) async throws -> Void
    /// The present, in seconds since 1970-01-01 UTC.
    let seconds: @Sendable () -> Int64

    /// Takes a clock for deadlines and pauses, and a calendar for what is stored.
    public init<C: Clock>(_ clock: C, seconds: @escaping @Sendable () -> Int64) where C.Duration == Duration {
        let start = clock.now
        now = { start.duration(to: clock.now) }
        sleep = { try await clock.sleep(until: clock.now.advanced(by: $0), tolerance: nil) }
        self.seconds = seconds
    }

    /// The machine's own.
    public static var system: FunnelClock {
        FunnelClock(ContinuousClock()) { Int64(Date().timeIntervalSince1970) }
    }

    /// Milliseconds since a moment of ``now``.
    func milliseconds(since start: Duration) -> Double { (now() - start) / .milliseconds(1) }
}
