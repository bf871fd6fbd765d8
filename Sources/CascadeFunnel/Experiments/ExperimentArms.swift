// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeConfigurations
public import CascadeDatasets

/// Puts requests into the arms of experiments.
public struct ExperimentArms: ArmAssigner {
    /// What an arm names as its funnel when it has what everybody has.
    public static let everybody = "default"

    /// The experiments, in the order in which their variants count.
    public let experiments: [ExperimentConfiguration]

    /// Checks that the funnel has every variant that an arm names.
    ///
    /// - Throws: ``ConfigurationError`` that names the arm.
    public init(_ experiments: [ExperimentConfiguration], variants: some Collection<String>) throws {
        for experiment in experiments {
            for arm in experiment.arms where arm.funnel != Self.everybody && !variants.contains(arm.funnel) {
                let known = ([Self.everybody] + variants.sorted()).joined(separator: ", ")
                throw ConfigurationError(
                    "experiment '\(experiment.name)': arm '\(arm.name)' has the funnel '\(arm.funnel)', expected one of \(known)"
                )
            }
        }
        self.experiments = experiments
    }

    /// The arms of a request.
    public func arms(for user: UserID?, request: String) -> [(experiment: String, arm: String, variant: String?)] {
        experiments.map { experiment in
            let arm = experiment.arm(of: user, request: request)
            return (experiment.name, arm.name, arm.funnel == Self.everybody ? nil : arm.funnel)
        }
    }
}
