// Part of Cascade. SPDX-License-Identifier: Apache-2.0
import Foundation
import Funnel
import Logging
import Synchronization

/// What all routes share.
struct Backend: Sendable {
    let service: any RecommendationService
    let configuration: ServerConfiguration
    let metrics: ServerMetrics
    let started = ContinuousClock.now
    let stopping = Flag()

    var limits: Limits { configuration.limits }

    /// The present, in seconds since 1970-01-01 UTC.
    func now() -> Int64 { Int64(Date().timeIntervalSince1970) }
}

/// Something that happens once.
final class Flag: Sendable {
    private let value = Atomic(false)

    var isSet: Bool { value.load(ordering: .relaxed) }

    func set() { value.store(true, ordering: .relaxed) }
}
