// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeTorch

/// Adam and AdamW over a model's parameters, dense ones in one kernel, row-sparse ones touching only their rows.
///
/// - Source: Kingma & Ba 2015, arXiv:1412.6980; Loshchilov & Hutter 2019, arXiv:1711.05101.
public final class Adam: Optimizer {
    /// How many steps were made.
    public private(set) var step = 0
    /// What it moves.
    public let parameters: [Named<Parameter>]
    private let settings: OptimizerSettings
    private let means: [Tensor]
    private let squares: [Tensor]

    /// Creates an optimizer with zero moments.
    ///
    /// - Parameters:
    ///   - parameters: What it moves.
    ///   - settings: Its numbers; a kind other than `adam` is AdamW.
    public init(_ parameters: [Named<Parameter>], _ settings: OptimizerSettings = .init()) throws(TorchError) {
        self.parameters = parameters
        self.settings = settings
        means = try Self.zeros(parameters)
        squares = try Self.zeros(parameters)
    }

    /// Moves every parameter that has a gradient.
    ///
    /// - Parameter rate: The learning rate of this step.
    public func step(rate: Double) throws(TorchError) {
        step += 1
        let numbers = Kernels.AdamStep(step, rate: rate, settings)
        // Biases and tables do not decay; without decay all dense parameters move in one kernel.
        let plain = Kernels.AdamStep(step, rate: rate, settings, decays: false)
        var groups = [DenseGroup(numbers: numbers), DenseGroup(numbers: plain)]
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
                let group = parameter.part.isDecayed || settings.weightDecay == 0 ? 0 : 1
                groups[group].add(weight, gradient, mean: means[index], square: squares[index])
            }
        }
        for group in groups { try group.move() }
    }

    /// Dense parameters that move by the same numbers.
    private struct DenseGroup {
        let numbers: Kernels.AdamStep
        private var weights: [Tensor] = []
        private var gradients: [Tensor] = []
        private var means: [Tensor] = []
        private var squares: [Tensor] = []

        init(numbers: Kernels.AdamStep) { self.numbers = numbers }

        mutating func add(_ weight: Tensor, _ gradient: Tensor, mean: Tensor, square: Tensor) {
            weights.append(weight)
            gradients.append(gradient)
            means.append(mean)
            squares.append(square)
        }

        func move() throws(TorchError) {
            guard !weights.isEmpty else { return }
            try Kernels.adam(numbers, weights: weights, gradients: gradients, means: means, squares: squares)
        }
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

extension Kernels.AdamStep {
    /// The numbers of a step.
    init(_ step: Int, rate: Double, _ settings: OptimizerSettings, decays: Bool = true) {
        self.init(
            step: step,
            rate: rate,
            beta1: settings.beta1,
            beta2: settings.beta2,
            epsilon: settings.epsilon,
            decay: decays ? settings.weightDecay : 0,
            isDecoupled: settings.kind != .adam
        )
    }
}
