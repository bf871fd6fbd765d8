// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeRetrieval
import CascadeStore
import Dispatch
import Synchronization

/// Finds the items whose title or categories share words with a query.
final class LexicalSource: CandidateSource {
    private struct Built {
        /// How many Unicode scalars of an item's description are read.
        static let maximumScalars = 4_096

        let index: LexicalIndex
        let items: [ItemID]
        let version: String

        init(_ records: [ItemRecord]) throws {
            let texts = records.map { ([$0.title] + $0.categories).joined(separator: " \n") }
            var fingerprint = Fingerprint()
            for (record, text) in zip(records, texts) {
                var text = text
                text.withUTF8 { fingerprint.add(record.id.rawValue, UnsafeRawBufferPointer($0)) }
            }
            index = try LexicalIndex(texts.enumerated().map { (index: $0, text: $1) }) {
                QueryTokenizer().words($0, reading: Self.maximumScalars)
            }
            items = records.map(\.id)
            version = "lexical-\(fingerprint.description.prefix(12))"
        }
    }

    private let catalog: ItemCatalog
    private let current = Mutex<Built?>(nil)
    private let queue = SerialQueue()
    /// SQLite blocks its thread, which must not be one of those that everything else runs on.
    private let searches = DispatchQueue(label: "lexical searches")
    /// Searches go on while an index is built.
    private let builds = DispatchQueue(label: "lexical builds")

    init(_ catalog: ItemCatalog) { self.catalog = catalog }

    var version: String { current.withLock { $0?.version ?? "" } }

    /// Builds the index of the items that are known now.
    func rebuild() async throws {
        try await queue.run { [self] in
            let built = try await blocking(builds) { [catalog] in try Built(catalog.all()) }
            current.withLock { $0 = built }
        }
    }

    func candidates(for request: FunnelRequest, limit: Int, excluding: Set<ItemID>) async throws -> [ScoredItem] {
        guard let query = request.query, let built = current.withLock({ $0 }) else { return [] }
        let found = try await blocking(searches) { try built.index.search(query, limit: limit + excluding.count) }
        return found.lazy.map { ScoredItem(built.items[$0.index], $0.score) }
            .filter { !excluding.contains($0.item) }.prefix(limit).map { $0 }
    }

    /// Runs work on a queue, one piece at a time; work that was given up before its turn is not done.
    private func blocking<Value: Sendable>(
        _ threads: DispatchQueue,
        _ work: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        let isCancelled = Mutex(false)
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                threads.async {
                    continuation.resume(
                        with: Result {
                            if isCancelled.withLock({ $0 }) { throw CancellationError() }
                            return try work()
                        }
                    )
                }
            }
        } onCancel: {
            isCancelled.withLock { $0 = true }
        }
    }
}
