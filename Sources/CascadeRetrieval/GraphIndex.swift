// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CIndex
import CascadeTensorFiles
public import Foundation

/// A navigable graph over the items (hnswlib): fast where the whole catalogue fits into memory.
///
/// A search walks the graph by the inner product, whatever its links were drawn by.
///
/// - Source: Malkov and Yashunin 2018, arXiv:1603.09320; Bachrach et al., RecSys 2014, section 3.1 (the reduction).
public struct GraphIndex: VectorIndex {
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
        /// Better where users lie elsewhere than the items, or items have few neighbours.
        case product
    }

    /// How the graph is made and walked.
    public struct Parameters: Sendable, Equatable, Codable {
        /// Links of an item in the upper layers; twice as many in the lowest.
        ///
        /// More cost memory and find more.
        public var links = 16
        /// Candidates for an item's links while the graph is built.
        public var constructionBreadth = 200
        /// Candidates that a search keeps; at least as many as it shall find.
        ///
        /// More cost time and find more.
        public var searchBreadth = 200
        /// What links are drawn by.
        public var distance = LinkDistance.euclidean
        /// Draws the layers of the items.
        public var seed: UInt64 = 1
        /// Threads that build; with more than one, the graph differs from one build to the next.
        public var threads = 1

        /// The defaults.
        public init() {}

        /// Takes the distance by which a graph of a sample of the items finds more for these users.
        ///
        /// - Parameters:
        ///   - vectors: The catalogue; of a large one, 20,000 items spread evenly are tried.
        ///   - users: Whom to ask for.
        /// - Throws: ``IndexError`` when a parameter is out of range or the vectors do not fit each other.
        public mutating func chooseDistance(for vectors: ItemVectors, asking users: UserVectors) throws {
            let step = max(1, vectors.count / 20_000)
            let rows = vectors.rows(stride(from: 0, to: vectors.count, by: step))
            let sample = try ItemVectors(rows, dimension: vectors.dimension)
            let truth = try IndexQuality.Truth(sample, users, "sample")
            var recalls: [LinkDistance: Double] = [:]
            for distance in LinkDistance.allCases {
                self.distance = distance
                recalls[distance] = try truth.measure(GraphIndex(sample, self)).recall
            }
            // A graph by inner product has fewer links and is walked faster, so it wins a tie.
            distance = recalls[.euclidean, default: 0] > recalls[.product, default: 0] ? .euclidean : .product
        }

        func check() throws(IndexError) {
            try checkParameter("m", links, in: 2...512)
            try checkParameter("ef-construction", constructionBreadth, in: 1...100_000)
            try checkParameter("ef", searchBreadth, in: 1...1_000_000)
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
            ci_graph_build(
                $0.baseAddress,
                Int64(vectors.count),
                Int64(vectors.dimension),
                Int64(parameters.links),
                Int64(parameters.constructionBreadth),
                parameters.distance == .euclidean ? 1 : 0,
                parameters.seed,
                Int32(parameters.threads),
                Int32(instructions.rawValue)
            )
        }
        handle = try LibraryHandle(pointer, free: { ci_graph_free($0) }, doing: "building a graph")
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
        let pointer = ci_graph_load(
            url.path,
            Int64(vectors.count),
            Int64(vectors.dimension),
            Int64(parameters.links),
            Int32(instructions.rawValue)
        )
        handle = try LibraryHandle(pointer, free: { ci_graph_free($0) }, doing: "\(url.path): loading a graph")
    }

    /// The recipe with this graph's parameters.
    public var recipe: IndexRecipe { .graph(parameters) }

    /// The same graph, walked with another ``Parameters/searchBreadth``.
    ///
    /// - Throws: ``IndexError`` when it is out of range.
    public func searching(breadth: Int) throws -> GraphIndex {
        var copy = self
        copy.parameters.searchBreadth = breadth
        try copy.parameters.check()
        return copy
    }

    /// The best items of each user that the walk meets, best first.
    ///
    /// A filter keeps items out of the result, not out of the walk. Where it allows so few that a walk would cost more
    /// than comparing them all, they are all compared.
    ///
    /// - Throws: ``IndexError`` when the vectors or filters do not fit the catalogue, or `limit` is negative.
    public func search(_ users: UserVectors, limit: Int, allowing filters: [ItemFilter] = []) throws -> [[Match]] {
        try check(users, limit, filters)
        let breadth = max(parameters.searchBreadth, limit)
        // A walk that keeps `breadth` items compares about `links` others for each of them.
        let few = breadth.multipliedReportingOverflow(by: parameters.links)
        let search = ApproximateSearch(vectors: vectors, fewItems: few.overflow ? .max : few.partialValue) {
            try ask($0, $1, $2, $3, $4)
        }
        return try search.search(users, limit: limit, allowing: filters)
    }

    /// Asks the library alone, for a measure of what it costs without anything around it.
    func ask(
        _ query: UnsafePointer<Float>,
        _ filter: UnsafePointer<UInt64>?,
        _ allowed: Int,
        _ items: UnsafeMutableBufferPointer<Int64>,
        _ scores: UnsafeMutableBufferPointer<Float>
    ) throws -> Int? {
        let found = withExtendedLifetime(handle) {
            ci_graph_search(
                handle.pointer,
                query,
                Int64(items.count),
                Int64(parameters.searchBreadth),
                filter,
                Int64(allowed),  // comparing them all costs as much
                items.baseAddress,
                scores.baseAddress
            )
        }
        if found == -1 { throw libraryError("searching a graph") }
        return found < 0 ? nil : Int(found)
    }

    /// Writes the graph, in the library's form.
    ///
    /// - Throws: ``IndexError`` when the disk refuses.
    public func writeStructure(to url: URL) throws {
        let status = withExtendedLifetime(handle) { ci_graph_save(handle.pointer, url.path) }
        guard status == 0 else { throw libraryError("\(url.path): writing a graph") }
    }
}
