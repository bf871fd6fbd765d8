// Part of Cascade. SPDX-License-Identifier: Apache-2.0
public import Funnel

/// Counts what the funnel does, for `/metrics`.
public struct FunnelSeries: FunnelMetrics {
    private let registry: MetricsRegistry

    /// Counts into a registry.
    public init(_ registry: MetricsRegistry) { self.registry = registry }

    /// Counts the time of a stage that took part; what was left out is counted with the answers.
    public func stageFinished(_ stage: String, milliseconds: Double, degraded: Degradation.Reason?) {
        guard degraded == nil else { return }
        registry.histogram("cascade_stage_seconds", [("stage", stage)]).record(milliseconds / 1_000)
    }

    /// Counts the time of an answer, without HTTP.
    public func answered(_ kind: AnswerKind, milliseconds: Double, degraded: Bool) {
        registry.histogram("cascade_answer_seconds", [("kind", kind.rawValue)]).record(milliseconds / 1_000)
    }

    /// Counts replacements.
    public func replaced(slot: String) {
        registry.counter("cascade_replacements_total", [("slot", slot)]).increment(by: Int64(1))
    }

    /// Counts what experiments will not know of.
    public func exposuresLost(_ count: Int) {
        registry.counter("cascade_exposures_lost_total", []).increment(by: Int64(count))
    }
}
