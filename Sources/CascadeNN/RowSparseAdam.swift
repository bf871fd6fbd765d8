// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeTorch

/// Adam that moves, of every matrix, only the rows whose gradient is not all zero, whether the gradient is dense or names
/// rows; moments of other rows do not decay.
///
/// Weight decay acts on vectors alone. A full softmax gives every item a gradient; there it is Adam.
///
/// - Source: Kingma & Ba 2015, arXiv:1412.6980, algorithm 1; the restriction to rows is that of PyTorch's `SparseAdam`.
public final class RowSparseAdam: Optimizer {
    /// What it moves.
    public let parameters: [Named<Parameter>]
    /// How many steps were made.
    public private(set) var step = 0
    private let settings: OptimizerSettings
    private let means: [Tensor]
    private let squares: [Tensor]

    /// Creates an optimizer with zero moments.
    public init(_ parameters: [Named<Parameter>], _ settings: OptimizerSettings = .init()) throws(TorchError) {
        self.parameters = parameters
        self.settings = settings
        means = try Self.zeros(parameters)
        squares = try Self.zeros(parameters)
    }

    /// Moves every parameter that has a gradient.
    public func step(rate: Double) throws(TorchError) {
        step += 1
        let numbers = Kernels.AdamStep(step, rate: rate, settings)
        for (index, parameter) in parameters.enumerated() {
            let (weight, mean, square) = (parameter.part.value, means[index], squares[index])
            guard let gradient = try weight.gradient() else { continue }
            if gradient.isSparse {
                try Kernels.adamRows(numbers, weight: weight, gradient: gradient, mean: mean, square: square)
            } else if weight.rank < 2 {
                try Kernels.adam(
                    Kernels.AdamStep(step, rate: rate, settings, decays: parameter.part.isDecayed),
                    weights: [weight],
                    gradients: [gradient],
                    means: [mean],
                    squares: [square]
                )
            } else {
                try rows(numbers, of: weight, gradient, mean: mean, square: square)
            }
        }
    }

    /// A dense step, after which the rows without a gradient are as before.
    private func rows(
        _ numbers: Kernels.AdamStep,
        of weight: Tensor,
        _ gradient: Tensor,
        mean: Tensor,
        square: Tensor
    )
        throws(TorchError)
    {
        let shape = weight.shape
        let isNamed = try gradient.reshaped(shape[0], -1).notEqual(0).any(1)
        let row = try isNamed.reshaped([shape[0]] + Array(repeating: 1, count: shape.count - 1))
        var plain = numbers
        plain.decay = 0
        let before = try [weight.detached().copy(), mean.copy(), square.copy()]
        try Kernels.adam(plain, weights: [weight], gradients: [gradient], means: [mean], squares: [square])
        for (after, before) in zip([weight, mean, square], before) {
            try after.assign(Tensor.where(row, after.detached(), before))
        }
    }

    /// What a checkpoint holds beside the weights, by name.
    public func state() -> [Named<Tensor>] {
        zip(parameters, zip(means, squares)).flatMap { parameter, moments in
            [
                Named(name: "mean.\(parameter.name)", part: moments.0),
                Named(name: "square.\(parameter.name)", part: moments.1),
            ]
        }
    }

    /// Says how many steps a restored state has behind it.
    public func restore(step: Int) { self.step = step }
}
