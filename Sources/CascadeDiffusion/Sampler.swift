// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeConfigurations
public import CascadeTorch

/// How a trained x0-predicting denoiser is run from noise to data.
///
/// Chosen at inference; training does not depend on it.
public struct Sampler: Settings, Equatable {
    /// The families.
    public enum Kind: String, Codable, Sendable, CaseIterable {
        /// Ancestral sampling through every step. Source: Ho et al. 2020, algorithm 2; T2Diff eqs 16-17.
        case ddpm
        /// Deterministic, through any subset of the steps. Source: Song et al. 2021, arXiv:2010.02502, eq 12.
        case ddim
        /// DPM-Solver++(2M): deterministic, second order, through any subset of the steps.
        ///
        /// Source: Lu et al. 2022, arXiv:2211.01095, algorithm 2 (reading S1).
        case dpmSolver = "dpm-solver"
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

    /// How a subset of the steps is spread.
    public enum Spacing: String, Codable, Sendable, CaseIterable {
        /// Evenly in the number of the step.
        case uniform
        /// Evenly in the logarithm of the ratio of signal to noise, from step T to step 1 (reading S2).
        case logSNR = "log-snr"
    }

    /// The family.
    public var kind = Kind.ddpm
    /// `ddim`, `dpm-solver`: how many steps of the schedule to visit; 0 means all.
    public var steps = 0
    /// `ddim`, `dpm-solver`: how they are spread.
    public var spacing = Spacing.uniform
    /// `ddpm`: the noise of each step.
    public var noise = ReverseNoise.squareRoot

    /// Ancestral sampling.
    public init() {}

    /// What each setting may be.
    public static var bounds: [Bound<Self>] { [.atLeast(0, \.steps)] }

    /// A sampler of a kind.
    public init(
        _ kind: Kind,
        steps: Int = 0,
        spacing: Spacing = .uniform,
        noise: ReverseNoise = .squareRoot
    ) {
        (self.kind, self.steps, self.spacing, self.noise) = (kind, steps, spacing, noise)
    }

    /// The steps that are visited, from the noisiest down.
    public func visited(of schedule: NoiseSchedule) -> [Int] {
        let all = schedule.steps
        switch kind {
        case .ddpm: return Array((1...all).reversed())
        case .oneStep: return [all]
        case .ddim, .dpmSolver:
            let count = steps > 0 ? min(steps, all) : all
            switch spacing {
            case .uniform: return (0..<count).map { all * (count - $0) / count }
            case .logSNR: return schedule.stepsEvenInLogSNR(count)
            }
        }
    }

    /// Runs the reverse process.
    ///
    /// - Parameters:
    ///   - start: Standard normal noise, the state at step T: `[B, ...]`.
    ///   - schedule: The one that the denoiser was trained with.
    ///   - space: Where states live.
    ///   - noise: Standard normal noise for leaving a step, shaped like `start`; asked for only where it is used.
    ///   - denoise: The denoiser: state and step to an estimate of the clean data.
    /// - Returns: The last estimate of the clean data, shaped like `start`.
    public func sample(
        from start: Tensor,
        _ schedule: NoiseSchedule,
        in space: StateSpace = .euclidean,
        noise: (_ step: Int) throws -> Tensor,
        denoise: (_ state: Tensor, _ step: Int) throws -> Tensor
    ) throws -> Tensor {
        let visited = visited(of: schedule)
        var state = start
        var clean = start
        var previous: (clean: Tensor, logSNR: Double)?
        for (position, r) in visited.enumerated() {
            clean = try denoise(state, r)
            guard position + 1 < visited.count else { break }
            let next = visited[position + 1]
            switch kind {
            case .oneStep: break
            case .ddim: state = try space.moved(state, clean, schedule.jump(from: r, to: next))
            case .dpmSolver:
                let now = schedule.logSNR(r)
                var estimate = clean
                // The first step has nothing to extrapolate from; the last, to step 0, gives the estimate itself.
                if let previous {
                    let ahead = (schedule.logSNR(next) - now) / (now - previous.logSNR)
                    estimate = try clean * (1 + ahead / 2) - previous.clean * (ahead / 2)
                }
                state = try space.moved(state, estimate, schedule.jump(from: r, to: next))
                previous = (clean, now)
            case .ddpm: state = try space.ancestor(state, clean, schedule, leaving: r, self.noise, noise: noise)
            }
        }
        return clean
    }
}
