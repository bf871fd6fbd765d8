// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
public import CascadeFunnel
import CascadeRecommenders
import CascadeRetrieval
import CascadeTorch

/// A wish for the best items of the whole catalogue.
struct CatalogueWish: Sendable {
    let history: LiveHistory
    let limit: Int
    let hidden: [ItemIndex]
}

/// Ranks the catalogue for people.
typealias CatalogueEngine = InferenceEngine<CatalogueWish, [Match]>

extension CatalogueEngine {
    /// Starts an engine for a retriever that scores every item.
    init(_ name: String, _ retriever: sending any CatalogScorer, _ settings: EngineSettings, on device: Device) {
        self.init(name, settings.batching, threads: settings.threads) { wishes in
            let host = HostBatch(wishes.map(\.history), padding: type(of: retriever).padding)
            let scores = try retriever.scores(Batch(host, on: device, noiseSeed: 0)).copy()
            let isBroken = try scores.isNaN().any(1).integers()
            for (row, wish) in wishes.enumerated() where !wish.hidden.isEmpty {
                let columns = try Tensor(wish.hidden.map { Int64($0.rawValue) }, on: device)
                try scores.fill(
                    rows: .full([columns.count], Double(row), .int64, on: device),
                    columns: columns,
                    -.infinity
                )
            }
            let depth = min(wishes.reduce(0) { max($0, $1.limit) }, scores.size(1))
            let top = try scores.top(depth)
            let (items, values) = (try top.indices.integers(), try top.values.floats())
            return wishes.enumerated().map { row, wish in
                guard isBroken[row] == 0 else { return .failure(EngineError.notANumber(name)) }
                let best = (row * depth..<row * depth + min(wish.limit, depth)).lazy.map {
                    Match(item: ItemIndex(items[$0]), score: values[$0])
                }
                return .success(best.filter { $0.score > -.infinity })
            }
        }
    }
}

/// Finds items by scoring the whole catalogue: for retrievers without vectors, such as popularity, ItemKNN and EASE.
public struct CatalogueSource: CandidateSource {
    /// The model and its weights.
    public let version: String
    let reader: RequestReader
    let engine: CatalogueEngine

    /// The best items; a model that reads histories has none for somebody without an event that it knows.
    public func candidates(
        for request: FunnelRequest,
        limit: Int,
        excluding hidden: Set<ItemID>
    ) async throws -> [ScoredItem] {
        let history = reader.history(of: request)
        guard limit > 0, reader.length == 0 || !history.isEmpty else { return [] }
        let wish = CatalogueWish(history: history, limit: limit, hidden: reader.known(hidden))
        return try await engine.answer(wish).map { ScoredItem(reader.dataset.itemID($0.item), Double($0.score)) }
    }
}
