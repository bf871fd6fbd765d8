// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeTorch

/// Adam and AdamW over a model's parameters, dense ones in one kernel, row-sparse ones touching only their rows.
///
/// - Source: Kingma & Ba 2015, arXiv:1412.6980; Loshchilov & Hutter 2019, arXiv:1711.05101.
public final class Adam {
    /// What can be set.
    public struct Configuration: Codable, Sendable, Equatable {
        /// Decay of the mean of gradients.
        public var beta1 = 0.9
        /// Decay of the mean of squared gradients.
        public var beta2 = 0.999
        /// Added to the root of the mean square.
        public var epsilon = 1e-8
        /// Weight decay; ignored for row-sparse parameters.
        public var weightDecay = 0.0
        /// Whether the decay acts on the weights themselves (AdamW).
        public var decoupled = true
        /// The defaults.
        public init() {}
    }

    /// How many steps were made.
    public private(set) var step = 0
    private let configuration: Configuration
    private let parameters: [Named<Parameter>]
    private let means: [Tensor]
    private let squares: [Tensor]

    /// Creates an optimiser with zero moments.
    public init(_ parameters: [Named<Parameter>], _ configuration: Configuration = .init()) throws(TorchError) {
        self.parameters = parameters
        self.configuration = configuration
        var (means, squares): ([Tensor], [Tensor]) = ([], [])
        for parameter in parameters {
            let value = parameter.part.value
            means.append(try .zeros(value.shape, value.dtype, on: value.device))
            squares.append(try .zeros(value.shape, value.dtype, on: value.device))
        }
        (self.means, self.squares) = (means, squares)
    }

    /// Forgets all gradients.
    public func clearGradients() throws(TorchError) {
        for parameter in parameters { try parameter.part.value.setGradient(nil) }
    }

    /// Scales all gradients down, in place, so that their common norm is at most `limit`.
    ///
    /// - Returns: The norm before.
    /// - Throws: ``TorchError`` when the norm is not finite: the loss diverged.
    @discardableResult
    public func clipGradients(to limit: Double) throws(TorchError) -> Double {
        var gradients: [Tensor] = []
        for parameter in parameters {
            if let gradient = try parameter.part.value.gradient() { gradients.append(gradient) }
        }
        let norm = try Kernels.globalNorm(gradients)
        guard norm.isFinite else {
            throw TorchError(
                "clipGradients",
                "the gradient's norm is \(norm) at step \(step + 1): lower the learning rate"
            )
        }
        if norm > limit { try Kernels.scale(gradients, by: limit / norm) }
        return norm
    }

    /// Moves every parameter that has a gradient.
    ///
    /// - Parameter rate: The learning rate of this step.
    public func step(rate: Double) throws(TorchError) {
        step += 1
        let c = configuration
        let numbers = Kernels.AdamStep(
            step: step,
            rate: rate,
            beta1: c.beta1,
            beta2: c.beta2,
            epsilon: c.epsilon,
            decay: c.weightDecay,
            isDecoupled: c.decoupled
        )
        var dense: (weights: [Tensor], gradients: [Tensor], means: [Tensor], squares: [Tensor]) = ([], [], [], [])
        for (index, parameter) in parameters.enumerated() {
            let weight = parameter.part.value
            guard let gradient = try weight.gradient() else { continue }
            if gradient.isSparse {
                try Kernels.adamRows(
                    numbers,
                    weight: weight,
                    gradient: gradient,
                    mean: means[index],
                    square: squares[index]
                )
            } else {
                dense.weights.append(weight)
                dense.gradients.append(gradient)
                dense.means.append(means[index])
                dense.squares.append(squares[index])
            }
        }
        guard !dense.weights.isEmpty else { return }
        try Kernels.adam(
            numbers,
            weights: dense.weights,
            gradients: dense.gradients,
            means: dense.means,
            squares: dense.squares
        )
    }

    /// The moments under `mean.<parameter>` and `square.<parameter>`, for a checkpoint.
    public func state() -> [Named<Tensor>] {
        zip(parameters, zip(means, squares)).flatMap { parameter, moments in
            [
                Named(name: "mean.\(parameter.name)", part: moments.0),
                Named(name: "square.\(parameter.name)", part: moments.1),
            ]
        }
    }

    /// Says how many steps a restored state has behind it; the tensors of ``state()`` are assigned in place.
    public func restore(step: Int) { self.step = step }
}
