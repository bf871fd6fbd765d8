// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeStore
import Foundation
import Logging
import Synchronization

/// Fills a new store from a data set when a service starts.
struct StoreSeeding: Sendable {
    private let store: SQLiteStore
    private let dataset: Dataset
    private let logger: Logger

    /// Prepares to fill a store; nil when there is nothing to fill it from, or when it was filled before.
    ///
    /// - Throws: ``DatasetError`` when the data set cannot be read.
    init?(_ store: SQLiteStore, from path: String?, _ logger: Logger) async throws {
        guard let path, try await store.wantsSeed() else { return nil }
        (self.store, self.logger) = (store, logger)
        dataset = try Dataset(at: URL(filePath: path))
    }

    /// Fills the store; an interrupted filling is taken up again by the next start.
    ///
    /// - Parameter announce: Is told what is being done, with how much of it.
    func run(announce: @escaping @Sendable (String) -> Void) async throws {
        let total = dataset.eventCount
        let tenths = Mutex(0)
        logger.info("filling the store", metadata: ["events": "\(total)"])
        announce("filling its store: 0 of \(total) events")
        let report = try await store.seed(from: dataset) { [logger] events in
            announce("filling its store: \(events) of \(total) events")
            if Terminal.isInteractive { Terminal.status("filling the store: \(events) of \(total) events") }
            let isNext = tenths.withLock { last in
                let tenth = events * 10 / max(1, total)
                defer { last = tenth }
                return tenth > last
            }
            if isNext { logger.info("filling the store", metadata: ["done": "\(events)", "events": "\(total)"]) }
        }
        if Terminal.isInteractive { Terminal.status("") }
        logger.info(
            "filled the store",
            metadata: [
                "events": "\(report.newEvents)", "items": "\(report.newItems)", "erased": "\(report.erasedEvents)",
            ]
        )
    }
}
