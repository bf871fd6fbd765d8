// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDiffusion
import CascadeTorch
import Testing

@Suite("Snippet: CascadeDiffusion")
struct CascadeDiffusionSnippet {
    @Test("Adds noise by a schedule and takes it away by a sampler")
    func shows() throws {
        // snippet.show
        let schedule = NoiseSchedule(.cosine, steps: 50)
        let generator = try Generator(seed: 1)
        let clean = try Tensor.normal([4, 8], using: generator)
        let noise = try Tensor.normal([4, 8], using: generator)
        let noisy = try schedule.noised(clean, steps: .full([4], 25, .int64), noise: noise)

        // A trained model takes the place of `denoise`, which estimates the clean data.
        let sampled = try Sampler(.ddim, steps: 5).sample(
            from: noise,
            schedule,
            noise: { _ in noise },
            denoise: { _, _ in clean }
        )
        // snippet.hide
        let (signal, spread) = (schedule.alphaBars[25].squareRoot(), (1 - schedule.alphaBars[25]).squareRoot())
        let expected = try clean * signal + noise * spread
        #expect(try (noisy - expected).abs().max().item() < 1e-5)
        #expect(try (sampled - clean).abs().max().item() == 0)
    }
}
