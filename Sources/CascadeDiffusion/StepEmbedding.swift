// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeNN
public import CascadeTorch
import Foundation

/// What a denoiser is told about the step: a sinusoid through a small network.
///
/// - Source: Vaswani et al. 2017, section 3.5; Ho et al. 2020, appendix B.
public struct StepEmbedding: Module {
    let up: Linear
    let down: Linear
    let width: Int

    /// Creates the embedding; `width`, in features, must be even.
    public init(width: Int, using generator: Generator) throws(TorchError) {
        precondition(width % 2 == 0, "the width of a step embedding (\(width)) must be even")
        up = try Linear(width, 4 * width, using: generator)
        down = try Linear(4 * width, width, using: generator)
        self.width = width
    }

    /// Whole numbers, or fractions where steps are rescaled, `[B]` to `[B, width]`.
    public func callAsFunction(_ steps: Tensor) throws(TorchError) -> Tensor {
        try down(up(sinusoid(steps, width: width)).silu())
    }
}

/// Sines, then cosines, of a step at geometrically falling frequencies from 1 to 1/10000.
///
/// - Parameters:
///   - steps: Of any type, `[B]`.
///   - width: Number of features, even.
/// - Returns: float32 `[B, width]`.
public func sinusoid(_ steps: Tensor, width: Int) throws(TorchError) -> Tensor {
    let half = width / 2
    let frequencies = try Tensor(
        (0..<half).map { Float(exp(-log(10_000) * Double($0) / Double(half))) },
        on: steps.device
    )
    let angles = try steps.to(.float32).unsqueezed(1) * frequencies
    return try .concatenated([angles.sin(), angles.cos()], -1)
}
