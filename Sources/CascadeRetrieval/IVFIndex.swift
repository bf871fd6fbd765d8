// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CIndex
import CascadeDatasets
import CascadeTensorFiles
public import Foundation

/// Lists of neighboring items (Faiss), of which a search looks into a few: whole vectors, or short product codes.
///
/// The lists stay in their file, which is mapped into memory, when the index is opened. Items found by codes are scored
/// anew with their vectors, which are mapped too, so that scores are inner products here as well.
///
/// - Source: Jégou, Douze and Schmid 2011, Product Quantization for Nearest Neighbor Search, TPAMI 33(1).
public struct IVFIndex: VectorIndex {
    /// How the lists are made and searched.
    public struct Parameters: Sendable, Equatable, Codable {
        /// Number of lists; 0 takes four times the root of the number of items.
        public var nlist = 0
        /// Lists that a search looks into; 0 takes a sixteenth of them, at least 8.
        ///
        /// More cost time and find more.
        public var nprobe = 0
        /// Bytes of an item's code, a divisor of the dimension; 0 keeps whole vectors.
        public var pqBytes = 0
        /// With codes: candidates for each item that is wanted, scored anew with their vectors.
        public var candidates = 4
        /// Draws the items that the lists are made from.
        public var seed: UInt64 = 1
        /// Threads that build; the result does not depend on their number.
        public var threads = 1

        /// The defaults for whole vectors.
        public init() {}

        private enum CodingKeys: String, CodingKey {
            case nlist, nprobe, candidates, seed, threads
            case pqBytes = "pq_bytes"
        }

        /// The defaults for product codes of a dimension: about one byte for four features.
        public static func codes(dimension: Int) -> Parameters {
            var parameters = Parameters()
            parameters.pqBytes = (1...max(1, dimension / 4)).last { dimension.isMultiple(of: $0) } ?? 1
            return parameters
        }

        /// The numbers that take the place of 0.
        func resolved(for vectors: ItemVectors) throws(IndexError) -> Parameters {
            var result = self
            if nlist == 0 {
                result.nlist = max(1, min(vectors.count / 16, Int(4 * Double(vectors.count).squareRoot())))
            }
            if nprobe == 0 { result.nprobe = min(result.nlist, max(8, result.nlist / 16)) }
            try checkParameter("nlist", result.nlist, in: 1...vectors.count)
            try checkParameter("nprobe", result.nprobe, in: 1...result.nlist)
            try checkParameter("candidates", candidates, in: 1...1000)
            try checkParameter("threads", threads, in: 1...1024)
            guard pqBytes >= 0, pqBytes == 0 || vectors.dimension.isMultiple(of: pqBytes) else {
                throw IndexError(
                    .badParameter,
                    """
                    pq-bytes: found \(pqBytes); expected a divisor of the dimension, which is \
                    \(vectors.dimension). Choose one.
                    """
                )
            }
            guard pqBytes == 0 || vectors.count >= 256 else {
                throw IndexError(
                    .badParameter,
                    "ivf-pq: found \(vectors.count) items; codes need at least 256. Choose flat, which is fast for few."
                )
            }
            return result
        }
    }

    /// The vectors that it finds.
    public let vectors: ItemVectors
    /// How the lists were made and are searched, with the defaults filled in.
    public private(set) var parameters: Parameters
    private let handle: LibraryHandle

    /// Builds the lists.
    ///
    /// - Throws: ``IndexError`` when a parameter does not fit the vectors, or memory is short.
    public init(_ vectors: ItemVectors, _ parameters: Parameters = Parameters()) throws {
        let parameters = try parameters.resolved(for: vectors)
        self.vectors = vectors
        self.parameters = parameters
        let pointer = vectors.values.withUnsafeBufferPointer {
            ci_ivf_build(
                $0.baseAddress,
                Int64(vectors.count),
                Int64(vectors.dimension),
                Int64(parameters.nlist),
                Int64(parameters.pqBytes),
                parameters.seed,
                Int32(parameters.threads)
            )
        }
        handle = try LibraryHandle(pointer, free: { ci_ivf_free($0) }, doing: "building inverted lists")
    }

