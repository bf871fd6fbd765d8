// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeSimulation
import Foundation
import TestSupport
import Testing

/// Datasets of the version before 0.2, whose manifests call a simulator a world.
@Suite("Simulated datasets of before 0.2")
struct FormerSimulationTests {
    private func dataset(_ name: String) throws -> Dataset {
        try Dataset(at: Repository.fixtures.appendingPathComponent("before-0.2/serving/\(name)"))
    }

    @Test("lifelong: the parameters are found, and are those of today's simulator")
    func lifelong() throws {
        let old = try dataset("lifelong")
        #expect(try LifelongSimulator(of: old) == LifelongSimulator(items: 30, categories: 5, window: 100))
        var simulator = try Simulator.named("lifelong")
        (simulator.users, simulator.items, simulator.categories, simulator.meanEvents) = (3, 30, 5, 8)
        let folder = try TemporaryFolder()
        let new = try simulator.write(to: folder.file("new"))
        #expect(new.manifest.contentHash == old.manifest.contentHash)
        #expect(new.manifest.provenance["simulator"] == "lifelong")
    }

    @Test("shop: the ideal scores are found")
    func shop() throws {
        let old = try dataset("shop")
        let scores = try ShopSimulator(of: old).idealScores(in: old, requests: 0..<3)
        #expect(!scores.clicks.isEmpty && scores.requests.max() == 2)
    }
}
