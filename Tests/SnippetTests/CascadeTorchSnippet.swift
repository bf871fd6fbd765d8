// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeTorch
import Testing

@Suite("Snippet: CascadeTorch")
struct CascadeTorchSnippet {
    @Test("Makes tensors, multiplies them and differentiates")
    func shows() throws {
        // snippet.show
        let x = try Tensor([Float(1), 2, 3, 4], shape: [2, 2])
        let weight = try Tensor.normal([2, 1], using: Generator(seed: 1))
        try weight.setRequiresGradient(true)

        let loss = try x.matmul(weight).square().mean()
        try loss.backward()
        let value = try loss.item()
        let gradient = try weight.gradient()
        // snippet.hide
        let found = try #require(gradient)
        let expected = try x.transposed().matmul(x.matmul(weight.detached()))
        #expect(value > 0 && found.shape == [2, 1])
        #expect(try (found - expected).abs().max().item() < 1e-3)
    }
}
