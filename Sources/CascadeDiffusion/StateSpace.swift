// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeTorch

/// Where the states of a diffusion live, and how a sampler gets from one to the next.
public enum StateSpace: Sendable, Equatable {
    /// Vectors of any length.
    case euclidean
    /// Unit vectors; what Euclidean coefficients make of them is scaled back to length 1. DimeRec, algorithm 2, as printed.
    case projected
    /// Unit vectors that noise moves along great circles, as ``GeodesicWalk`` does with this scale.
    ///
    /// There the angle from the clean point grows as `sqrt(1 - alpha-bar)`, so a sampler divides the great circle between
    /// estimate and state in the ratio of these roots.
    case geodesic(GeodesicWalk.Scale)

    /// Brings vectors to where states live.
    public func projected(_ x: Tensor) throws(TorchError) -> Tensor { self == .euclidean ? x : try x.onUnitSphere() }

    /// The state after a deterministic step.
    ///
    /// - Parameters:
    ///   - state: The state before, `[B, ..., d]`.
    ///   - clean: The estimate of the clean data there.
    ///   - share: What ``NoiseSchedule/jump(from:to:)`` says of the step.
    /// - Source: Song et al. 2021, arXiv:2010.02502, eq 12 with eta 0; on the sphere its counterpart (reading D6).
    public func moved(_ state: Tensor, _ clean: Tensor, _ share: (state: Double, clean: Double)) throws(TorchError)
        -> Tensor
    {
        guard case .geodesic = self else { return try projected(state * share.state + clean * share.clean) }
        let start = try clean.onUnitSphere()
        return try start.movedOnSphere(by: start.velocity(to: state) * share.state)
    }

    /// The same with shares for every row, each broadcasting against the state.
    public func moved(_ state: Tensor, _ clean: Tensor, _ share: (state: Tensor, clean: Tensor)) throws(TorchError)
        -> Tensor
    {
        guard case .geodesic = self else { return try projected(state * share.state + clean * share.clean) }
        let start = try clean.onUnitSphere()
        return try start.movedOnSphere(by: start.velocity(to: state) * share.state)
    }

    /// How far the result of a step moves when its estimate does.
    public func weightOfEstimate(_ share: (state: Double, clean: Double)) -> Double {
        if case .geodesic = self { 1 - share.state } else { share.clean }
    }

    /// The state after an ancestral step from r to r - 1.
    ///
    /// - Parameters:
    ///   - state: The state before, `[B, ..., d]`.
    ///   - clean: The estimate of the clean data there.
    ///   - schedule: The one that the denoiser was trained with.
    ///   - r: The step that is left.
    ///   - kind: How much noise is added.
    ///   - noise: Standard normal, shaped like the state; asked for only where it is used.
    /// - Source: Ho et al. 2020, algorithm 2. In the tangent space of the clean point the walk adds noise of variance
    ///   `1 - alpha-bar` and scales nothing; the posterior there is that of such a process (reading D6).
    func ancestor(
        _ state: Tensor,
        _ clean: Tensor,
        _ schedule: NoiseSchedule,
        leaving r: Int,
        _ kind: Sampler.ReverseNoise,
        noise: (Int) throws -> Tensor
    ) throws -> Tensor {
        guard case .geodesic(let scale) = self else {
            let mean = try clean * schedule.posteriorStart(r) + state * schedule.posteriorNoisy(r)
            let weight = kind.weight(of: schedule.posteriorVariance(r))
            return try projected(weight.map { try mean + noise(r) * $0 } ?? mean)
        }
        let (before, now) = (1 - schedule.alphaBars[r - 1], 1 - schedule.alphaBars[r])
        let start = try clean.onUnitSphere()
        var velocity = try start.velocity(to: state) * (before / now)
        if let weight = kind.weight(of: before * (now - before) / now) {
            velocity = try velocity + noise(r).tangent(at: start) * (weight * scale.factor(state.size(-1)))
        }
        return try start.movedOnSphere(by: velocity)
    }
}

extension Sampler.ReverseNoise {
    /// What noise is multiplied with; nil for none.
    fileprivate func weight(of variance: Double) -> Double? {
        switch self {
        case .none: nil
        case .literal: variance
        case .squareRoot: variance.squareRoot()
        }
    }
}
