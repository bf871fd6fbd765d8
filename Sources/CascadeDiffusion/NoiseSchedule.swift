// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeTorch
import Foundation

/// How much noise every step of a diffusion adds, and all coefficients that follow from it, in double precision.
///
/// Steps count from 1 to T; step 0 is the clean data, with alpha-bar exactly 1.
///
/// - Source: Ho et al. 2020, arXiv:2006.11239, section 2; T2Diff eqs 1-6.
public struct NoiseSchedule: Sendable, Equatable {
    /// The published shapes of beta over the steps.
    public enum Kind: String, Codable, Sendable, CaseIterable {
        /// `a exp(b r)`. Source: T2Diff eq 13.
        case exponential
        /// Evenly spaced from the first to the last beta. Source: Ho et al. 2020, section 4.
        case linear
        /// Rising with the logarithm of the step. Source: T2Diff, table 3 (its constants are not printed).
        case logarithmic
        /// `alpha-bar = cos^2`. Source: Nichol & Dhariwal 2021, arXiv:2102.09672, eq 17.
        case cosine
        /// DiffuRec's "truncated linear": the 1000-step linear schedule compressed into T steps, ends near 1.
        case truncatedLinear
        /// DreamRec's "exponential": a discretized variance-preserving process.
        case variancePreserving
    }

    /// beta of step r at position r - 1; each in `0..<1`.
    public let betas: [Double]
    /// alpha-bar of step r at position r, from 1 at position 0.
    public let alphaBars: [Double]

    /// alpha-bar of step T: how much of the clean data's variance is left where the reverse process begins.
    public var terminalAlphaBar: Double { alphaBars[steps] }
    /// The largest ``terminalAlphaBar`` that a reverse process from pure noise can ignore.
    public static let largestIgnoredAlphaBar = 0.01

    /// Number of steps, T.
    public var steps: Int { betas.count }

    /// Builds a schedule from its betas.
    ///
    /// - Precondition: at least one beta, each above 0 and below 1.
    public init(betas: [Double]) {
        precondition(!betas.isEmpty && betas.allSatisfy { $0 > 0 && $0 < 1 }, "betas must lie between 0 and 1")
        self.betas = betas
        alphaBars = betas.reduce(into: [1]) { bars, beta in bars.append((bars.last ?? 1) * (1 - beta)) }
    }

    /// Builds a published schedule.
    ///
    /// - Parameters:
    ///   - kind: Its shape.
    ///   - steps: T.
    ///   - first: beta of step 1; used by `exponential`, `linear` and `logarithmic`.
    ///   - last: beta of step T; used by the same.
    ///   - reference: The number of steps that these betas are meant for; with another T every step keeps the signal that
    ///     `reference / T` of those steps keep, so that alpha-bar ends at nearly the same value. 0: they are meant for T.
    public init(_ kind: Kind, steps: Int, first: Double = 1e-4, last: Double = 0.2, reference: Int = 0) {
        precondition(steps >= 1, "a diffusion needs at least one step")
        precondition(reference >= 0, "a number of steps is not negative")
        let count = Double(steps)
        /// Position of step r between the first (0) and the last (1).
        func share(_ r: Int) -> Double { steps == 1 ? 1 : Double(r - 1) / (count - 1) }
        /// The same noise in T steps as in the reference's number.
        func scaled(_ beta: Double) -> Double {
            reference == 0 || reference == steps ? beta : 1 - pow(1 - beta, Double(reference) / count)
        }
        let betas = (1...steps).map { r -> Double in
            switch kind {
            case .exponential: return scaled(first * exp(log(last / first) * share(r)))
            case .linear: return scaled(first + (last - first) * share(r))
            case .logarithmic: return scaled(first + (last - first) * (steps == 1 ? 1 : log(Double(r)) / log(count)))
            case .cosine:
                func bar(_ t: Double) -> Double { pow(cos((t / count + 0.008) / 1.008 * .pi / 2), 2) }
                return min(max(1 - bar(Double(r)) / bar(Double(r - 1)), 1e-4), 0.9999)
            case .truncatedLinear:
                let scale = 1000 / count
                let low = scale * 1e-4 + 0.01
                let high = scale * 0.02 + 0.01
                let end = high > 1 ? scale * 0.001 + 0.01 : high
                return min(low + (end - low) * share(r), 0.9999)  // above 1 only for T = 1
            case .variancePreserving:
                // beta_min 0.1, beta_max 10, x spaced evenly from 1 to 2T + 1.
                let x = 1 + 2 * count * share(r)
                return 1 - exp(-0.1 / count - x * 0.5 * (10 - 0.1) / (count * count))
            }
        }
        self.init(betas: betas)
    }

