// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CascadeDatasets
import CascadeStore
import Foundation

struct StoreCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "store",
        abstract: "Imports into, backs up, verifies, trims and restores the store of a service.",
        discussion: "All subcommands except 'restore' work while the service runs.",
        subcommands: [
            ImportIntoStore.self, BackUpStore.self, VerifyStore.self, RetainInStore.self, RestoreStore.self,
        ]
    )

    /// How long a command waits for a busy service, in seconds.
    private static let busyTimeout = 60.0

    /// Opens a store, runs the body and closes the store in order, whatever happens.
    static func withStore<R: Sendable>(
        _ path: String,
        creating: Bool = false,
        isReadOnly: Bool = false,
        _ body: @Sendable (SQLiteStore) async throws -> R
    ) async throws -> R {
        let store = try SQLiteStore(
            at: URL(filePath: path),
            creating: creating,
            isReadOnly: isReadOnly,
            busyTimeout: busyTimeout
        )
        let result: R
        do {
            result = try await body(store)
        } catch {
            try? await store.close()
            throw error
        }
        try await store.close()
        return result
    }

    struct ImportIntoStore: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "import",
            abstract: "Imports the events and items of a dataset that the store lacks.",
            discussion: """
                An event is identified by its user, item, action and time. Importing the same data again adds nothing; a \
                grown dataset adds its new events. Events of erased users from before their erasure are skipped. Items \
                already in the store stay as they are.
                """
        )

        @Argument(help: "Dataset directory.") var data: String
        @Option(name: .customLong("to"), help: "Store file; created if it does not exist.") var target: String
        @Option(help: "Item feature with the categories; default 'category', or else the only feature.")
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
            abstract: "Backs up a store into a new file and verifies the copy.",
            discussion: "Works while a service writes. 'cascade store restore' restores a backup."
        )

        @Argument(help: "Store file.") var store: String
        @Option(name: .customLong("to"), help: "File to create.") var target: String

        func run() async throws {
            try await StoreCommand.withStore(store) { try await $0.backup(to: URL(filePath: target)) }
            Terminal.out(target)
        }
    }

    struct VerifyStore: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "verify",
            abstract: "Reads the whole store and verifies its integrity."
        )

        @Argument(help: "Store file.") var store: String

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
    /// What was added and skipped, in words.
    var summary: String {
        "\(newEvents) new events (\(knownEvents) already stored), \(newItems) new items"
            + (erasedEvents > 0
                ? "; skipped \(erasedEvents) events of \(erasedPeople) erased \(erasedPeople == 1 ? "user" : "users")"
                : "")
    }
}
