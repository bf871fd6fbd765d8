// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeStore

/// Observes the funnel; called for every request, so it must be fast.
public protocol FunnelMetrics: Sendable {
    /// A stage has finished, or was skipped.
    func stageFinished(_ stage: String, milliseconds: Double, degraded: Degradation.Reason?)
    /// A request was served.
    func responded(_ kind: RequestKind, milliseconds: Double, degraded: Bool)
    /// Something new serves in a slot, or was refused.
    func swapped(_ swap: SlotSwap)
    /// A stage was skipped, or background work failed.
    func failed(_ failure: FunnelFailure)
    /// A preview was served: it logs no impressions and counts nowhere else.
    func previewed(_ kind: RequestKind)
    /// Impressions were lost: they came faster than the store takes them, or the store failed.
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
        self.place = place
        self.error = error
        self.reason = reason
    }

    /// What the error says, when that may be logged.
    public var words: String? { (error as? any LoggableError)?.description }
}

extension FunnelMetrics {
    /// Does nothing.
    public func stageFinished(_ stage: String, milliseconds: Double, degraded: Degradation.Reason?) {}
    /// Does nothing.
    public func responded(_ kind: RequestKind, milliseconds: Double, degraded: Bool) {}
    /// Does nothing.
    public func swapped(_ swap: SlotSwap) {}
    /// Does nothing.
    public func failed(_ failure: FunnelFailure) {}
    /// Does nothing.
    public func previewed(_ kind: RequestKind) {}
    /// Does nothing.
    public func exposuresLost(_ count: Int) {}
}

/// Observes nothing.
public struct NoMetrics: FunnelMetrics {
    /// Observes nothing.
    public init() {}
}
