// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeRetrieval
import Testing

@Suite("Snippet: CascadeRetrieval")
struct CascadeRetrievalSnippet {
    @Test("Searches a graph of item vectors with a filter")
    func shows() throws {
        // snippet.show
        // 500 items of 16 features each.
        var random = SplitMix64(seed: 1)
        let values = (0..<500 * 16).map { _ in Float.random(in: -1...1, using: &random) }
        let vectors = try ItemVectors(values, dimension: 16)
        let index = try HNSWIndex(vectors)

        // The first 100 items may not be found.
        let filter = ItemFilter(excluding: (0..<100).map { ItemIndex($0) }, of: vectors.count)
        let user = vectors.rows([7])
        let matches = try index.search(user, limit: 10, allowing: filter)
        // snippet.hide
        let exact = try FlatIndex(vectors).search(user, limit: 10, allowing: filter)
        #expect(matches.map(\.item) == exact.map(\.item))
        #expect(matches.count == 10 && matches.allSatisfy { $0.item.rawValue >= 100 })
    }
}
