// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeTorch

/// Noise on the unit sphere: a point moves along a geodesic in a Gaussian direction of its tangent space.
///
/// - Source: DimeRec, algorithm 1; De Bortoli et al. 2022, arXiv:2202.02763, section 3.
/// - Deviation: D2.
public struct GeodesicWalk: Sendable, Equatable {
    /// What tangent noise is multiplied with, d being the number of features; step t then moves a point by
    /// `sqrt(1 - alpha-bar_t)` of the angle that is named.
    public enum Scale: String, Codable, Sendable, CaseIterable {
        /// `1 / sqrt(d)`: an angle of about 1.
        case unit
        /// `pi / (2 sqrt(d))`: an angle of about a quarter turn, so that a point whose alpha-bar is near 0 has forgotten
        /// where it came from, as a random point has.
        case quarterTurn = "quarter-turn"
        /// 1, as printed: an angle of about `sqrt(d - 1)`, which wraps around the sphere.
        case literal

        /// The factor for so many features.
        func factor(_ features: Int) -> Double {
            switch self {
            case .unit: 1 / Double(features).squareRoot()
            case .quarterTurn: .pi / (2 * Double(features).squareRoot())
            case .literal: 1
            }
        }
    }

    /// Where alpha-bar comes from.
    public let schedule: NoiseSchedule
    /// How far a step reaches.
    public let scale: Scale

    /// Describes a walk.
    public init(_ schedule: NoiseSchedule, scale: Scale = .unit) { (self.schedule, self.scale) = (schedule, scale) }

    /// The point that the noise of a step leads to: `exp_x[sqrt(1 - alpha-bar_t) noise]`.
    ///
    /// - Parameters:
    ///   - clean: Unit vectors, `[B, ..., d]`.
    ///   - steps: int64 `[B]`, each in `0...T`.
    ///   - noise: Standard normal, shaped like `clean`; what of it leaves the tangent space is dropped.
    /// - Returns: Unit vectors, shaped like `clean`.
    public func noised(_ clean: Tensor, steps: Tensor, noise: Tensor) throws(TorchError) -> Tensor {
        let scale = scale.factor(clean.size(-1))
        let angles = schedule.alphaBars.map { Float((1 - $0).squareRoot() * scale) }
        let shape = [clean.size(0)] + Array(repeating: 1, count: clean.rank - 1)
        let angle = try Tensor(angles, on: clean.device).rows(steps).reshaped(shape)
        return try clean.movedOnSphere(by: noise.tangent(at: clean) * angle)
    }
}

/// Keeps a norm away from zero, where its gradient is undefined, without changing any norm that matters.
private let tiny = 1e-16

extension Tensor {
    /// Vectors of the last dimension scaled to length 1; the zero vector stays where it is, with a finite gradient.
    public func onUnitSphere() throws(TorchError) -> Tensor {
        try self * (square().sum(-1, keep: true) + tiny).rsqrt()
    }

    /// The part of these vectors that is orthogonal to unit vectors of the same shape.
    public func tangent(at points: Tensor) throws(TorchError) -> Tensor {
        try self - points * (self * points).sum(-1, keep: true)
    }

    /// The velocity that leads from these unit vectors to others along the shorter great circle, the logarithmic map of the
    /// unit sphere; zero where the two are equal.
    ///
    /// - Parameter points: Unit vectors, shaped like these.
    public func velocity(to points: Tensor) throws(TorchError) -> Tensor {
        let sideways = try points.tangent(at: self)
        let sine = try (sideways.square().sum(-1, keep: true) + tiny).sqrt()
        return try sideways * (sine.angle(to: (self * points).sum(-1, keep: true)) / sine)
    }

    /// The exponential map of the unit sphere: `cos|v| x + sin|v| v / |v|`, and x where v is zero.
    ///
    /// - Parameter velocity: v, tangent vectors at these unit vectors, shaped like them.
    /// - Source: DimeRec, algorithm 1, line 7.
    public func movedOnSphere(by velocity: Tensor) throws(TorchError) -> Tensor {
        let angle = try (velocity.square().sum(-1, keep: true) + tiny).sqrt()
        return try self * angle.cos() + velocity * (angle.sin() / angle)
    }
}
