// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets

/// Puts requests into the arms of experiments.
public protocol ArmAssigner: Sendable {
    /// The arms of a request, always the same for one user.
    ///
    /// The first variant that changes the funnel at hand counts; nil stands for the funnel that everybody has.
    func arms(for user: UserID?, request: String) -> [(experiment: String, arm: String, variant: String?)]
}

/// There are no experiments.
public struct NoExperiments: ArmAssigner {
    /// There are no experiments.
    public init() {}
    /// None.
    public func arms(for user: UserID?, request: String) -> [(experiment: String, arm: String, variant: String?)] { [] }
}
