// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
public import CascadeFunnel
import CascadeRecommenders
import CascadeRetrieval
import CascadeTensorFiles
import CascadeTorch
import Foundation
import Synchronization

/// Makes people's vectors, one or several interests each, one behind the other.
typealias VectorEngine = InferenceEngine<LiveHistory, [Float]>

extension VectorEngine {
    /// Starts an engine for a retriever that compares vectors.
    init(_ name: String, _ retriever: sending any VectorRetriever, _ settings: EngineSettings, on device: Device) {
        self.init(name, settings.batching, threads: settings.threads) { histories in
            let host = HostBatch(histories, padding: type(of: retriever).padding)
            let vectors = try retriever.userVectors(Batch(host, on: device, noiseSeed: 0))
            return rows(try vectors.floats(), vectors.shape[1] * vectors.shape[2], named: name)
        }
    }
}

/// Rows of numbers as answers; a row that holds something else is an error of its own.
func rows(_ values: [Float], _ width: Int, named name: String) -> [Result<[Float], any Error>] {
    stride(from: 0, to: values.count, by: width).map { start in
        let row = Array(values[start..<start + width])
        return row.allSatisfy(\.isFinite) ? .success(row) : .failure(EngineError.notANumber(name))
    }
}

/// People's vectors, as the retriever and the pre-ranker of one request both need them.
final class UserVectorCache: Sendable {
    private struct Memory {
        var latest = LRUCache<LiveHistory, [Float]>(capacity: 256)
        /// How often everything was forgotten.
        var emptied = 0
    }

    private let engine: VectorEngine
    private let memory = Mutex(Memory())

    /// Asks an engine for what was not asked for lately.
    init(_ engine: VectorEngine) { self.engine = engine }

    /// The vectors of somebody who did this.
    func vectors(after history: LiveHistory) async throws -> [Float] {
        let (known, before) = memory.withLock { ($0.latest.use(history), $0.emptied) }
        if let known { return known }
        let vectors = try await engine.predict(history)
        memory.withLock { if $0.emptied == before { $0.latest.insert(history, vectors) } }
        return vectors
    }

    /// Forgets everybody, also those whose vectors are being made.
    func forget() { memory.withLock { $0 = Memory(emptied: $0.emptied + 1) } }

    /// Refuses all who ask from now on.
    func stop() async {
        await engine.stop()
        forget()
    }
}

/// Finds the items whose vectors fit a person's vectors best, by an index.
///
/// The search runs where it is asked for: a graph answers in a fraction of a millisecond.
public struct VectorSource: CandidateSource {
    /// The model, its weights and the index.
    public let version: String
    let reader: RequestReader
    let users: UserVectorCache
    let index: any VectorIndex

    /// The best items; none for somebody without an event that the model knows.
    public func candidates(
        for request: FunnelRequest,
        limit: Int,
        excluding hidden: Set<ItemID>
    ) async throws -> [ScoredItem] {
        let history = reader.history(of: request)
        guard !history.isEmpty, limit > 0 else { return [] }
        let vectors = try await users.vectors(after: history)
        let known = reader.known(hidden)
        let filter = known.isEmpty ? nil : ItemFilter(excluding: known, of: index.count)
        return try index.search(vectors, limit: limit, allowing: filter).map {
            ScoredItem(reader.dataset.itemID($0.item), Double($0.score))
        }
    }
}

/// Judges items by the largest product of their vector with a person's vectors: a retriever as a cheap pre-ranker.
public struct VectorScorer: CandidateScorer {
    /// The model and its weights.
    public let version: String
    let reader: RequestReader
    let users: UserVectorCache
    let items: ItemVectors

    /// The products; nil for items that the model does not know, and for all when it knows no event of the person.
    public func scores(of items: [ItemID], for request: FunnelRequest) async throws -> [Double?] {
        let history = reader.history(of: request)
        guard !history.isEmpty, !items.isEmpty else { return items.map { _ in nil } }
        let user = try await users.vectors(after: history)
        return items.map { reader.dataset.find($0).map { product(user, $0.rawValue) } }
    }

    /// In double precision, as models are evaluated offline.
    private func product(_ user: [Float], _ item: Int) -> Double {
        let width = items.dimension
        return items.values.withUnsafeBufferPointer { values in
            var best = -Double.infinity
            for start in stride(from: 0, to: user.count, by: width) {
                var sum = 0.0
                for feature in 0..<width {
                    sum += Double(user[start + feature]) * Double(values[item * width + feature])
                }
                best = max(best, sum)
            }
            return best
        }
    }
}

/// Finds the items whose vectors have the largest products with an item's.
public struct VectorNeighbors: SimilarItemSource {
    /// Where the vectors come from, and the index.
    public let version: String
    let index: any VectorIndex
    /// The number of an item; nil for one that is not in the index.
    let find: @Sendable (ItemID) -> ItemIndex?
    /// The item of a number.
    let name: @Sendable (ItemIndex) -> ItemID

    /// The nearest items; nil for one that is not in the index.
    public func similar(to item: ItemID, limit: Int) async throws -> [ScoredItem]? {
        guard let number = find(item) else { return nil }
        let others = ItemFilter(excluding: [number], of: index.count)
        return try index.search(index.vectors.rows([number.rawValue]), limit: limit, allowing: others).map {
            ScoredItem(name($0.item), Double($0.score))
        }
    }
}
