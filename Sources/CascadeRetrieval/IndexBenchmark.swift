// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CIndex
import Foundation

/// Measures indexes over synthetic vectors in clusters: recall against exact search, and speed on one thread.
public struct IndexBenchmark {
    /// What is measured.
    public struct Settings: Sendable {
        /// Number of items.
        public var items = 100_000
        /// Features of a vector.
        public var dimension = 64
        /// Items of a cluster, on average.
        public var clusterSize = 100
        /// Users that are asked for, one at a time.
        public var users = 1000
        /// Length of the lists.
        public var depth = 100
        /// Which indexes.
        public var kinds = IndexKind.allCases
        /// Construction of HNSW indexes.
        public var hnsw = HNSWIndex.Parameters()
        /// Distances for the links of HNSW indexes; one index each.
        public var distances: [HNSWIndex.LinkDistance] = [.product, .euclidean]
        /// Candidate list sizes of an HNSW search.
        public var efSearch = [100, 150, 200]
        /// Number of IVF lists; 0 chooses.
        public var nlist = 0
        /// Numbers of lists probed by an IVF search.
        public var nprobe = [4, 8, 16]
        /// Draws the vectors.
        public var seed: UInt64 = 1

        /// The defaults.
        public init() {}
    }

    /// One index, searched in one way.
    public struct Row: Sendable, Codable {
        /// Which index.
        public let kind: IndexKind
        /// How it was searched.
        public let setting: String
        /// Seconds to build it.
        public let build: Double
        /// What was measured.
        public let quality: IndexQuality
        /// Of a graph: the share of a search's time that is spent outside of the library.
        public let overhead: Double?

        private enum CodingKeys: String, CodingKey {
            case kind, setting, quality, overhead
            case build = "build_seconds"
        }
    }

    private let settings: Settings
    private let vectors: ItemVectors
    private let users: QueryVectors

    /// Draws the vectors.
    ///
    /// - Throws: ``IndexError`` when the settings ask for none.
    public init(_ settings: Settings) throws {
        self.settings = settings
        let clusters = max(1, settings.items / max(1, settings.clusterSize))
        var source = ClusteredVectors(clusters: clusters, dimension: settings.dimension, seed: settings.seed)
        vectors = try ItemVectors(source.draw(settings.items), dimension: settings.dimension)
        users = try QueryVectors(source.draw(settings.users), dimension: settings.dimension)
    }

    /// Builds and measures one index after the other.
    ///
    /// - Throws: ``IndexError`` when a parameter is out of range or memory is short.
    public func run(_ observe: (Row) -> Void = { _ in }) throws -> [Row] {
        let truth = try IndexQuality.Truth(vectors, users, "synthetic, like the items", depth: settings.depth)
        var rows: [Row] = []
        func add(_ index: any VectorIndex, _ setting: String, _ build: Double, overhead: Double? = nil) throws {
            let quality = try truth.measure(index)
            rows.append(Row(kind: index.kind, setting: setting, build: build, quality: quality, overhead: overhead))
            observe(rows[rows.count - 1])
        }
        for kind in settings.kinds {
            switch kind {
            case .flat: try add(FlatIndex(vectors), "one user at a time", 0)
            case .hnsw: try measureGraph(add)
            case .ivf, .ivfPQ:
                var parameters = kind == .ivf ? .init() : IVFIndex.Parameters.codes(dimension: settings.dimension)
                parameters.nlist = settings.nlist
                let (index, seconds) = try timed { try IVFIndex(vectors, parameters) }
                for nprobe in settings.nprobe where nprobe <= index.parameters.nlist {
                    try add(index.searching(nprobe: nprobe), "nprobe \(nprobe) of \(index.parameters.nlist)", seconds)
                }
            }
        }
        return rows
    }

    /// Users that the exact index answers in a second when it gets 64 of them at once.
    ///
    /// - Throws: ``IndexError`` in no known case.
    public func flatBatchRate() throws -> Double {
        let count = min(64, users.users)
        let some = try QueryVectors(Array(users.values.prefix(count * users.dimension)), dimension: users.dimension)
        let times = try (0..<5).map { _ in
            try timed { try FlatIndex(vectors).search(some, limit: settings.depth) }.seconds
        }
        return Double(count) / times.sorted()[2]
    }

    private func measureGraph(_ add: (any VectorIndex, String, Double, Double?) throws -> Void) throws {
        var latest: (index: HNSWIndex, seconds: Double)?
        for distance in settings.distances {
            var parameters = settings.hnsw
            parameters.distance = distance
            let (built, seconds) = try timed { try HNSWIndex(vectors, parameters) }
            latest = (built, seconds)
            for efSearch in settings.efSearch {
                let index = try built.searching(efSearch: efSearch)
                let setting = "\(distance.rawValue), efSearch \(efSearch), \(index.instructions)"
                try add(index, setting, seconds, overhead(of: index))
            }
        }
        guard let (built, seconds) = latest else { return }
        guard let efSearch = settings.efSearch.first else { return }
        // The same graph with narrower instructions, through a file.
        let file = FileManager.default.temporaryDirectory.appending(path: "cascade-graph-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: file) }
        try built.writeStructure(to: file)
        for instructions in VectorInstructions.available where instructions != built.instructions {
            let index = try HNSWIndex(vectors, built.parameters, structure: file, instructions: instructions)
            let setting = "\(built.parameters.distance.rawValue), efSearch \(efSearch), \(instructions)"
            try add(index.searching(efSearch: efSearch), setting, seconds, nil)
        }
    }

    /// The share of a search that is not the library's: each user is asked for with and without what is around it, one
    /// right after the other, and the median of these pairs is taken.
    private func overhead(of index: HNSWIndex) throws -> Double {
        var shares: [Double] = []
        try withUnsafeTemporaryAllocation(of: Int64.self, capacity: settings.depth) { items in
            try withUnsafeTemporaryAllocation(of: Float.self, capacity: settings.depth) { scores in
                func library(_ user: QueryVectors) throws -> Double {
                    try timed {
                        try user.values.withUnsafeBufferPointer { values in
                            guard let query = values.baseAddress else { return }
                            _ = try index.ask(
                                .init(
                                    vector: query,
                                    filter: nil,
                                    allowed: vectors.count,
                                    items: items,
                                    scores: scores
                                )
                            )
                        }
                    }.seconds
                }
                func whole(_ user: QueryVectors) throws -> Double {
                    try timed { _ = try index.search(user, limit: settings.depth) }.seconds
                }
                for user in (0..<users.users).map({ users.user($0) }) {
                    // Three of each by turns, of which the first bring into the caches what all of them touch.
                    _ = (try whole(user), try library(user))
                    let (first, second) = (try whole(user), try library(user))
                    let (third, fourth) = (try library(user), try whole(user))
                    shares.append(1 - min(second, third) / min(first, fourth))
                }
            }
        }
        return shares.sorted()[shares.count / 2]
    }

    private func timed<R>(_ body: () throws -> R) rethrows -> (result: R, seconds: Double) {
        let clock = ContinuousClock()
        let start = clock.now
        let result = try body()
        return (result, (clock.now - start) / .seconds(1))
    }
}
