// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeConfigurations
import CascadeFunnel
import Testing

@Suite("Snippet: CascadeFunnel")
struct CascadeFunnelSnippet {
    @Test("Reads and validates the configuration of a funnel")
    func shows() throws {
        // snippet.show
        let file: JSONValue = [
            "slots": ["finder": ["kind": "retriever", "path": "runs/sasrec"]],
            "recommendation": [
                "sources": [["slot": "finder", "quota": 200], ["builtin": "recent-popular"]],
                "rerank": ["diversity": ["weight": 0.02]],
            ],
        ]
        var configuration = try FunnelConfiguration(file)

        // The best 50 candidates by the model in the slot go on.
        configuration.recommendation.rank = FunnelPlan.RankingStage(slot: "finder", keep: 50)
        try configuration.validate()
        // snippet.hide
        #expect(configuration.slots["finder"]?.kind == .retriever)
        #expect(configuration.recommendation.sources.map(\.quota) == [200, 300])
        #expect(configuration.recommendation.rerank.diversityWeight == 0.02)
        configuration.recommendation.rank?.slot = "nobody"
        #expect(throws: ConfigurationError.self) { try configuration.validate() }
    }
}
