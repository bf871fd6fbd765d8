// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeConfigurations
import CascadeLoop
import Foundation
import Testing

@Suite("Snippet: CascadeLoop")
struct CascadeLoopSnippet {
    @Test("Reads the configuration of a loop")
    func shows() throws {
        // snippet.show
        let file: JSONValue = [
            "service": "serve.yaml",
            "every_hours": 24,
            "data": ["since_days": 90, "holdout_hours": 24],
            "models": ["finder": ["model": "sasrec", "budget": "600cpu-s", "index": "hnsw"]],
        ]
        let loop = try LoopConfiguration(file, relativeTo: URL(filePath: "/srv/shop/"))

        // A round trains each of these slots; LoopRunner does the rounds.
        let slots = loop.models.map(\.slot)
        // snippet.hide
        #expect(slots == ["finder"] && loop.service.path == "/srv/shop/serve.yaml" && loop.keepRounds == 3)
    }
}
