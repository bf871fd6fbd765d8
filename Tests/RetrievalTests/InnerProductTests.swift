// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CIndex
import CascadeRetrieval
import Testing

@Suite("Inner products by vector instructions")
struct InnerProductTests {
    @Test("every version agrees with the definition at every length", arguments: VectorInstructions.available)
    func agrees(_ instructions: VectorInstructions) {
        for dimension in 1...140 {
            let a = coarseVectors(1, dimension, seed: UInt64(dimension))
            let b = coarseVectors(1, dimension, seed: UInt64(dimension + 1000))
            let truth = zip(a, b).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
            // The numbers are multiples of 1/4, so that float32 holds every sum exactly.
            #expect(Double(ci_dot(a, b, Int64(dimension), Int32(instructions.rawValue))) == truth)
        }
    }
}
