// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Foundation
import Synchronization

/// Any clock, and the calendar beside it.
public struct FunnelClock: Sendable {
    /// The time since some fixed moment.
    let now: @Sendable () -> Duration
    /// Waits; throws when the task is cancelled.
    let sleep: @Sendable (Duration) async throws -> Void
    /// The present, in seconds since 1970-01-01 UTC.
    let seconds: @Sendable () -> Int64
    /// Tells a simulated calendar the time of a request; a real one does not listen.
    private let advance: @Sendable (Int64) -> Void

    /// Takes a clock for deadlines and pauses, and a calendar for what is stored.
    public init<C: Clock>(_ clock: C, seconds: @escaping @Sendable () -> Int64) where C.Duration == Duration {
        self.init(clock, seconds: seconds) { _ in }
    }

    private init<C: Clock>(
        _ clock: C,
        seconds: @escaping @Sendable () -> Int64,
        advance: @escaping @Sendable (Int64) -> Void
    ) where C.Duration == Duration {
        let start = clock.now
        now = { start.duration(to: clock.now) }
        sleep = { try await clock.sleep(until: clock.now.advanced(by: $0), tolerance: nil) }
        self.seconds = seconds
        self.advance = advance
    }

    /// The machine's own.
    public static var system: FunnelClock {
        FunnelClock(ContinuousClock()) { Int64(Date().timeIntervalSince1970) }
    }

    /// The machine's clock for deadlines, and a calendar that stands at the latest time that a request brought.
    ///
    /// Before the first such request it stands at 1970, so that nothing counts as too old. For simulations only.
    public static func simulated() -> FunnelClock {
        let calendar = SimulatedCalendar()
        return FunnelClock(ContinuousClock(), seconds: { calendar.latest }, advance: calendar.advance)
    }

    /// The time of a request: what it brought, or the present.
    func time(of request: Int64?) -> Int64 {
        guard let request else { return seconds() }
        advance(request)
        return request
    }

    /// Milliseconds since a moment of ``now``.
    func milliseconds(since start: Duration) -> Double { (now() - start) / .milliseconds(1) }
}

/// The latest time of a simulation.
private final class SimulatedCalendar: Sendable {
    private let time = Mutex<Int64>(0)

    var latest: Int64 { time.withLock { $0 } }

    @Sendable func advance(_ moment: Int64) { time.withLock { $0 = max($0, moment) } }
}
