// Part of Cascade. SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Datasets
import Foundation
import Store

struct StoreCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "store",
        abstract: "Fills, copies, checks and trims the store of a service; all of it while the service runs.",
        subcommands: [ImportIntoStore.self, BackUpStore.self, VerifyStore.self, RetainInStore.self]
    )

    /// Opens a store, runs the body and closes the store in order, whatever happens.
    static func withStore(
        _ path: String,
        creating: Bool = false,
        _ body: @Sendable (SQLiteStore) async throws -> Void
    ) async throws {
        let store = try SQLiteStore(at: URL(filePath: path), creating: creating)
        do {
            try await body(store)
        } catch {
            try? await store.close()
            throw error
        }
        try await store.close()
    }

    struct ImportIntoStore: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "import",
            abstract: "Takes in the events and items of a data set; what the store has already is left alone."
        )

        @Argument(help: "A data set directory.") var data: String
        @Option(name: .customLong("to"), help: "The store's file; made when there is none.") var target: String
        @Option(help: "The item feature to take as categories; by default category, or else the only one.")
        var category: String?

        func run() async throws {
            let dataset = try Dataset(at: URL(filePath: data))
            try await StoreCommand.withStore(target, creating: true) { store in
                let report = try await store.importing(dataset, category: category) { events in
                    if Terminal.isInteractive { Terminal.status("\(events) of \(dataset.eventCount) events") }
                }
                if Terminal.isInteractive { Terminal.status("") }
                Terminal.out(
                    "\(target): \(report.newEvents) new events (\(report.knownEvents) were there), "
                        + "\(report.newItems) new items"
                )
            }
        }
    }

    struct BackUpStore: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "backup",
            abstract: "Copies a store into a new file, which is checked before it takes its name."
        )

        @Argument(help: "The store's file.") var store: String
        @Option(name: .customLong("to"), help: "The file to make.") var target: String

        func run() async throws {
            try await StoreCommand.withStore(store) { try await $0.backup(to: URL(filePath: target)) }
            Terminal.out(target)
        }
    }

    struct VerifyStore: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "verify",
            abstract: "Reads a whole store and makes sure that it is sound."
        )

        @Argument(help: "The store's file.") var store: String

        func run() async throws {
            try await StoreCommand.withStore(store) { opened in
                try await opened.verify()
                let counts = try await opened.counts()
                Terminal.out(
                    "\(store): sound; \(counts.events) events, \(counts.items) items, \(counts.requests) requests, "
                        + "\(counts.exposures) exposures"
                )
            }
        }
    }

    struct RetainInStore: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "retain",
            abstract: "Removes events and exposures from before a date."
        )

        @Argument(help: "The store's file.") var store: String
        @Option(help: "A date (2026-01-31, midnight UTC), or seconds since 1970.") var before: String

        func validate() throws { _ = try time() }

        func run() async throws {
            let time = try time()
            try await StoreCommand.withStore(store) { opened in
                let removed = try await opened.removeEvents(before: time)
                Terminal.out("\(store): removed \(removed.events) events, \(removed.exposures) exposures")
            }
        }

        private func time() throws -> Int64 {
            if let seconds = Int64(before) { return seconds }
            let day = Date.ISO8601FormatStyle(timeZone: .gmt).year().month().day()
            // Back again, since a day that no month has would become one of the next month.
            guard let date = try? day.parse(before), date.formatted(day) == before else {
                throw ValidationError(
                    "--before: found '\(before)', expected a date such as 2026-01-31, or seconds since 1970"
                )
            }
            return Int64(date.timeIntervalSince1970)
        }
    }
}
