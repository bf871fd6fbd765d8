// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// What an experiment's arm led to for one person, or for one request of nobody in particular.
///
/// Each is one draw of the assignment, and so the unit of all statistics.
public struct UnitOutcome: Sendable, Equatable {
    /// The arm that the requests were in.
    public var arm: String
    /// Answered requests in that arm.
    public var requests: Int
    /// Those of them to which at least one click is attributed.
    public var clickedRequests: Int
    /// Whether a purchase or a rating is attributed to any of them.
    public var converted: Bool
    /// The sum of the values of all events that are attributed to them.
    public var value: Double

    /// Describes what came of it.
    public init(arm: String, requests: Int, clickedRequests: Int = 0, converted: Bool = false, value: Double = 0) {
        (self.arm, self.requests, self.clickedRequests) = (arm, requests, clickedRequests)
        (self.converted, self.value) = (converted, value)
    }
}

/// Knows what was shown in the arms of an experiment and what people did then.
public protocol ExperimentOutcomes: Sendable {
    /// Everybody who was shown something in an experiment, once for each arm that they were in.
    ///
    /// An event belongs to the request that it names. One that names none belongs to the latest request that
    /// showed its item to its user, at most 24 hours before; to none where there is no such request.
    func outcomes(of experiment: String) async throws -> [UnitOutcome]
}
