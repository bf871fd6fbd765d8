// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// What `index.json` held before format 2, with the names of that time; read, never written.
struct FirstIndexDescription: Codable {
    struct Graph: Codable {
        let links: Int
        let constructionBreadth: Int
        let searchBreadth: Int
        let distance: HNSWIndex.LinkDistance
        let seed: UInt64
        let threads: Int
    }

    struct Lists: Codable {
        let lists: Int
        let probes: Int
        let codeBytes: Int
        let candidates: Int
        let seed: UInt64
        let threads: Int
    }

    struct Latency: Codable {
        let median: Double
        let percentile99: Double
        let mean: Double
    }

    struct Quality: Codable {
        let users: String
        let userCount: Int
        let interests: Int
        let depth: Int
        let recall: Double
        let latency: Latency
        let exactLatency: Latency
        let machine: String
    }

    static let format = 1

    let format: Int
    /// `exact`, which is flat now, or a kind of today.
    let kind: String
    let graph: Graph?
    let inverted: Lists?
    let count: Int
    let dimension: Int
    let vectors: String
    let origin: IndexDescription.Origin
    let quality: Quality?
    let files: [String: IndexDescription.File]

    /// The same with today's names; nil when the kind is unknown.
    var renamed: IndexDescription? {
        guard let kind = kind == "exact" ? .flat : IndexKind(rawValue: kind) else { return nil }
        return IndexDescription(
            format: format,
            kind: kind,
            hnsw: graph.map(HNSWIndex.Parameters.init),
            ivf: inverted.map(IVFIndex.Parameters.init),
            count: count,
            dimension: dimension,
            vectors: vectors,
            origin: origin,
            quality: quality.map(IndexQuality.init),
            files: files
        )
    }
}

extension HNSWIndex.Parameters {
    fileprivate init(_ first: FirstIndexDescription.Graph) {
        self.init()
        m = first.links
        efConstruction = first.constructionBreadth
        efSearch = first.searchBreadth
        distance = first.distance
        seed = first.seed
        threads = first.threads
    }
}

extension IVFIndex.Parameters {
    fileprivate init(_ first: FirstIndexDescription.Lists) {
        self.init()
        nlist = first.lists
        nprobe = first.probes
        pqBytes = first.codeBytes
        candidates = first.candidates
        seed = first.seed
        threads = first.threads
    }
}

extension IndexQuality {
    fileprivate init(_ first: FirstIndexDescription.Quality) {
        self.init(
            users: first.users,
            userCount: first.userCount,
            interests: first.interests,
            depth: first.depth,
            recall: first.recall,
            latency: Latency(first.latency),
            exactLatency: Latency(first.exactLatency),
            machine: first.machine
        )
    }
}

extension IndexQuality.Latency {
    fileprivate init(_ first: FirstIndexDescription.Latency) {
        self.init(median: first.median, percentile99: first.percentile99, mean: first.mean)
    }
}
