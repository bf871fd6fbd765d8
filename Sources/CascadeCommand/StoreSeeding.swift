// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeStore
import Foundation
import Logging
import Synchronization

/// Seeds a new store from a dataset when a service starts.
struct StoreSeeding: Sendable {
    private let store: SQLiteStore
    private let dataset: Dataset
    private let logger: Logger

    /// Prepares to seed a store; nil when there is no dataset, or when the store was seeded before.
    ///
    /// - Throws: ``DatasetError`` when the data set cannot be read.
    init?(_ store: SQLiteStore, from path: String?, _ logger: Logger) async throws {
        guard let path, try await store.wantsSeed() else { return nil }
        (self.store, self.logger) = (store, logger)
        dataset = try Dataset(at: URL(filePath: path))
    }

    /// Seeds the store; an interrupted seeding continues at the next start.
    ///
    /// - Parameter announce: Receives the progress.
    func run(announce: @escaping @Sendable (String) -> Void) async throws {
        let total = dataset.eventCount
        let tenths = Mutex(0)
        logger.info("seeding the store", metadata: ["events": "\(total)"])
        announce("seeding its store: 0 of \(total) events")
        let report = try await store.seed(from: dataset) { [logger] events in
            announce("seeding its store: \(events) of \(total) events")
            if Terminal.isInteractive { Terminal.status("seeding the store: \(events) of \(total) events") }
            let isNext = tenths.withLock { last in
                let tenth = events * 10 / max(1, total)
                defer { last = tenth }
                return tenth > last
            }
            if isNext { logger.info("seeding the store", metadata: ["done": "\(events)", "events": "\(total)"]) }
        }
        if Terminal.isInteractive { Terminal.status("") }
        logger.info(
            "seeded the store",
            metadata: [
                "events": "\(report.newEvents)", "items": "\(report.newItems)", "erased": "\(report.erasedEvents)",
            ]
        )
    }
}
