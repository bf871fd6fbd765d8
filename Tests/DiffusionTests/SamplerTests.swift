// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Diffusion
import Foundation
import TensorTestSupport
import Testing
import Torch

@Suite("Samplers")
struct SamplerTests {
    let generator: Generator
    init() throws { generator = try Generator(seed: 6) }

    private static let all = [
        Sampler(), Sampler(.ddpm, noise: .literal), Sampler(.ddpm, noise: .none), Sampler(.ddim),
        Sampler(.ddim, steps: 7),
        Sampler(.oneStep),
    ]

    @Test("a perfect denoiser is believed", arguments: all)
    func perfect(_ sampler: Sampler) throws {
        let clean = try Tensor.normal([3, 4], using: generator)
        var visited: [Int] = []
        let found = try sampler.sample(
            from: .normal([3, 4], using: generator),
            NoiseSchedule(.exponential, steps: 20),
            noise: { _ in try .normal([3, 4], using: generator) },
            denoise: { _, r in
                visited.append(r)
                return clean
            }
        )
        try expect(found, equals: clean)
        #expect(visited == sampler.visited(of: NoiseSchedule(.exponential, steps: 20)))
    }

    @Test("the steps that are visited")
    func visited() {
        func steps(_ sampler: Sampler, _ count: Int) -> [Int] {
            sampler.visited(of: NoiseSchedule(.exponential, steps: count))
        }
        #expect(steps(Sampler(), 5) == [5, 4, 3, 2, 1])
        #expect(steps(Sampler(.oneStep), 5) == [5])
        #expect(steps(Sampler(.ddim), 5) == [5, 4, 3, 2, 1])
        #expect(steps(Sampler(.ddim, steps: 3), 5) == [5, 3, 1])
        #expect(steps(Sampler(.ddim, steps: 4), 50) == [50, 37, 25, 12])
        #expect(steps(Sampler(.ddim, steps: 1), 50) == [50])
        #expect(steps(Sampler(.ddim, steps: 99), 5) == [5, 4, 3, 2, 1])
        #expect(steps(Sampler(.ddim, steps: -1), 5) == [5, 4, 3, 2, 1])
        for (all, count) in [(50, 7), (10, 9), (1000, 33), (1, 1)] {
            let visited = steps(Sampler(.ddim, steps: count), all)
            #expect(visited.count == count && visited.first == all)
            #expect(zip(visited, visited.dropFirst()).allSatisfy { $0 > $1 } && visited.allSatisfy { $0 >= 1 })
        }
    }

    @Test("noise is asked for where a step adds some: never at step 1", arguments: all)
    func noise(_ sampler: Sampler) throws {
        var asked: [Int] = []
        _ = try sampler.sample(
            from: .ones([2]),
            NoiseSchedule(.linear, steps: 6),
            noise: { r in
                asked.append(r)
                return try .zeros([2])
            },
            denoise: { state, _ in state }
        )
        #expect(asked == (sampler.kind == .ddpm && sampler.noise != .none ? [6, 5, 4, 3, 2] : []))
    }

    @Test("two steps by hand")
    func byHand() throws {
        let schedule = NoiseSchedule(betas: [0.36, 0.75])  // alpha-bar 0.64, 0.16
        func run(_ sampler: Sampler) throws -> Double {
            try sampler.sample(
                from: Tensor([2] as [Float]),
                schedule,
                noise: { _ in try Tensor([1] as [Float]) },
                denoise: { state, r in r == 2 ? try state * 0.5 : state }
            ).item()
        }
        // From 2 the estimate is 1; the state left for step 1 is then returned.
        let mean = (0.8 * 0.75 * 1 + 0.5 * 0.36 * 2) / 0.84
        let variance = 0.36 / 0.84 * 0.75
        #expect(abs(try run(Sampler(.ddpm, noise: .none)) - mean) < 1e-6)
        #expect(abs(try run(Sampler()) - mean - variance.squareRoot()) < 1e-6)
        #expect(abs(try run(Sampler(.ddpm, noise: .literal)) - mean - variance) < 1e-6)
        let implied = (2 - 0.4 * 1) / 0.84.squareRoot()
        #expect(abs(try run(Sampler(.ddim)) - (0.8 * 1 + 0.6 * implied)) < 1e-6)
        #expect(abs(try run(Sampler(.oneStep)) - 1) < 1e-6)
    }

    /// The best possible denoiser for data from a normal distribution.
    private func optimal(_ schedule: NoiseSchedule, mean: Double, deviation: Double)
        -> (_ state: Tensor, _ r: Int) throws -> Tensor
    {
        let variance = deviation * deviation
        return { state, r in
            let bar = schedule.alphaBars[r]
            let gain = bar.squareRoot() * variance / (bar * variance + 1 - bar)
            return try state * gain + mean * (1 - gain * bar.squareRoot())
        }
    }

    @Test("DDIM follows the probability flow of a normal distribution, the closer the more steps")
    func flow() throws {
        let schedule = NoiseSchedule(.linear, steps: 1000, first: 1e-4, last: 0.02)
        let (mean, deviation) = (1.5, 0.4)
        let start = try Tensor.range(-3..<4, .float32)
        let bar = schedule.alphaBars[1000]
        let spread = (bar * deviation * deviation + 1 - bar).squareRoot()
        let exact = try (start - bar.squareRoot() * mean) * (deviation / spread) + mean
        var errors: [Double] = []
        for steps in [10, 100, 0] {
            let found = try Sampler(.ddim, steps: steps).sample(
                from: start,
                schedule,
                noise: { _ in start },
                denoise: optimal(schedule, mean: mean, deviation: deviation)
            )
            errors.append(try (found - exact).abs().max().item())
        }
        #expect(errors[0] > errors[1] && errors[1] > errors[2])
        #expect(errors[2] < 0.01)
    }

    @Test("ancestral sampling gives the distribution that the denoiser knows")
    func ancestral() throws {
        let schedule = NoiseSchedule(.linear, steps: 500, first: 1e-4, last: 0.04)
        let (mean, deviation) = (-0.7, 0.6)
        func run(_ noise: Sampler.ReverseNoise) throws -> Tensor {
            try Sampler(.ddpm, noise: noise).sample(
                from: .normal([10_000], using: generator),
                schedule,
                noise: { _ in try .normal([10_000], using: generator) },
                denoise: optimal(schedule, mean: mean, deviation: deviation)
            )
        }
        let drawn = try run(.squareRoot)
        // 10,000 draws: standard errors 0.006 and 0.7 % of the deviation; the rest is the error of 500 steps.
        #expect(abs(try drawn.mean().item() - mean) < 0.03)
        #expect(abs(try drawn.deviation().item() / deviation - 1) < 0.04)
        let (literal, none) = (try run(.literal), try run(.none))
        #expect(abs(try literal.mean().item() - mean) < 0.03)
        #expect(
            try literal.deviation().item() < 0.5 * deviation && none.deviation().item() < literal.deviation().item()
        )
    }

    @Test("survives a configuration file", arguments: all)
    func codable(_ sampler: Sampler) throws {
        let data = try JSONEncoder().encode(sampler)
        #expect(try JSONDecoder().decode(Sampler.self, from: data) == sampler)
    }
}
