// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeTorch

/// Stochastic gradient descent, with momentum where it is set; row-sparse parameters move row by row, without momentum.
///
/// Weight decay is part of the gradient; row-sparse parameters have none.
///
/// - Source: Sutskever et al. 2013, ICML, section 2; momentum as PyTorch has it: `v = momentum v + g`, `w -= rate v`.
public final class SGD: Optimizer {
    /// What it moves.
    public let parameters: [Named<Parameter>]
    /// How many steps were made.
    public private(set) var step = 0
    private let settings: OptimizerSettings
    /// None without momentum.
    private let velocities: [Tensor]

    /// Creates an optimizer at rest.
    public init(_ parameters: [Named<Parameter>], _ settings: OptimizerSettings = .init()) throws(TorchError) {
        self.parameters = parameters
        self.settings = settings
        velocities = settings.momentum > 0 ? try Self.zeros(parameters) : []
    }

    /// Moves every parameter that has a gradient.
    public func step(rate: Double) throws(TorchError) {
        step += 1
        for (index, parameter) in parameters.enumerated() {
            let weight = parameter.part.value
            guard let gradient = try weight.gradient() else { continue }
            if gradient.isSparse {
                try Kernels.descendRows(weight, gradient: gradient, rate: rate)
                continue
            }
            var slope = try decayed(gradient, parameter.part, settings.weightDecay)
            if !velocities.isEmpty {
                try velocities[index].scale(settings.momentum)
                try velocities[index].add(slope)
                slope = velocities[index]
            }
            try weight.add(slope, scale: -rate)
        }
    }

    /// What a checkpoint holds beside the weights, by name.
    public func state() -> [Named<Tensor>] {
        zip(parameters, velocities).map { Named(name: "velocity.\($0.name)", part: $1) }
    }

    /// Says how many steps a restored state has behind it.
    public func restore(step: Int) { self.step = step }
}
