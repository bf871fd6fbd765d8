// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CTorch

extension Tensor {
    /// Whether operations on this tensor are recorded for differentiation.
    public var requiresGradient: Bool { ct_requires_grad(raw) }

    /// Sets, in place, whether operations on this tensor are recorded.
    ///
    /// - Throws: ``TorchError`` for tensors of whole numbers.
    public func setRequiresGradient(_ value: Bool) throws(TorchError) {
        try check(ct_set_requires_grad(raw, value), "setRequiresGradient(\(self))")
    }

    /// The same values, cut off from the graph that made them.
    public func detached() throws(TorchError) -> Tensor { try Tensor(ct_detach(raw), "detached(\(shape))") }

    /// Adds the gradient of this scalar to every leaf that it depends on.
    public func backward() throws(TorchError) { try check(ct_backward(raw), "backward(\(shape))") }

    /// What `backward()` left here; nil before, or when this tensor was not involved.
    public func gradient() throws(TorchError) -> Tensor? {
        var result: OpaquePointer?
        try check(ct_grad(raw, &result), "gradient(\(shape))")
        guard let result else { return nil }
        return try Tensor(result, "gradient")
    }

    /// Replaces, in place, the gradient; nil clears it.
    public func setGradient(_ gradient: Tensor?) throws(TorchError) {
        try check(ct_set_grad(raw, gradient?.raw), "setGradient(\(shape))")
    }

    /// Two copies; on the way back, the gradient of the first is scaled to the norm of the second's, then both add up.
    public func balancedFork() throws(TorchError) -> (Tensor, Tensor) {
        var first: OpaquePointer?
        var second: OpaquePointer?
        try check(ct_balanced_fork(raw, &first, &second), "balancedFork(\(shape))")
        return (try Tensor(first, "balancedFork"), try Tensor(second, "balancedFork"))
    }

    /// A scalar whose value and gradients were computed by hand.
    ///
    /// Differentiating it adds `gradients[i]` (times what comes from above) to `inputs[i]`. This is how a loss avoids
    /// keeping a large intermediate result for the backward pass.
    public static func scalar(_ value: Double, inputs: [Tensor], gradients: [Tensor]) throws(TorchError) -> Tensor {
        precondition(inputs.count == gradients.count && !inputs.isEmpty, "one gradient for each input")
        for (input, gradient) in zip(inputs, gradients) where input.shape != gradient.shape {
            throw TorchError(
                "scalar with gradients",
                "a gradient of shape \(gradient.shape) for an input of shape \(input.shape)"
            )
        }
        return try withRaw(inputs, "scalar with gradients") { (raws, count) in
            withExtendedLifetime(gradients) {
                gradients.map { Optional($0.raw) }.withUnsafeBufferPointer {
                    ct_with_gradients(value, raws, $0.baseAddress, count)
                }
            }
        }
    }
}

/// Runs a closure whose operations are not recorded, on this thread.
///
/// The closure is synchronous on purpose: the setting belongs to the thread.
public func withoutGradients<R, E: Error>(_ body: () throws(E) -> R) throws(E) -> R {
    let before = ct_set_grad_enabled(false)
    defer { _ = ct_set_grad_enabled(before) }
    return try body()
}
