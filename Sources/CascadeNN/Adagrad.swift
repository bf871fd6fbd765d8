// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeTorch

/// Adagrad: the step of an element shrinks with the sum of its squared gradients; row-sparse parameters move row by row.
///
/// Weight decay is part of the gradient; row-sparse parameters have none.
///
/// - Source: Duchi et al. 2011, JMLR 12, section 1.1.
public final class Adagrad: Optimizer {
    /// What it moves.
    public let parameters: [Named<Parameter>]
    /// How many steps were made.
    public private(set) var step = 0
    private let settings: OptimizerSettings
    private let sums: [Tensor]

    /// Creates an optimizer with zero sums.
    public init(_ parameters: [Named<Parameter>], _ settings: OptimizerSettings = .init()) throws(TorchError) {
        self.parameters = parameters
        self.settings = settings
        sums = try Self.zeros(parameters)
    }

    /// Moves every parameter that has a gradient.
    public func step(rate: Double) throws(TorchError) {
        step += 1
        for (index, parameter) in parameters.enumerated() {
            let weight = parameter.part.value
            guard let gradient = try weight.gradient() else { continue }
            if gradient.isSparse {
                try Kernels.adagradRows(
                    weight,
                    gradient: gradient,
                    sum: sums[index],
                    rate: rate,
                    epsilon: settings.epsilon
                )
                continue
            }
            let slope = try decayed(gradient, parameter.part, settings.weightDecay)
            try sums[index].add(slope.square())
            try weight.add(slope / (sums[index].sqrt() + settings.epsilon), scale: -rate)
        }
    }

    /// What a checkpoint holds beside the weights, by name.
    public func state() -> [Named<Tensor>] {
        zip(parameters, sums).map { Named(name: "sum.\($0.name)", part: $1) }
    }

    /// Says how many steps a restored state has behind it.
    public func restore(step: Int) { self.step = step }
}

/// A gradient with the decay of the weights in it.
func decayed(_ gradient: Tensor, _ weight: Parameter, _ decay: Double) throws(TorchError) -> Tensor {
    guard decay > 0, weight.isDecayed else { return try gradient.detached() }
    return try gradient.detached() + weight.value.detached() * decay
}
