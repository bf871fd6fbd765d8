// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

@Suite("Data for click models")
struct DataTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    @Test("a world with long histories says how well the best model could do")
    func lifelong() async throws {
        let data = folder.path("lifelong")
        let arguments = ["--users", "60", "--items", "400", "--categories", "8", "--mean-events", "40"]
        let made = try await cascade(["data", "simulate", "--world", "lifelong", "--to", data] + arguments)
        #expect(made.output.contains("60 users"))
        let area = try #require(made.output.firstMatch(of: #/by popularity is (0\.\d{4})\./#)?.1)
        #expect((0.6..<1).contains(try #require(Double(area))))
        let summary = try await cascade(["data", "describe", data, "--json"]).document()
        let features = try #require(summary["features"] as? [[String: Any]])
        #expect(features.map { $0["name"] as? String } == ["category"])
        #expect(features.first?["values"] as? Int == 8 && features.first?["coverage"] as? Double == 1)
        let refused = try await cascade(
            [
                "data", "simulate", "--world", "lifelong", "--to", folder.path("no"), "--items", "20", "--categories",
                "21",
            ],
            status: 65
        )
        #expect(refused.errors.contains("categories is 21, expected 1 to 20") && !folder.holds("no"))
    }
}
