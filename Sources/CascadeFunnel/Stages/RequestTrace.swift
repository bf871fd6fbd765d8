// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets

/// What happens to one request, noted while it happens.
struct RequestTrace {
    /// When the request began, on the funnel's clock.
    let start: Duration
    private let clock: FunnelClock
    private let metrics: any FunnelMetrics
    /// How many items are kept of each stage.
    private let limit: Int

    private(set) var stages: [Explanation.Stage] = []
    private(set) var degraded: [Degradation] = []
    private(set) var versions: [String: String] = [:]

    init(_ clock: FunnelClock, _ metrics: any FunnelMetrics, keeping limit: Int) {
        (self.clock, self.metrics, self.limit) = (clock, metrics, limit)
        start = clock.now()
    }

    /// From the beginning to now.
    var milliseconds: Double { clock.milliseconds(since: start) }

    /// Notes a stage that did its part.
    mutating func note(
        _ stage: String,
        slot: String? = nil,
        version: String = "",
        milliseconds: Double,
        received: Int = 0,
        kept: [ScoredItem] = [],
        keptCount: Int? = nil,
        dropped: [String: Int] = [:]
    ) {
        if let slot { versions[slot] = version }
        stages.append(
            .init(
                stage: stage,
                version: version,
                milliseconds: milliseconds,
                received: received,
                kept: Array(kept.prefix(limit)),
                keptCount: keptCount ?? kept.count,
                dropped: dropped
            )
        )
        metrics.stageFinished(stage, milliseconds: milliseconds, degraded: nil)
    }

    /// Notes a stage that was left out; what it received goes on as it was, `kept` of it.
    mutating func note(
        _ stage: String,
        leftOut reason: Degradation.Reason,
        by error: (any Error)? = nil,
        milliseconds: Double,
        received: [ScoredItem] = [],
        kept: Int = 0
    ) {
        degraded.append(Degradation(stage: stage, reason: reason))
        stages.append(
            .init(
                stage: stage,
                milliseconds: milliseconds,
                received: received.count,
                kept: Array(received.prefix(min(kept, limit))),
                keptCount: kept,
                degraded: reason
            )
        )
        metrics.stageFinished(stage, milliseconds: milliseconds, degraded: reason)
        // A request that was cancelled is no failure of the stage.
        if !(error is CancellationError) { metrics.failed(FunnelFailure(stage, error, reason: reason)) }
    }

    /// The explanation of a page.
    func explanation(of page: Page, user: UserID?, time: Int64, milliseconds: Double) -> Explanation {
        Explanation(
            request: page.request,
            user: user,
            time: time,
            milliseconds: milliseconds,
            stages: stages,
            page: page
        )
    }
}

extension Outcome {
    /// Why a stage with this outcome is left out; nil when it is not.
    var reason: Degradation.Reason? {
        switch self {
        case .finished: nil
        case .failed: .failed
        case .overran: .deadline
        }
    }

    /// What the work threw; nil when it threw nothing.
    var error: (any Error)? { if case .failed(let error) = self { error } else { nil } }
}
