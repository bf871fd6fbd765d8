// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CascadeTraining

extension Budget {
    /// The budget of an option; a wrong one is wrong usage.
    static func argument(_ text: String) throws -> Budget {
        do {
            return try Budget(text)
        } catch {
            throw ValidationError("\(error)")
        }
    }
}

/// `--budget`, and the older `--time-budget`, of a command whose trainings each get one.
struct BudgetOptions: ParsableArguments {
    @Option(
        help: """
            Training budget of each: 300s (wall time), 600cpu-s (processor time), 2M-examples or 5000-steps. Overrides the \
            file's own.
            """,
        transform: Budget.argument
    )
    var budget: Budget?
    @Option(help: "Wall time of each training in seconds; the same as --budget with 's'.") var timeBudget: Double?

    func validate() throws {
        if let timeBudget, !(timeBudget > 0) {
            throw ValidationError("--time-budget: found \(timeBudget), expected seconds above 0")
        }
        guard budget == nil || timeBudget == nil else {
            throw ValidationError("--budget and --time-budget: found both, expected one; leave out --time-budget")
        }
    }

    /// The one that was given; nil for none.
    var chosen: Budget? { budget ?? timeBudget.map(Budget.seconds) }
}
