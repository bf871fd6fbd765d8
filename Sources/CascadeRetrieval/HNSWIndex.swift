// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CIndex
import CascadeTensorFiles
public import Foundation

/// A navigable graph over the items (hnswlib): fast when the whole catalog fits into memory.
///
/// A search walks the graph by the inner product, whatever its links were drawn by.
///
/// - Source: Malkov and Yashunin 2018, arXiv:1603.09320; Bachrach et al., RecSys 2014, section 3.1 (the reduction).
public struct HNSWIndex: VectorIndex {
    /// What items are near to one another when the graph is linked.
    ///
    /// Which one finds more depends on the vectors; ``Parameters/chooseDistance(for:asking:)`` tries both.
    public enum LinkDistance: String, Sendable, Codable, CaseIterable {
        /// Euclidean distance after a reduction that makes the nearest item the one with the largest inner product.
        ///
        /// Better where users lie among the items, in clusters.
        case euclidean
        /// The inner product itself.
        ///
        /// Better where users lie elsewhere than the items, or items have few neighbors.
        case product
    }

    /// How the graph is made and walked.
    public struct Parameters: Sendable, Equatable, Codable {
        /// Links of an item in the upper layers; twice as many in the lowest.
        ///
        /// More cost memory and find more.
        public var m = 16
        /// Candidates for an item's links while the graph is built.
        public var efConstruction = 200
        /// Candidates that a search keeps; at least as many as it shall find.
        ///
        /// More cost time and find more.
        public var efSearch = 200
        /// What links are drawn by.
        public var distance = LinkDistance.euclidean
        /// Draws the layers of the items.
        public var seed: UInt64 = 1
        /// Threads that build; with more than one, the graph differs from one build to the next.
        public var threads = 1

        /// The defaults.
        public init() {}

        private enum CodingKeys: String, CodingKey {
            case m, distance, seed, threads
            case efConstruction = "ef_construction"
            case efSearch = "ef_search"
        }

        /// Takes the distance by which a graph of a sample of the items finds more for these users.
        ///
        /// - Parameters:
        ///   - vectors: The catalog; of a large one, 20,000 items spread evenly are tried.
        ///   - users: Whom to ask for.
        /// - Throws: ``IndexError`` when a parameter is out of range or the vectors do not fit each other.
        public mutating func chooseDistance(for vectors: ItemVectors, asking users: QueryVectors) throws {
            let step = max(1, vectors.count / 20_000)
            let rows = vectors.rows(stride(from: 0, to: vectors.count, by: step))
            let sample = try ItemVectors(rows, dimension: vectors.dimension)
            let truth = try IndexQuality.Truth(sample, users, "sample")
            var recalls: [LinkDistance: Double] = [:]
            for distance in LinkDistance.allCases {
                self.distance = distance
                recalls[distance] = try truth.measure(HNSWIndex(sample, self)).recall
            }
            // A graph by inner product has fewer links and is walked faster, so it wins a tie.
            distance = recalls[.euclidean, default: 0] > recalls[.product, default: 0] ? .euclidean : .product
        }

        func check() throws(IndexError) {
            try checkParameter("m", m, in: 2...512)
            try checkParameter("ef-construction", efConstruction, in: 1...100_000)
            try checkParameter("ef-search", efSearch, in: 1...1_000_000)
            try checkParameter("threads", threads, in: 1...1024)
        }
    }

    /// The vectors that it finds.
    public let vectors: ItemVectors
    /// How the graph was made and is walked.
    public private(set) var parameters: Parameters
    /// What computes inner products.
    public let instructions: VectorInstructions
    private let handle: LibraryHandle

    /// Builds the graph.
    ///
    /// - Throws: ``IndexError`` when a parameter is out of range or memory is short.
    public init(
        _ vectors: ItemVectors,
        _ parameters: Parameters = Parameters(),
        instructions: VectorInstructions = .best
    ) throws {
        try parameters.check()
        self.vectors = vectors
        self.parameters = parameters
        self.instructions = instructions
        let pointer = vectors.values.withUnsafeBufferPointer {
            ci_hnsw_build(
                $0.baseAddress,
                Int64(vectors.count),
                Int64(vectors.dimension),
                Int64(parameters.m),
                Int64(parameters.efConstruction),
                parameters.distance == .euclidean ? 1 : 0,
                parameters.seed,
                Int32(parameters.threads),
                Int32(instructions.rawValue)
            )
        }
        handle = try LibraryHandle(pointer, free: { ci_hnsw_free($0) }, doing: "building a graph")
    }

    /// Loads a graph that ``writeStructure(to:)`` wrote; the whole file is read into memory.
    ///
    /// - Throws: ``IndexError`` when the file does not hold a sound graph of these vectors and parameters.
    init(
        _ vectors: ItemVectors,
        _ parameters: Parameters,
        structure url: URL,
        instructions: VectorInstructions = .best
    ) throws {
        try parameters.check()
        self.vectors = vectors
        self.parameters = parameters
        self.instructions = instructions
        let pointer = ci_hnsw_load(
            url.path,
            Int64(vectors.count),
            Int64(vectors.dimension),
            Int64(parameters.m),
            Int32(instructions.rawValue)
        )
        handle = try LibraryHandle(pointer, free: { ci_hnsw_free($0) }, doing: "\(url.path): loading a graph")
    }

    /// The recipe with this graph's parameters.
    public var recipe: IndexRecipe { .hnsw(parameters) }

    /// The same graph, walked with another ``Parameters/efSearch``.
    ///
    /// - Throws: ``IndexError`` when it is out of range.
    public func searching(efSearch: Int) throws -> HNSWIndex {
        var copy = self
        copy.parameters.efSearch = efSearch
        try copy.parameters.check()
        return copy
    }

    /// The best items of each user that the walk meets, best first.
    ///
    /// A filter keeps items out of the result, not out of the walk. Where it allows so few that a walk would cost more
    /// than comparing them all, they are all compared.
    ///
    /// - Throws: ``IndexError`` when the vectors or filters do not fit the catalog, or `limit` is negative.
    public func search(_ users: QueryVectors, limit: Int, allowing filters: [ItemFilter] = []) throws -> [[Match]] {
        try check(users, limit, filters)
        let width = max(parameters.efSearch, limit)
        // A walk that keeps `width` items compares about `m` others for each of them.
        let few = width.multipliedReportingOverflow(by: parameters.m)
        let search = ApproximateSearch(vectors: vectors, fewItems: few.overflow ? .max : few.partialValue) {
            try ask($0)
        }
        return try search.search(users, limit: limit, allowing: filters)
    }

    /// Asks the library alone, for a measure of what it costs without anything around it.
    func ask(_ query: ApproximateSearch.Query) throws -> Int? {
        let found = withExtendedLifetime(handle) {
            ci_hnsw_search(
                handle.pointer,
                query.vector,
                Int64(query.items.count),
                Int64(parameters.efSearch),
                query.filter,
                Int64(query.allowed),  // comparing them all costs as much
                query.items.baseAddress,
                query.scores.baseAddress
            )
        }
        if found == -1 { throw libraryError("searching a graph") }
        return found < 0 ? nil : Int(found)
    }

    /// Writes the graph, in the library's form.
    ///
    /// - Throws: ``IndexError`` when the disk refuses.
    public func writeStructure(to url: URL) throws {
        let status = withExtendedLifetime(handle) { ci_hnsw_save(handle.pointer, url.path) }
        guard status == 0 else { throw libraryError("\(url.path): writing a graph") }
    }
}
