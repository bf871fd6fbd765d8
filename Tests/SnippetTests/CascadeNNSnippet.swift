// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeNN
import CascadeTorch
import Testing

@Suite("Snippet: CascadeNN")
struct CascadeNNSnippet {
    @Test("Trains a module with an optimizer")
    func shows() throws {
        let x = try Tensor([Float(0), 1, 1, 0, 1, 1, 0, 0], shape: [4, 2])
        let y = try Tensor([Float(-2), 1, -1, 0], shape: [4, 1])
        let generator = try Generator(seed: 1)
        // snippet.show
        struct Network: Module {
            let hidden: Linear
            let output: Linear

            func callAsFunction(_ x: Tensor) throws -> Tensor { try output(hidden(x).relu()) }
        }

        let network = try Network(hidden: Linear(2, 16, using: generator), output: Linear(16, 1, using: generator))
        let optimizer = try OptimizerSettings().make(network.parameters())
        for _ in 0..<200 {
            try optimizer.clearGradients()
            try (network(x) - y).square().mean().backward()
            try optimizer.step(rate: 0.02)
        }
        // snippet.hide
        let names = try network.parameters().map(\.name)
        #expect(names == ["hidden.weight", "hidden.bias", "output.weight", "output.bias"])
        #expect(try (network(x) - y).square().mean().item() < 0.1)
    }
}
