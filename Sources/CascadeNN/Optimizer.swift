// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeConfigurations
public import CascadeTorch

/// Moves a model's parameters along their gradients.
///
/// Its state is saved and restored by names, so that a training resumes to the bit.
public protocol Optimizer: AnyObject {
    /// What it moves.
    var parameters: [Named<Parameter>] { get }
    /// How many steps were made.
    var step: Int { get }
    /// Moves every parameter that has a gradient.
    ///
    /// - Parameter rate: The learning rate of this step.
    func step(rate: Double) throws(TorchError)
    /// What a checkpoint holds beside the weights: tensors by name, of the parameters' shapes.
    func state() -> [Named<Tensor>]
    /// Says how many steps a restored state has behind it; the tensors of ``state()`` are assigned in place.
    func restore(step: Int)
}

extension Optimizer {
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

    /// Zeros of each parameter's shape.
    static func zeros(_ parameters: [Named<Parameter>]) throws(TorchError) -> [Tensor] {
        var zeros: [Tensor] = []
        for parameter in parameters {
            let value = parameter.part.value
            zeros.append(try .zeros(value.shape, value.dtype, on: value.device))
        }
        return zeros
    }
}

/// The method of optimization and its numbers.
public struct OptimizerSettings: Settings, Equatable {
    /// The methods.
    public enum Kind: String, Codable, Sendable, CaseIterable {
        /// Adam whose weight decay acts on the weights themselves; row-sparse tables move row by row.
        case adamw
        /// Adam whose weight decay is part of the gradient; row-sparse tables move row by row.
        case adam
        /// Adam that leaves rows alone whose gradient is zero, of every matrix.
        case sparseAdam = "sparse-adam"
        /// Adagrad.
        case adagrad
        /// Gradient descent, with momentum where it is set.
        case sgd
    }

    /// The method.
    public var kind = Kind.adamw
    /// Adam: decay of the mean of gradients.
    public var beta1 = 0.9
    /// Adam: decay of the mean of squared gradients.
    public var beta2 = 0.999
    /// Adam and Adagrad: added to the root of the squares.
    public var epsilon = 1e-8
    /// Weight decay of matrices; biases, scales and, but for `bpr-mf`, tables of embeddings do not decay.
    public var weightDecay = 0.0
    /// `sgd`: decay of the mean of gradients; ignored for row-sparse parameters.
    public var momentum = 0.0
    /// AdamW with the usual numbers.
    public init() {}

    /// What each setting may be.
    public static var bounds: [Bound<Self>] {
        [.unit(\.beta1, \.beta2, \.momentum), .atLeast(0, \.epsilon, \.weightDecay)]
    }

    /// Names that settings had before.
    public static var formerNames: [String: String] { ["decoupled": "kind"] }
    /// Values that were spelled otherwise.
    public static var formerValues: [String: [String: String]] {
        ["decoupled": ["true": "adamw", "false": "adam"]]
    }

    /// The optimizer of some parameters, at its first step.
    public func make(_ parameters: [Named<Parameter>]) throws(TorchError) -> any Optimizer {
        switch kind {
        case .adamw, .adam: try Adam(parameters, self)
        case .sparseAdam: try RowSparseAdam(parameters, self)
        case .adagrad: try Adagrad(parameters, self)
        case .sgd: try SGD(parameters, self)
        }
    }
}
