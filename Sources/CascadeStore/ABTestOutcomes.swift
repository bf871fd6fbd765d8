// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// The outcome of an A/B test for one user in one arm, or for one request without a user.
///
/// The unit of analysis: each was assigned once.
public struct UnitOutcome: Sendable, Equatable {
    /// How long after a request an event that names none is attributed to it.
    public static let attributionSeconds: Int64 = 86_400

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
        self.arm = arm
        self.requests = requests
        self.clickedRequests = clickedRequests
        self.converted = converted
        self.value = value
    }
}

/// Knows the impressions in the arms of an A/B test, and the events attributed to them.
public protocol ABTestOutcomes: Sendable {
    /// Every user with impressions in an A/B test, once for each arm that they were in.
    ///
    /// An event belongs to the request that it names. One that names none belongs to the latest request that
    /// showed its item to its user, at most 24 hours before; to none where there is no such request.
    func outcomes(of test: String) async throws -> [UnitOutcome]
}
