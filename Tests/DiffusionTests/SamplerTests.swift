// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDiffusion
import CascadeTorch
import Foundation
import TensorTestSupport
import Testing

@Suite("Samplers")
struct SamplerTests {
    let generator: Generator
    init() throws { generator = try Generator(seed: 6) }

    private static let all = [
        Sampler(), Sampler(.ddpm, noise: .literal), Sampler(.ddpm, noise: .none), Sampler(.ddim),
        Sampler(.ddim, steps: 7),
        Sampler(.oneStep), Sampler(.dpmSolver), Sampler(.dpmSolver, steps: 7),
        Sampler(.dpmSolver, steps: 5, spacing: .logSNR), Sampler(.ddim, steps: 4, spacing: .logSNR),
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

    /// The signal-to-noise ratio falls evenly, so that equal parts of it lie on whole steps.
    private static let even: NoiseSchedule = {
        let bars = [1] + (0...640).map { 1 / (1 + exp(-2 * (3 - 6 * Double($0) / 640))) }
        return NoiseSchedule(betas: zip(bars, bars.dropFirst()).map { 1 - $1 / $0 })
    }()

    @Test("the error falls with the square of the steps for the solver of second order, with the steps for DDIM")
    func order() throws {
        let (schedule, mean, deviation) = (Self.even, 1.5, 0.4)
        let start = try Tensor.range(-3..<4, .float32).to(.float64)
        func spread(_ r: Int) -> Double {
            (schedule.alphaBars[r] * deviation * deviation + 1 - schedule.alphaBars[r]).squareRoot()
        }
        let denoise = optimal(schedule, mean: mean, deviation: deviation)
        let scale = spread(1) / spread(641)
        let state = try (start - schedule.alphaBars[641].squareRoot() * mean) * scale
        let exact = try denoise(state + schedule.alphaBars[1].squareRoot() * mean, 1)
        func errors(_ kind: Sampler.Kind) throws -> [Double] {
            try [21, 41, 81, 161].map { steps in
                let sampler = Sampler(kind, steps: steps, spacing: .logSNR)
                let found = try sampler.sample(from: start, schedule, noise: { _ in start }, denoise: denoise)
                return try (found - exact).abs().max().item()
            }
        }
        func ratios(_ errors: [Double]) -> [Double] { zip(errors, errors.dropFirst()).map { $0 / $1 } }
        let (first, second) = (try errors(.ddim), try errors(.dpmSolver))
        #expect(ratios(first).allSatisfy { (1.9...2.1).contains($0) }, "\(ratios(first))")
        #expect(ratios(second).allSatisfy { (3.6...4.2).contains($0) }, "\(ratios(second))")
        #expect(zip(first, second).allSatisfy { $0 > 3 * $1 })
    }

    @Test("evenly in the logarithm of signal to noise")
    func spacing() {
        #expect(
            Sampler(.dpmSolver, steps: 6, spacing: .logSNR).visited(of: Self.even) == [641, 513, 385, 257, 129, 1]
        )
        for (all, count) in [(50, 7), (10, 9), (10, 10), (1000, 33), (50, 2), (50, 1), (1, 1)] {
            let visited = Sampler(.ddim, steps: count, spacing: .logSNR)
                .visited(of: NoiseSchedule(.exponential, steps: all))
            #expect(visited.count == count && visited.first == all && (count == 1 || visited.last == 1))
            #expect(zip(visited, visited.dropFirst()).allSatisfy { $0 > $1 })
        }
    }

    /// An estimate that no linear rule would give.
    private func bent(_ state: Double, _ r: Int) -> Double { sin(state) + 0.1 * Double(r) }

    @Test(
        "the second-order solver agrees with a naive one in double precision, projections included",
        arguments: [(Sampler.Spacing.uniform, 1), (.uniform, 4), (.uniform, 20), (.logSNR, 5), (.logSNR, 20)]
    )
    func naive(_ spacing: Sampler.Spacing, _ steps: Int) throws {
        let schedule = NoiseSchedule(.exponential, steps: 20, first: 0.01, last: 0.4)
        let sampler = Sampler(.dpmSolver, steps: steps, spacing: spacing)
        let starts = [-2.0, 0.3, 1.7]
        let (alpha, sigma) = (
            schedule.alphaBars.map { $0.squareRoot() }, schedule.alphaBars.map { (1 - $0).squareRoot() }
        )
        let t = sampler.visited(of: schedule)
        let expected = starts.map { start -> Double in
            func lambda(_ r: Int) -> Double { log(alpha[r] / sigma[r]) }
            var (x, estimates) = (start, [Double]())
            for i in t.indices {
                estimates.append(bent(x, t[i]))
                guard i + 1 < t.count else { break }
                let h = lambda(t[i + 1]) - lambda(t[i])
                var d = estimates[i]
                if i > 0 {
                    let r = (lambda(t[i]) - lambda(t[i - 1])) / h
                    d = (1 + 1 / (2 * r)) * estimates[i] - 1 / (2 * r) * estimates[i - 1]
                }
                x = sigma[t[i + 1]] / sigma[t[i]] * x - alpha[t[i + 1]] * (exp(-h) - 1) * d
            }
            return estimates[t.count - 1]
        }
        let found = try sampler.sample(
            from: Tensor(starts, shape: [3]),
            schedule,
            noise: { _ in try .zeros([3]) },
            denoise: { state, r in try Tensor(state.doubles().map { bent($0, r) }, shape: [3]) }
        )
        try expect(found, expected, within: 1e-9)
    }

    @Test("with at most two steps the solver is DDIM; with three it is not", arguments: [1, 2, 3])
    func fewSteps(_ steps: Int) throws {
        let schedule = NoiseSchedule(.exponential, steps: 20)
        func run(_ kind: Sampler.Kind) throws -> Tensor {
            try Sampler(kind, steps: steps).sample(
                from: .range(-3..<4, .float32),
                schedule,
                noise: { _ in try .zeros([7]) },
                denoise: { state, _ in try state.sin() }
            )
        }
        let difference = try (run(.dpmSolver) - run(.ddim)).abs().max().item()
        #expect(steps < 3 ? difference == 0 : difference > 1e-3)
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
