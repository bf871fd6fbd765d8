// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeTorch
import TensorTestSupport
import Testing

@testable import CascadeRecommenders

@Suite("What is kept of a history")
struct HistoryRetrievalTests {
    @Test("scores order first, places only among equal ones, whatever the scores' size")
    func order() throws {
        for size: Float in [0, 1e-38, 1e-7, 0.01, 1, 1e3, 1e8] {
            for sign: Float in [1, -1] {
                let score = sign * size
                // The oldest has the next larger number, the others tie.
                let scores = [score.nextUp] + [Float](repeating: score, count: 4) + [score.nextDown]
                for oldest: Float in [6, 200, 100_000] {
                    let recency = [-oldest, -oldest + 1, -4, -3, -2, -1]
                    let found = try AttentionRetrieval.ordered(
                        Tensor(scores, shape: [1, 1, 6]),
                        Tensor(recency, shape: [1, 1, 6])
                    )
                    #expect(
                        try found.reshaped(-1).top(6).indices.integers() == [0, 4, 3, 2, 1, 5],
                        "\(score), \(oldest)"
                    )
                }
            }
        }
    }
}
