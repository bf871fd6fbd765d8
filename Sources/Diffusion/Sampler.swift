// Part of Cascade. SPDX-License-Identifier: Apache-2.0
public import Torch

/// How a trained x0-predicting denoiser is run from noise to data.
///
/// Chosen at inference; training does not depend on it.
public struct Sampler: Codable, Sendable, Equatable {
    /// The families.
    public enum Kind: String, Codable, Sendable, CaseIterable {
        /// Ancestral sampling through every step. Source: Ho et al. 2020, algorithm 2; T2Diff eqs 16-17.
        case ddpm
        /// Deterministic, through any subset of the steps. Source: Song et al. 2021, arXiv:2010.02502, eq 12.
        case ddim
        /// The denoiser's answer to pure noise.
        case oneStep = "one-step"
    }

    /// How much noise an ancestral step adds.
    public enum ReverseNoise: String, Codable, Sendable, CaseIterable {
        /// The posterior's standard deviation (reading T6).
        case squareRoot = "square-root"
        /// The posterior's variance, as T2Diff's eq 17 is printed.
        case literal
        /// None: the mean.
        case none
    }

    /// The family.
    public var kind = Kind.ddpm
    /// `ddim`: how many steps of the schedule to visit, spread evenly; 0 means all.
    public var steps = 0
    /// `ddpm`: the noise of each step.
    public var noise = ReverseNoise.squareRoot

    /// Ancestral sampling.
    public init() {}

    /// A sampler of a kind.
    public init(_ kind: Kind, steps: Int = 0, noise: ReverseNoise = .squareRoot) {
        (self.kind, self.steps, self.noise) = (kind, steps, noise)
    }

    /// The steps that are visited, from the noisiest down.
    public func visited(of schedule: NoiseSchedule) -> [Int] {
        let all = schedule.steps
        switch kind {
        case .ddpm: return Array((1...all).reversed())
        case .oneStep: return [all]
        case .ddim:
            let count = steps > 0 ? min(steps, all) : all
            return (0..<count).map { all * (count - $0) / count }
        }
    }

    /// Runs the reverse process.
    ///
    /// - Parameters:
    ///   - start: Standard normal noise, the state at step T: `[B, ...]`.
    ///   - schedule: The one that the denoiser was trained with.
    ///   - project: Brings a state between two steps back to where states live; leaves it alone by default.
    ///   - noise: Standard normal noise for leaving a step, shaped like `start`; asked for only where it is used.
    ///   - denoise: The denoiser: state and step to an estimate of the clean data.
    /// - Returns: The last estimate of the clean data, shaped like `start`.
    public func sample(
        from start: Tensor,
        _ schedule: NoiseSchedule,
        project: (_ state: Tensor) throws -> Tensor = { $0 },
        noise: (_ step: Int) throws -> Tensor,
        denoise: (_ state: Tensor, _ step: Int) throws -> Tensor
    ) throws -> Tensor {
        let visited = visited(of: schedule)
        var state = start
        var clean = start
        for (position, r) in visited.enumerated() {
            clean = try denoise(state, r)
            guard position + 1 < visited.count else { break }
            switch kind {
            case .oneStep: break
            case .ddim:
                let next = visited[position + 1]
                let (bar, after) = (schedule.alphaBars[r], schedule.alphaBars[next])
                // The noise that the estimate implies, scaled down to the next step's level.
                let ratio = ((1 - after) / (1 - bar)).squareRoot()
                state = try state * ratio + clean * (after.squareRoot() - ratio * bar.squareRoot())
            case .ddpm:
                state = try clean * schedule.posteriorStart(r) + state * schedule.posteriorNoisy(r)
                let variance = schedule.posteriorVariance(r)
                switch self.noise {
                case .none: break
                case .literal: state = try state + noise(r) * variance
                case .squareRoot: state = try state + noise(r) * variance.squareRoot()
                }
            }
            state = try project(state)
        }
        return clean
    }
}
