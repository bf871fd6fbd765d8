// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
public import CascadeFunnel
import CascadeRecommenders
import CascadeRetrieval
import CascadeTorch

/// A request for the best items of the whole catalog.
struct CatalogQuery: Sendable {
    let history: LiveHistory
    let limit: Int
    let hidden: [ItemIndex]
}

/// Ranks the catalog for people.
typealias CatalogEngine = InferenceEngine<CatalogQuery, [Match]>

extension CatalogEngine {
    /// Starts an engine for a retriever that scores every item.
    init(_ name: String, _ retriever: sending any CatalogScorer, _ settings: EngineSettings, on device: Device) {
        self.init(name, settings.batching, threads: settings.threads) { queries in
            let host = HostBatch(queries.map(\.history), padding: type(of: retriever).padding)
            let scores = try retriever.scores(Batch(host, on: device, noiseSeed: 0)).copy()
            let isBroken = try scores.isNaN().any(1).integers()
            for (row, query) in queries.enumerated() where !query.hidden.isEmpty {
                let columns = try Tensor(query.hidden.map { Int64($0.rawValue) }, on: device)
                try scores.fill(
                    rows: .full([columns.count], Double(row), .int64, on: device),
                    columns: columns,
                    -.infinity
                )
            }
            let depth = min(queries.reduce(0) { max($0, $1.limit) }, scores.size(1))
            let top = try scores.top(depth)
            let (items, values) = (try top.indices.integers(), try top.values.floats())
            return queries.enumerated().map { row, query in
                guard isBroken[row] == 0 else { return .failure(EngineError.notANumber(name)) }
                let best = (row * depth..<row * depth + min(query.limit, depth)).lazy.map {
                    Match(item: ItemIndex(items[$0]), score: values[$0])
                }
                return .success(best.filter { $0.score > -.infinity })
            }
        }
    }
}

/// Finds items by scoring the whole catalog: for retrievers without vectors, such as popularity, ItemKNN and EASE.
public struct CatalogSource: CandidateSource {
    /// The model and its weights.
    public let version: String
    let reader: RequestReader
    let engine: CatalogEngine

    /// The best items; a model that reads histories has none for somebody without an event that it knows.
    public func candidates(
        for request: FunnelRequest,
        limit: Int,
        excluding hidden: Set<ItemID>
    ) async throws -> [ScoredItem] {
        let history = reader.history(of: request)
        guard limit > 0, reader.length == 0 || !history.isEmpty else { return [] }
        let query = CatalogQuery(history: history, limit: limit, hidden: reader.known(hidden))
        return try await engine.predict(query).map { ScoredItem(reader.dataset.itemID($0.item), Double($0.score)) }
    }
}
