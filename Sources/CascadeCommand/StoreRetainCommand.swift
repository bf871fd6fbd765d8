// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CascadeStore
import Foundation

struct RetainInStore: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retain",
        abstract: "Removes events and impressions from before a date.",
        discussion: """
            Removing more than a tenth of the events or impressions needs --yes. Take a backup first: the removal cannot be \
            undone.
            """
    )

    @Argument(help: "Store file.") var store: String
    @Option(help: "A date (2026-01-31, midnight UTC) or seconds since 1970; not in the future.") var before: String
    @Flag(name: .customLong("dry-run"), help: "Only print what would be removed.") var isDryRun = false
    @Flag(name: .customLong("yes"), help: "Confirm removing more than a tenth of the store.") var isSure = false

    func validate() throws { _ = try time() }

    func run() async throws {
        let time = try time()
        try await StoreCommand.withStore(store) { opened in
            let (all, old) = try await (opened.counts(), opened.counts(before: time))
            let date = Date(timeIntervalSince1970: Double(time)).formatted(.iso8601)
            let plan = """
                \(old.events) of \(all.events) events and \(old.exposures) of \(all.exposures) exposures are from before \
                \(date)
                """
            if isDryRun { return Terminal.out("\(store): \(plan); nothing was removed") }
            let isMuch = old.events * 10 > all.events || old.exposures * 10 > all.exposures
            guard isSure || !isMuch else {
                throw ValidationError(
                    "\(store): \(plan): more than a tenth. Nothing was removed. Check the date; add --yes to remove them."
                )
            }
            let removed = try await opened.removeEvents(before: time)
            let left = try await opened.counts()
            Terminal.out(
                """
                \(store): removed \(removed.events) events, \(removed.exposures) exposures from before \(date); \
                \(left.events) events, \(left.exposures) exposures are left
                """
            )
        }
    }

    private func time() throws -> Int64 {
        do {
            return try RetentionTime(before, now: Int64(Date().timeIntervalSince1970)).seconds
        } catch {
            throw ValidationError("--before: \(error)")
        }
    }
}
