// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// Watches the funnel work; called on the path of every answer, so it must be quick.
public protocol FunnelMetrics: Sendable {
    /// A stage has done its part of an answer, or was left out.
    func stageFinished(_ stage: String, milliseconds: Double, degraded: Degradation.Reason?)
    /// A request was answered.
    func answered(_ kind: AnswerKind, milliseconds: Double, degraded: Bool)
    /// Something new serves in a slot.
    func replaced(slot: String)
    /// What was shown could not be remembered: it came faster than the store takes it, or the store failed.
    func exposuresLost(_ count: Int)
}

/// What was asked for.
public enum AnswerKind: String, Sendable, CaseIterable {
    /// A page for a user.
    case recommendation
    /// A page for a query.
    case search
    /// Similar items.
    case similar
}

extension FunnelMetrics {
    /// Does nothing.
    public func stageFinished(_ stage: String, milliseconds: Double, degraded: Degradation.Reason?) {}
    /// Does nothing.
    public func answered(_ kind: AnswerKind, milliseconds: Double, degraded: Bool) {}
    /// Does nothing.
    public func replaced(slot: String) {}
    /// Does nothing.
    public func exposuresLost(_ count: Int) {}
}

/// Nobody watches.
public struct NoMetrics: FunnelMetrics {
    /// Nobody watches.
    public init() {}
}
