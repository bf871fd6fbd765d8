// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets

/// The arm of one A/B test that a request is in.
public struct ArmAssignment: Sendable, Equatable {
    /// The name of the test.
    public var test: String
    /// The name of the arm.
    public var arm: String
    /// The variant of the funnel; nil for the default funnel.
    public var variant: String?

    /// Names an arm.
    public init(test: String, arm: String, variant: String?) {
        self.test = test
        self.arm = arm
        self.variant = variant
    }
}

/// Assigns requests to the arms of A/B tests.
public protocol ArmAssigner: Sendable {
    /// The arms of a request, always the same for one user.
    ///
    /// The first variant that changes the funnel at hand counts.
    func arms(for user: UserID?, request: String) -> [ArmAssignment]
}

/// No A/B tests.
public struct NoABTests: ArmAssigner {
    /// No A/B tests.
    public init() {}
    /// None.
    public func arms(for user: UserID?, request: String) -> [ArmAssignment] { [] }
}
