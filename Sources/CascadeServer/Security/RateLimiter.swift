// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Synchronization

/// A bucket of requests for each caller, in bounded memory.
///
/// When more callers than it tells apart are active at once, the further ones share one bucket, so that inventing
/// addresses neither fills the memory nor frees anybody from the limit.
final class RateLimiter: Sendable {
    private struct Bucket {
        var tokens: Double
        var time: ContinuousClock.Instant
    }

    private struct State {
        var buckets: [String: Bucket] = [:]
        var swept: ContinuousClock.Instant?
    }

    private let settings: RateSettings
    private let state = Mutex(State())
    private static let shared = "\u{0}shared"

    /// Starts with full buckets; nil when the configuration sets no limit.
    init?(_ settings: RateSettings) {
        guard settings.requestsPerSecond > 0 else { return nil }
        self.settings = settings
    }

    /// Takes one request out of a caller's bucket.
    ///
    /// - Returns: Seconds until there is one again; nil when there was one.
    func take(_ caller: String, now: ContinuousClock.Instant = .now) -> Double? {
        state.withLock { state in
            var key = caller
            if state.buckets[key] == nil, state.buckets.count >= settings.callers {
                sweep(&state, now)
                if state.buckets.count >= settings.callers { key = Self.shared }
            }
            let old = state.buckets[key] ?? Bucket(tokens: Double(settings.burst), time: now)
            let tokens = refilled(old, now)
            guard tokens >= 1 else { return (1 - tokens) / settings.requestsPerSecond }
            state.buckets[key] = Bucket(tokens: tokens - 1, time: now)
            return nil
        }
    }

    /// How many callers are remembered.
    var count: Int { state.withLock { $0.buckets.count } }

    /// Forgets callers whose buckets are full again, at most once a second: looking at all of them takes time.
    private func sweep(_ state: inout State, _ now: ContinuousClock.Instant) {
        if let swept = state.swept, now - swept < .seconds(1) { return }
        state.swept = now
        state.buckets = state.buckets.filter { refilled($0.value, now) < Double(settings.burst) }
    }

    private func refilled(_ bucket: Bucket, _ now: ContinuousClock.Instant) -> Double {
        min(Double(settings.burst), bucket.tokens + (now - bucket.time).seconds * settings.requestsPerSecond)
    }
}

extension Duration {
    /// The length in seconds.
    var seconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
