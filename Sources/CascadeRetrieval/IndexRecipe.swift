// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// The implementations of ``VectorIndex``.
public enum IndexKind: String, Sendable, Codable, CaseIterable {
    /// Every item is compared: the truth that the others are measured against.
    case flat
    /// A navigable graph (hnswlib).
    case hnsw
    /// Lists of neighboring items, whole vectors (Faiss).
    case ivf
    /// Lists of neighboring items, product codes (Faiss): for catalogs that do not fit into memory.
    case ivfPQ = "ivf-pq"
}

/// How an index is made and how it searches.
public enum IndexRecipe: Sendable, Equatable {
    /// Compares every item.
    case flat
    /// Walks a graph.
    case hnsw(HNSWIndex.Parameters)
    /// Looks into some lists.
    case ivf(IVFIndex.Parameters)

    /// Which implementation it makes.
    public var kind: IndexKind {
        switch self {
        case .flat: .flat
        case .hnsw: .hnsw
        case .ivf(let parameters): parameters.pqBytes == 0 ? .ivf : .ivfPQ
        }
    }

    /// Builds the index; with one thread, equal vectors give an equal index on one machine.
    ///
    /// - Throws: ``IndexError`` when a parameter does not fit the vectors, or memory is short.
    public func build(_ vectors: ItemVectors) throws -> any VectorIndex {
        switch self {
        case .flat: FlatIndex(vectors)
        case .hnsw(let parameters): try HNSWIndex(vectors, parameters)
        case .ivf(let parameters): try IVFIndex(vectors, parameters)
        }
    }
}

/// Refuses a parameter outside its range.
func checkParameter(_ name: String, _ value: Int, in range: ClosedRange<Int>) throws(IndexError) {
    guard range.contains(value) else {
        throw IndexError(
            .badParameter,
            "\(name): found \(value); expected \(range.lowerBound) to \(range.upperBound). Choose a number between."
        )
    }
}