    /// Coefficient of the clean data in the mean of `q(x_{r-1} | x_r, x_0)`.
    ///
    /// - Source: T2Diff eq 5, DimeRec eq 8.
    public func posteriorStart(_ r: Int) -> Double {
        alphaBars[r - 1].squareRoot() * betas[r - 1] / (1 - alphaBars[r])
    }

    /// Coefficient of the noisy data in the mean of `q(x_{r-1} | x_r, x_0)`.
    ///
    /// - Source: T2Diff eq 5, DimeRec eq 8.
    public func posteriorNoisy(_ r: Int) -> Double {
        (1 - betas[r - 1]).squareRoot() * (1 - alphaBars[r - 1]) / (1 - alphaBars[r])
    }

    /// Variance of `q(x_{r-1} | x_r, x_0)`; exactly 0 at step 1.
    ///
    /// - Source: T2Diff eq 6, DimeRec eq 9.
    public func posteriorVariance(_ r: Int) -> Double {
        (1 - alphaBars[r - 1]) / (1 - alphaBars[r]) * betas[r - 1]
    }

    /// lambda of a step, at least 1: half the logarithm of the ratio of signal to noise.
    ///
    /// - Source: Lu et al. 2022, arXiv:2206.00927, section 2.
    public func logSNR(_ r: Int) -> Double { 0.5 * log(alphaBars[r] / (1 - alphaBars[r])) }

    /// The weights of the state at step `r` and of the estimate of the clean data there in the state at step `next`.
    ///
    /// That is a step of DDIM, the deterministic solver of first order; at step 0 it leaves the estimate alone.
    ///
    /// - Source: Song et al. 2021, arXiv:2010.02502, eq 12 with eta 0; the same as Lu et al. 2022, arXiv:2211.01095,
    ///   eq 15.
    public func jump(from r: Int, to next: Int) -> (state: Double, clean: Double) {
        guard r != next else { return (1, 0) }
        let (bar, after) = (alphaBars[r], alphaBars[next])
        // The noise that the estimate implies, scaled down to the next step's level.
        let ratio = ((1 - after) / (1 - bar)).squareRoot()
        return (ratio, after.squareRoot() - ratio * bar.squareRoot())
    }

    /// Some steps from T to 1, falling, as evenly spaced in ``logSNR(_:)`` as whole steps allow; T alone for one.
    func stepsEvenInLogSNR(_ count: Int) -> [Int] {
        let (first, last) = (logSNR(steps), logSNR(1))
        var found: [Int] = []
        for position in 0..<count {
            let wanted = first + (last - first) * Double(position) / Double(max(count - 1, 1))
            // Below the step before, and leaving room for those to come.
            let open = (count - position)...((found.last ?? steps + 1) - 1)
            let nearest = open.min { abs(logSNR($0) - wanted) < abs(logSNR($1) - wanted) }
            found.append(nearest ?? open.upperBound)
        }
        return found
    }

    /// Adds the noise of step r to clean data in one go: `sqrt(alpha-bar_r) x0 + sqrt(1 - alpha-bar_r) noise`.
    ///
    /// - Parameters:
    ///   - clean: `[B, ...]`, float32.
    ///   - steps: int64 `[B]`, each in `1...T`.
    ///   - noise: Standard normal, shaped like `clean`.
    /// - Source: T2Diff eqs 3, 14.
    public func noised(_ clean: Tensor, steps: Tensor, noise: Tensor) throws(TorchError) -> Tensor {
        let shape = [clean.size(0)] + Array(repeating: 1, count: clean.rank - 1)
        let signal = try Tensor(alphaBars.map { Float($0.squareRoot()) }, on: clean.device).rows(steps).reshaped(shape)
        let spread = try Tensor(alphaBars.map { Float((1 - $0).squareRoot()) }, on: clean.device).rows(steps)
            .reshaped(shape)
        return try clean * signal + noise * spread
    }
}
