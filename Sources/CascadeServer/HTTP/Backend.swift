// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeFunnel
import Foundation
import Logging
import Synchronization

/// What all routes share.
struct Backend: Sendable {
    let service: any RecommendationService
    let configuration: ServerConfiguration
    let metrics: ServerMetrics
    let started = ContinuousClock.now
    let stopping = Flag()
    private let calendar = Calendar()

    init(service: any RecommendationService, configuration: ServerConfiguration, metrics: ServerMetrics) {
        self.service = service
        self.configuration = configuration
        self.metrics = metrics
    }

    var limits: Limits { configuration.limits }

    /// The present, in seconds since 1970-01-01 UTC.
    func now() -> Int64 { calendar.present(Int64(Date().timeIntervalSince1970)) }
}

/// The present, whatever is done to the machine's clock: what comes later is not earlier.
///
/// A clock that is put back stands still here until it has caught up, so that a person's last click stays the last.
/// One put back by more than ``patience`` was wrong before, and is followed.
final class Calendar: Sendable {
    /// An hour, in seconds.
    static let patience: Int64 = 3_600

    private let latest = Mutex<Int64>(0)

    /// The present, when the machine's clock says this.
    func present(_ clock: Int64) -> Int64 {
        latest.withLock { latest in
            latest = clock < latest - Self.patience ? clock : max(latest, clock)
            return latest
        }
    }
}

/// Something that happens once.
final class Flag: Sendable {
    private let value = Atomic(false)

    var isSet: Bool { value.load(ordering: .relaxed) }

    func set() { value.store(true, ordering: .relaxed) }
}
