// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeStore

/// Watches the funnel work; called on the path of every answer, so it must be quick.
public protocol FunnelMetrics: Sendable {
    /// A stage has done its part of an answer, or was left out.
    func stageFinished(_ stage: String, milliseconds: Double, degraded: Degradation.Reason?)
    /// A request was answered.
    func answered(_ kind: AnswerKind, milliseconds: Double, degraded: Bool)
    /// Something new serves in a slot, or was refused.
    func swapped(_ swap: SlotSwap)
    /// A stage was left out, or work behind the answers failed.
    func failed(_ failure: FunnelFailure)
    /// A page was answered that is only looked at: it logs no exposures and counts nowhere else.
    func previewed(_ kind: AnswerKind)
    /// What was shown could not be remembered: it came faster than the store takes it, or the store failed.
    func exposuresLost(_ count: Int)
}

/// An error whose description an operator may read: it names no person, no item, and nothing that somebody searched for.
public protocol LoggableError: Error, CustomStringConvertible {}

extension ServiceError: LoggableError {}
extension StoreError: LoggableError {}

/// Something that went wrong while the service goes on.
public struct FunnelFailure: Sendable {
    /// The stage, or the work behind the answers, such as `popularity`, `words`, `exposures`, `slot versions`, `erasures`.
    public var place: String
    /// Why a stage was left out; nil for work that no answer waits for.
    public var reason: Degradation.Reason?
    /// What was thrown; nil when nothing was: an overrun, a score that is no number.
    public var error: (any Error)?

    /// Describes a failure.
    public init(_ place: String, _ error: (any Error)?, reason: Degradation.Reason? = nil) {
        (self.place, self.error, self.reason) = (place, error, reason)
    }

    /// What the error says, when that may be logged.
    public var words: String? { (error as? any LoggableError)?.description }
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
    public func swapped(_ swap: SlotSwap) {}
    /// Does nothing.
    public func failed(_ failure: FunnelFailure) {}
    /// Does nothing.
    public func previewed(_ kind: AnswerKind) {}
    /// Does nothing.
    public func exposuresLost(_ count: Int) {}
}

/// Nobody watches.
public struct NoMetrics: FunnelMetrics {
    /// Nobody watches.
    public init() {}
}
