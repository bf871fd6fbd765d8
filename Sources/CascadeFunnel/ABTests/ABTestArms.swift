// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeConfigurations
public import CascadeDatasets

/// Assigns requests to the arms of the configured A/B tests.
public struct ABTestArms: ArmAssigner {
    /// The name of the default funnel.
    public static let defaultFunnel = "default"

    /// The tests, in the order in which their variants count.
    public let tests: [ABTestConfiguration]

    /// Checks that the funnel has every variant that an arm names.
    ///
    /// - Throws: ``ConfigurationError`` that names the arm.
    public init(_ tests: [ABTestConfiguration], variants: some Collection<String>) throws {
        for test in tests {
            for arm in test.arms where arm.funnel != Self.defaultFunnel && !variants.contains(arm.funnel) {
                let known = ([Self.defaultFunnel] + variants.sorted()).joined(separator: ", ")
                throw ConfigurationError(
                    "A/B test '\(test.name)': arm '\(arm.name)' has the funnel '\(arm.funnel)', expected one of \(known)"
                )
            }
        }
        self.tests = tests
    }

    /// The arms of a request.
    public func arms(for user: UserID?, request: String) -> [ArmAssignment] {
        tests.map { test in
            let arm = test.arm(of: user, request: request)
            let variant = arm.funnel == Self.defaultFunnel ? nil : arm.funnel
            return ArmAssignment(test: test.name, arm: arm.name, variant: variant)
        }
    }
}
