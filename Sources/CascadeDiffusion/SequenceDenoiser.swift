// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeNN
public import CascadeTorch

/// A network that makes something of every position of a padded sequence, told the diffusion step.
///
/// Padding may lie before or after the real positions of a row, and never changes what is made of them.
public protocol SequenceDenoiser: Module {
    /// Applies the network.
    ///
    /// - Parameters:
    ///   - x: `[B, L, input]`, zero at padding.
    ///   - steps: int64 `[B]`.
    ///   - mask: `[B, L, 1]` float32, 1 at real positions, 0 at padding.
    /// - Returns: `[B, L, output]`, zero at padding.
    func callAsFunction(_ x: Tensor, steps: Tensor, mask: Tensor) throws(TorchError) -> Tensor
}
