// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeTorch
import Foundation
import Testing

@testable import CascadeAnalysis

@Suite("Computations of click analyses")
struct ClickAnalysisTests {
    @Test("mutual information of two yes-or-no variables: none, all, and a hand-made case")
    func information() {
        #expect(mutualInformation([25, 25, 25, 25]) == 0)
        #expect(abs(mutualInformation([50, 0, 0, 50]) - log(2)) < 1e-12)
        #expect(mutualInformation([0, 0, 0, 0]) == 0)
        // P(1, 1) = 0.4, P(0, 0) = 0.4, the others 0.1: 0.8 log 1.6 + 0.2 log 0.4.
        #expect(abs(mutualInformation([4, 1, 1, 4]) - (0.8 * log(1.6) + 0.2 * log(0.4))) < 1e-12)
    }

    @Test("gain of a search: best when it keeps the best in order, less in another order, none without gain")
    func gain() throws {
        let best = [3.0, 2, 1]
        #expect(SearchQuality.normalized(best, best) == 1)
        let reversed = try #require(SearchQuality.normalized([1, 2, 3], best))
        let expected = (1 + 2 / log2(3.0) + 3 / 2) / (3 + 2 / log2(3.0) + 1 / 2.0)
        #expect(abs(reversed - expected) < 1e-12)
        #expect(SearchQuality.normalized([0, 0, 0], best) == 0)
        #expect(SearchQuality.normalized([], best) == 0)
        #expect(SearchQuality.normalized([0], [0.0]) == nil)
    }

    @Test("clusters find groups that lie apart, and tell all about labels that go with them")
    func clusters() throws {
        let generator = try Generator(seed: 1)
        let noise = try Tensor.normal([60, 3], using: generator) * 0.1
        let centers = try Tensor((0..<60).map { Float($0 % 3) * 5 }).unsqueezed(1)
        let found = try Discriminability.cluster(noise + centers, into: 3)
        for (point, cluster) in found.enumerated() { #expect(cluster == found[point % 3]) }
        #expect(Set(found).count == 3)
        let labels = (0..<60).map { $0 % 3 == 0 }
        let entropy = -(log(1.0 / 3) / 3 + 2 * log(2.0 / 3) / 3)
        #expect(abs(Discriminability.mutualInformation(found, labels, 3) - entropy) < 1e-12)
        let unrelated = (0..<60).map { $0 / 3 % 2 == 0 }
        #expect(Discriminability.mutualInformation(found, unrelated, 3) < 1e-12)
    }
}
