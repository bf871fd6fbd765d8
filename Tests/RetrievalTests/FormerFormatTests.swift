// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import Foundation
import TestSupport
import Testing

@testable import CascadeRetrieval

/// Index directories of the version before 0.2, whose `index.json` has format 1.
@Suite("Index directories of before 0.2")
struct FormerFormatTests {
    private static func fixture(_ name: String) -> URL {
        Repository.fixtures.appendingPathComponent("before-0.2/serving/\(name)")
    }

    /// `index.json` as it was written.
    private static func document(_ name: String) throws -> [String: Any] {
        let data = try Data(contentsOf: fixture(name).appendingPathComponent("index.json"))
        return try #require(JSONSerialization.jsonObject(with: data) as? [String: Any])
    }

    @Test("each kind opens, searches and keeps its version", arguments: ["exact", "hnsw", "ivf", "ivf-pq"])
    func opens(_ name: String) throws {
        let opened = try IndexDirectory(Self.fixture(name))
        #expect(opened.index.count == 264 && opened.index.dimension == 8 && opened.items.count == 264)
        #expect(opened.index.kind.rawValue == (name == "exact" ? "flat" : name))
        // Rollbacks compare versions, so an old directory keeps the version that it had.
        let fingerprint = try #require(Self.document(name)["fingerprint"] as? String)
        #expect(opened.version == "\(name)-\(fingerprint.prefix(8))")
        let user = opened.index.vectors.rows([7])
        let found = try opened.index.search(user, limit: 10)
        let flat = try FlatIndex(opened.index.vectors).search(user, limit: 10)
        let common = Set(found.map(\.item)).intersection(flat.map(\.item)).count
        #expect(found.count == 10 && common >= (name == "ivf-pq" ? 3 : 8), "\(common)")
    }

    @Test("parameters and quality have today's names")
    func renames() throws {
        let hnsw = try IndexDirectory.describe(Self.fixture("hnsw"))
        #expect(hnsw.hnsw?.m == 4 && hnsw.hnsw?.efConstruction == 20 && hnsw.hnsw?.efSearch == 30)
        #expect(hnsw.hnsw?.distance == .product && hnsw.quality?.userCount == 20)
        let ivf = try IndexDirectory.describe(Self.fixture("ivf"))
        #expect(ivf.ivf?.nlist == 8 && ivf.ivf?.nprobe == 2 && ivf.ivf?.pqBytes == 0)
        let codes = try IndexDirectory.describe(Self.fixture("ivf-pq"))
        #expect(codes.ivf?.pqBytes == 2 && codes.ivf?.nlist == 4)
        let quality = try #require(Self.document("ivf-pq")["index"] as? [String: Any])["quality"] as? [String: Any]
        #expect(codes.quality?.recall == quality?["recall"] as? Double)
        #expect(
            codes.quality?.exactLatency.percentile99 == (quality?["exactLatency"] as? [String: Double])?["percentile99"]
        )
    }

    @Test("a new directory has snake_case keys, with units")
    func keys() throws {
        let (items, draw) = clustered(300)
        let index = try Small.graph.build(items)
        let quality = try IndexQuality.measure(index, QueryVectors(draw(5), dimension: 16), "test")
        let folder = try TemporaryFolder()
        try IndexDirectory.write(
            index,
            items: (0..<300).map { ItemID("\($0)") },
            origin: .init(source: "test"),
            quality: quality,
            to: folder.file("index")
        )
        let text = try IndexDirectory.describe(folder.file("index")).json()
        for key in ["ef_construction", "ef_search", "user_count", "latency_seconds", "exact_latency_seconds", "p99"] {
            #expect(text.contains("\"\(key)\""), "\(key)")
        }
        #expect(text.contains("\"format\" : 2"))
    }

    @Test("a changed description is damage, in both formats")
    func damage() throws {
        let folder = try TemporaryFolder()
        try FileManager.default.copyItem(at: Self.fixture("hnsw"), to: folder.file("index"))
        let file = folder.file("index/index.json")
        let text = try String(contentsOf: file, encoding: .utf8)
        #expect(text.contains("\"links\" : 4"))
        try text.replacing("\"links\" : 4", with: "\"links\" : 5").write(to: file, atomically: true, encoding: .utf8)
        let error = #expect(throws: IndexError.self) { _ = try IndexDirectory(folder.file("index")) }
        #expect(error?.reason == .corrupt)
    }
}
