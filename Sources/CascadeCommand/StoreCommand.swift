// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CascadeDatasets
import CascadeStore
import Foundation

struct StoreCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "store",
        abstract: "Fills, copies, checks, trims and restores the store of a service.",
        discussion: "Everything but 'restore' works while the service runs.",
        subcommands: [
            ImportIntoStore.self, BackUpStore.self, VerifyStore.self, RetainInStore.self, RestoreStore.self,
        ]
    )

    /// How long a command waits for a busy service, in seconds.
    private static let busyTimeout = 60.0

    /// Opens a store, runs the body and closes the store in order, whatever happens.
    static func withStore(
        _ path: String,
        creating: Bool = false,
        _ body: @Sendable (SQLiteStore) async throws -> Void
    ) async throws {
        let store = try SQLiteStore(at: URL(filePath: path), creating: creating, busyTimeout: busyTimeout)
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
            abstract: "Adds the events and items of a data set that the store does not have yet.",
            discussion: """
                An event is known by its user, item, action and time. Importing the same data again adds nothing; a data set \
                that has grown adds what is new. Events of erased people from before their erasure are left out. Items that \
                the store has stay as they are.
                """
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
                Terminal.out("\(target): \(report.summary)")
            }
        }
    }

    struct BackUpStore: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "backup",
            abstract: "Copies a store into a new file and checks the copy.",
            discussion: "Works while a service writes. 'cascade store restore' puts a backup back."
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
            abstract: "Reads a whole store and checks that it is sound."
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
}

extension StoreImportReport {
    /// What was added and what was left out, in words.
    var summary: String {
        "\(newEvents) new events (\(knownEvents) were there), \(newItems) new items"
            + (erasedEvents > 0
                ? "; left out \(erasedEvents) events of \(erasedPeople) erased \(erasedPeople == 1 ? "person" : "people")"
                : "")
    }
}
