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
        self.clock = clock
        self.metrics = metrics
        self.limit = limit
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
                latencyMS: milliseconds,
                received: received,
                kept: Array(kept.prefix(limit)),
                keptCount: keptCount ?? kept.count,
                dropped: dropped
            )
        )
        metrics.stageFinished(stage, milliseconds: milliseconds, degraded: nil)
    }

    /// Notes a skipped stage, whose candidates keep their order; the first `keep` of them go on.
    mutating func skip(
        _ stage: String,
        _ reason: Degradation.Reason,
        _ error: (any Error)? = nil,
        since start: Duration,
        passing candidates: [Candidate],
        keep: Int
    ) {
        note(
            stage,
            leftOut: reason,
            by: error,
            milliseconds: clock.milliseconds(since: start),
            received: candidates.map(\.scored),
            kept: min(keep, candidates.count)
        )
    }

    /// Notes a skipped stage; what it received goes on as it was, `kept` of it.
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
                latencyMS: milliseconds,
                received: received.count,
                kept: Array(received.prefix(min(kept, limit))),
                keptCount: kept,
                degraded: reason
            )
        )
        metrics.stageFinished(stage, milliseconds: milliseconds, degraded: reason)
        // A cancelled request is no failure of the stage.
        if !(error is CancellationError) { metrics.failed(FunnelFailure(stage, error, reason: reason)) }
    }

    /// The explanation of a page.
    func explanation(of page: Page, user: UserID?, time: Int64, milliseconds: Double) -> Explanation {
        Explanation(
            request: page.request,
            user: user,
            time: time,
            latencyMS: milliseconds,
            stages: stages,
            page: page
        )
    }
}

extension DeadlineOutcome {
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
