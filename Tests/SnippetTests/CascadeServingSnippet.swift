// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeServing
import CascadeTorch
import Testing

@Suite("Snippet: CascadeServing")
struct CascadeServingSnippet {
    @Test("Answers concurrent requests in batches")
    func shows() async throws {
        // snippet.show
        let batching = Batching(maxBatchSize: 32, maxBatchDelay: .milliseconds(2))
        let engine = InferenceEngine<[Float], Float>("norm", batching) { inputs in
            // One pass over all requests that wait; it runs on a thread of the engine.
            let norms = try Tensor(inputs.flatMap { $0 }, shape: [inputs.count, 2]).norm(1).floats()
            return norms.map { .success($0) }
        }

        async let first = engine.predict([3, 4])
        async let second = engine.predict([6, 8])
        let answers = try await [first, second]
        await engine.stop()
        // snippet.hide
        #expect(zip(answers, [Float(5), 10]).allSatisfy { abs($0 - $1) < 1e-5 })
        await #expect(throws: EngineError.self) { try await engine.predict([0, 0]) }
    }
}