    /// Opens lists that ``writeStructure(to:)`` wrote; the whole file is read into memory.
    ///
    /// - Throws: ``IndexError`` when the file does not hold lists of these vectors and parameters.
    init(_ vectors: ItemVectors, _ parameters: Parameters, structure url: URL) throws {
        let parameters = try parameters.resolved(for: vectors)
        self.vectors = vectors
        self.parameters = parameters
        let pointer = ci_ivf_load(
            url.path,
            Int64(vectors.count),
            Int64(vectors.dimension),
            Int64(parameters.nlist),
            Int64(parameters.pqBytes)
        )
        handle = try LibraryHandle(pointer, free: { ci_ivf_free($0) }, doing: "\(url.path): opening inverted lists")
    }

    /// The recipe with these parameters.
    public var recipe: IndexRecipe { .ivf(parameters) }

    /// The same lists, of which a search looks into another number.
    ///
    /// - Throws: ``IndexError`` when there are not so many.
    public func searching(nprobe: Int) throws -> IVFIndex {
        var copy = self
        copy.parameters.nprobe = nprobe
        try checkParameter("nprobe", nprobe, in: 1...parameters.nlist)
        return copy
    }

    /// The best items of each user in the lists that are nearest to the user's vectors, best first.
    ///
    /// A filter holds while the lists are read, and more lists are read until as many allowed items were compared as
    /// without a filter. Where that is all of them anyway, they are all compared.
    ///
    /// - Throws: ``IndexError`` when the vectors or filters do not fit the catalog, or `limit` is negative.
    public func search(_ users: QueryVectors, limit: Int, allowing filters: [ItemFilter] = []) throws -> [[Match]] {
        try check(users, limit, filters)
        // So many items are compared, with a filter and without; about as many lie in the lists that are looked into.
        let few = vectors.count / parameters.nlist * parameters.nprobe
        let search = ApproximateSearch(vectors: vectors, fewItems: few) {
            parameters.pqBytes == 0
                ? try ask($0.vector, $0.filter, $0.items, $0.scores)
                : try rescored($0.vector, $0.filter, $0.items, $0.scores)
        }
        return try search.search(users, limit: limit, allowing: filters)
    }

    private func ask(
        _ query: UnsafePointer<Float>,
        _ filter: UnsafePointer<UInt64>?,
        _ items: UnsafeMutableBufferPointer<Int64>,
        _ scores: UnsafeMutableBufferPointer<Float>
    ) throws -> Int {
        let found = withExtendedLifetime(handle) {
            ci_ivf_search(
                handle.pointer,
                query,
                Int64(items.count),
                Int64(parameters.nprobe),
                filter,
                items.baseAddress,
                scores.baseAddress
            )
        }
        guard found >= 0 else { throw libraryError("searching inverted lists") }
        return Int(found)
    }

    /// Finds more items than wanted by their codes, and keeps the best by their vectors.
    private func rescored(
        _ query: UnsafePointer<Float>,
        _ filter: UnsafePointer<UInt64>?,
        _ items: UnsafeMutableBufferPointer<Int64>,
        _ scores: UnsafeMutableBufferPointer<Float>
    ) throws -> Int {
        let wide = min(items.count * parameters.candidates, vectors.count)
        let exact = FlatIndex(vectors)
        return try withUnsafeTemporaryAllocation(of: Int64.self, capacity: wide) { candidates in
            try withUnsafeTemporaryAllocation(of: Float.self, capacity: wide) { approximate in
                let found = try ask(query, filter, candidates, approximate)
                var candidates = UnsafeMutableBufferPointer(rebasing: candidates[..<found])
                candidates.sort()  // in rising order for `offer`, and for memory
                var best = BestItems(limit: items.count)
                for item in candidates {
                    best.offer(Int(item), exact.score(query, interests: 1, item: Int(item)))
                }
                let sorted = best.sorted()
                for (place, match) in sorted.enumerated() {
                    items[place] = Int64(match.item.rawValue)
                    scores[place] = match.score
                }
                return sorted.count
            }
        }
    }

    /// Writes the lists, in the library's form.
    ///
    /// - Throws: ``IndexError`` when the disk refuses.
    public func writeStructure(to url: URL) throws {
        let status = withExtendedLifetime(handle) { ci_ivf_save(handle.pointer, url.path) }
        guard status == 0 else { throw libraryError("\(url.path): writing inverted lists") }
    }
}
