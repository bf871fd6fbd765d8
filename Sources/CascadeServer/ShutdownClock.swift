// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Synchronization

/// The time that stopping may take: most of it for the requests that run, the rest for what must be flushed.
final class ShutdownClock: Sendable {
    private let total: Double
    private let began = Mutex<ContinuousClock.Instant?>(nil)

    init(seconds: Double) { total = seconds }

    /// Starts the clock; a second start changes nothing.
    func begin() { began.withLock { $0 = $0 ?? .now } }

    /// Seconds that requests get.
    var forRequests: Double { 0.75 * total }

    /// Seconds that are left in all.
    var remaining: Double {
        let began = began.withLock { $0 } ?? .now
        return max(0, total - (ContinuousClock.now - began).seconds)
    }
}
