// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDiffusion
import CascadeTensorFiles
import CascadeTorch
import Foundation
import TensorTestSupport
import Testing

@Suite("Noise schedules")
struct NoiseScheduleTests {
    @Test("equal the reference, step by step", arguments: NoiseSchedule.Kind.allCases, [10, 50])
    func goldens(_ kind: NoiseSchedule.Kind, _ steps: Int) throws {
        let file = try fixture("diffusion")
        func golden(_ name: String) throws -> [Double] {
            try file.array("\(kind.rawValue).\(steps).\(name)", as: Double.self)
        }
        let schedule = NoiseSchedule(kind, steps: steps)
        let all = Array(1...steps)
        #expect(schedule.steps == steps)
        // Relative to the value, which may be small.
        for (mine, theirs) in zip(schedule.betas, try golden("beta")) { #expect(abs(mine / theirs - 1) < 1e-12) }
        for (mine, theirs) in zip(schedule.alphaBars, try golden("alphaBar")) {
            #expect(abs(mine / theirs - 1) < 1e-12)
        }
        #expect(schedule.alphaBars.count == steps + 1)
        // 1 - alpha-bar of the first step cancels four digits.
        try expect(all.map(schedule.posteriorStart), equal: golden("posteriorClean"), within: 2e-12)
        try expect(all.map(schedule.posteriorNoisy), equal: golden("posteriorNoisy"), within: 2e-12)
        try expect(all.map(schedule.posteriorVariance), equal: golden("posteriorVariance"), within: 2e-12)
    }

    @Test("alpha-bar falls from exactly 1, for every kind and length", arguments: NoiseSchedule.Kind.allCases)
    func monotone(_ kind: NoiseSchedule.Kind) {
        for steps in [1, 2, 5, 20, 21, 50, 100, 1000] {
            let schedule = NoiseSchedule(kind, steps: steps)
            #expect(schedule.betas.count == steps)
            #expect(schedule.alphaBars[0] == 1)
            for r in 1...steps {
                #expect(schedule.alphaBars[r] < schedule.alphaBars[r - 1] && schedule.alphaBars[r] > 0)
            }
        }
    }

    @Test("the ends are the betas asked for", arguments: [NoiseSchedule.Kind.exponential, .linear, .logarithmic])
    func ends(_ kind: NoiseSchedule.Kind) {
        let schedule = NoiseSchedule(kind, steps: 30, first: 2e-3, last: 0.4)
        #expect(abs(schedule.betas[0] / 2e-3 - 1) < 1e-12)
        #expect(abs(schedule.betas[29] / 0.4 - 1) < 1e-12)
    }

    @Test(
        "betas meant for another number of steps end with as little signal",
        arguments: [NoiseSchedule.Kind.exponential, .linear, .logarithmic]
    )
    func scaled(_ kind: NoiseSchedule.Kind) {
        func schedule(_ steps: Int, _ reference: Int) -> NoiseSchedule {
            NoiseSchedule(kind, steps: steps, first: 0.02, last: 0.4, reference: reference)
        }
        let reference = schedule(50, 50)
        #expect(reference == schedule(50, 0) && reference.terminalAlphaBar < 0.01)
        #expect(schedule(10, 0).terminalAlphaBar > 0.03)
        for steps in [1, 2, 10, 49, 51, 200, 1000] {
            let found = schedule(steps, 50)
            #expect(found.betas.allSatisfy { $0 > 0 && $0 < 1 } && found.terminalAlphaBar < 0.01)
            // The mean exponent of all steps; the first and the last weigh more in a short schedule than in a long one.
            guard steps >= 10 else { continue }
            #expect(abs(log(found.terminalAlphaBar) / log(reference.terminalAlphaBar) - 1) < (steps < 40 ? 1 : 0.2))
        }
        // Twice the steps: each keeps the root of what it kept.
        let (one, two) = (schedule(1, 1), schedule(1, 2))
        #expect(abs((1 - one.betas[0]) * (1 - one.betas[0]) / (1 - two.betas[0]) - 1) < 1e-12)
    }

    @Test("the posterior of step 1 is the clean data, without variance", arguments: NoiseSchedule.Kind.allCases)
    func firstStep(_ kind: NoiseSchedule.Kind) {
        let schedule = NoiseSchedule(kind, steps: 50)
        #expect(abs(schedule.posteriorStart(1) - 1) < 1e-11)
        #expect(schedule.posteriorNoisy(1) == 0)
        #expect(schedule.posteriorVariance(1) == 0)
    }

    @Test(
        "posterior, and one forward step, give the marginal of the step before",
        arguments: NoiseSchedule.Kind.allCases
    )
    func consistency(_ kind: NoiseSchedule.Kind) {
        let schedule = NoiseSchedule(kind, steps: 50)
        for r in 1...50 {
            let (bar, before) = (schedule.alphaBars[r], schedule.alphaBars[r - 1])
            let (start, noisy) = (schedule.posteriorStart(r), schedule.posteriorNoisy(r))
            #expect(abs(start + noisy * bar.squareRoot() - before.squareRoot()) < 1e-11)
            #expect(abs(noisy * noisy * (1 - bar) + schedule.posteriorVariance(r) - (1 - before)) < 1e-11)
            #expect(schedule.posteriorVariance(r) <= schedule.betas[r - 1])
        }
    }

    @Test("hand-made betas")
    func handMade() throws {
        let schedule = NoiseSchedule(betas: [0.5, 0.2])
        try expect(schedule.alphaBars, equal: [1, 0.5, 0.4], within: 1e-15)
        #expect(schedule == NoiseSchedule(betas: [0.5, 0.2]))
        #expect(abs(schedule.posteriorStart(2) - 0.5.squareRoot() * 0.2 / 0.6) < 1e-15)
        #expect(abs(schedule.posteriorNoisy(2) - 0.8.squareRoot() * 0.5 / 0.6) < 1e-15)
        #expect(abs(schedule.posteriorVariance(2) - 0.5 / 0.6 * 0.2) < 1e-15)
    }
}

@Suite("Adding noise")
struct NoisingTests {
    let schedule = NoiseSchedule(.exponential, steps: 50)

