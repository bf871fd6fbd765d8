// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeFunnel
public import CascadeStore
public import Logging

/// Counts the funnel's work for `/metrics`, and logs swaps and failures.
public struct FunnelSeries: FunnelMetrics {
    private let registry: MetricsRegistry
    private let logger: Logger?
    private let rare: RareLog

    /// Counts into a registry, and logs with a logger; without one, nothing is logged.
    public init(_ registry: MetricsRegistry, logger: Logger? = nil) {
        self.init(registry, logger: logger, rare: RareLog())
    }

    init(_ registry: MetricsRegistry, logger: Logger?, rare: RareLog) {
        self.registry = registry
        self.logger = logger
        self.rare = rare
    }

    /// Counts the time of a stage that took part; what was left out is counted with the answers.
    public func stageFinished(_ stage: String, milliseconds: Double, degraded: Degradation.Reason?) {
        guard degraded == nil else { return }
        registry.histogram("cascade_stage_seconds", [("stage", stage)]).record(milliseconds / 1_000)
    }

    /// Counts the latency of a response, without HTTP.
    public func responded(_ kind: RequestKind, milliseconds: Double, degraded: Bool) {
        registry.histogram("cascade_answer_seconds", [("kind", kind.rawValue)]).record(milliseconds / 1_000)
    }

    /// Counts pages that were only looked at.
    public func previewed(_ kind: RequestKind) {
        registry.counter("cascade_previews_total", [("kind", kind.rawValue)]).increment(by: Int64(1))
    }

    /// Counts and logs a swap, done or refused.
    public func swapped(_ swap: SlotSwap) {
        let name = swap.version == nil ? "cascade_replacements_refused_total" : "cascade_replacements_total"
        registry.counter(name, [("slot", swap.slot)]).increment(by: Int64(1))
        var facts: Logger.Metadata = [
            "slot": .string(swap.slot), "origin": .string(swap.origin.rawValue), "path": .string(swap.path),
        ]
        facts["version"] = swap.version.map { .string($0) }
        facts["before"] = swap.before.map { .string($0) }
        facts["problem"] = swap.problem.map { .string($0) }
        switch (swap.version, swap.problem) {
        case (nil, _): logger?.error("refused to swap a model", metadata: facts)
        case (_, nil): logger?.info("swapped a model", metadata: facts)
        default: logger?.warning("swapped a model, with a problem", metadata: facts)
        }
    }

    /// Logs a failure: the first of its kind at once, then their number once a minute.
    public func failed(_ failure: FunnelFailure) {
        let type = failure.error.map { "\(Swift.type(of: $0))" } ?? ""
        let kind = "\(failure.place) \(failure.reason?.rawValue ?? "") \(type)"
        var facts: Logger.Metadata = ["place": .string(failure.place)]
        facts["reason"] = failure.reason.map { .string($0.rawValue) }
        // Of other errors the type alone: what they say may name a person or an item.
        facts["error"] = failure.error.map { .string(failure.words ?? "\(Swift.type(of: $0))") }
        let message: Logger.Message = failure.reason == nil ? "background work failed" : "a stage was skipped"
        if failure.reason == nil {
            registry.counter("cascade_background_failures_total", [("work", failure.place)]).increment(by: Int64(1))
        }
        rare.note(kind) { [logger, facts] count in
            logger?.warning(message, metadata: facts.merging(["times": .stringConvertible(count)]) { $1 })
        }
    }

    /// Counts impressions that A/B tests lack.
    public func exposuresLost(_ count: Int) {
        registry.counter("cascade_exposures_lost_total", []).increment(by: Int64(count))
    }
}
