// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeSimulation
import TestSupport
import Testing

@Suite("Snippet: CascadeSimulation")
struct CascadeSimulationSnippet {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    @Test("Simulates users and asks for the law behind their events")
    func shows() throws {
        let url = folder.file("lifelong")
        // snippet.show
        var simulator = try Simulator.named("lifelong")
        simulator.users = 20
        simulator.items = 40
        simulator.categories = 8
        simulator.meanEvents = 20
        let dataset = try simulator.write(to: url)

        // The law is known: how much an earlier event adds to the score of a candidate.
        let law = try LifelongSimulator(of: dataset)
        let near = law.relevance(behaviorCategory: 3, position: 1, targetCategory: 3)
        let far = law.relevance(behaviorCategory: 3, position: 20, targetCategory: 3)
        // snippet.hide
        #expect(dataset.userCount == 20)
        #expect(law.itemCount == 40 && law.categoryCount == 8)
        #expect(near > far && far > 0)
    }
}