    @Test("a step's noise in one go, and the way back, equal the reference")
    func golden() throws {
        let file = try fixture("diffusion")
        let (clean, noise) = (try file.tensor("process.clean"), try file.tensor("process.noise"))
        let noised = try schedule.noised(clean, steps: file.tensor("process.t").to(.int64), noise: noise)
        try expect(noised, equals: file.tensor("process.noised"), within: 1e-6)
        let mean =
            try file.tensor("process.estimate").selected(0, 1) * schedule.posteriorStart(37)
            + noised.selected(0, 1) * schedule.posteriorNoisy(37)
        try expect(mean, equals: file.tensor("process.posteriorMean37"), within: 1e-6)
    }

    @Test("every row gets the noise of its own step, whatever its rank")
    func rows() throws {
        let (clean, noise) = (try Tensor.full([3, 2], 2), try Tensor.full([3, 2], 1))
        let noised = try schedule.noised(clean, steps: Tensor([1, 20, 50] as [Int64]), noise: noise).doubles()
        let expected = [1, 20, 50].flatMap { r in
            let bar = schedule.alphaBars[r]
            return Array(repeating: 2 * bar.squareRoot() + (1 - bar).squareRoot(), count: 2)
        }
        try expect(noised, equal: expected, within: 1e-6)
        #expect(try schedule.noised(.ones([2]), steps: Tensor([1, 2] as [Int64]), noise: .ones([2])).shape == [2])
        #expect(throws: TorchError.self) {
            try schedule.noised(clean, steps: Tensor([1, 2, 51] as [Int64]), noise: noise)
        }
    }

    @Test("what was constant becomes normal around the shrunken value", arguments: [1, 30, 50])
    func statistics(_ r: Int) throws {
        let clean = try Tensor.full([200, 100], 3)
        let noise = try Tensor.normal([200, 100], using: Generator(seed: 1))
        let noised = try schedule.noised(clean, steps: .full([200], Double(r), .int64), noise: noise)
        let bar = schedule.alphaBars[r]
        // 20,000 draws: five standard errors.
        #expect(abs(try noised.mean().item() - 3 * bar.squareRoot()) < 5 * ((1 - bar) / 20_000).squareRoot())
        #expect(abs(try noised.variance().item() / (1 - bar) - 1) < 5 * 0.01)
    }
}
