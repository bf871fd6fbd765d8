// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeTorch

/// One denoising on the way from pure noise to a user's next item.
public struct ReverseStep {
    /// The step of the schedule that is left: T where the state is pure noise, falling to 1.
    public let step: Int
    /// What is denoised, read as an item: `[B, D]`.
    public let state: Tensor
    /// The estimate of the next item that the denoiser makes of it: `[B, D]`.
    public let estimate: Tensor
}

/// A retriever that rebuilds the next item from noise on the way to its answer, and lets others watch.
public protocol DiffusionRetriever: VectorRetriever {
    /// Items as the diffusion sees them, numbered from 0: int64 `[...]` to `[..., D]`; by default their vectors.
    func diffusedItems(_ numbers: Tensor) throws -> Tensor
    /// The users' vectors, every step of the (first) reverse process that leads to them being shown.
    ///
    /// - Parameters:
    ///   - batch: The histories.
    ///   - observing: Told each step in turn, none when the settings leave the diffusion out; nil costs nothing.
    func userVectors(_ batch: Batch, observing: ((ReverseStep) throws -> Void)?) throws -> Tensor
}

extension DiffusionRetriever {
    public static var capabilities: Capabilities<Self> {
        Capabilities(catalogScorer: { $0 }, vectorRetriever: { $0 }, diffusionRetriever: { $0 })
    }

    /// The items' vectors.
    public func diffusedItems(_ numbers: Tensor) throws -> Tensor { try itemVectors(numbers) }

    /// The users' vectors.
    public func userVectors(_ batch: Batch) throws -> Tensor { try userVectors(batch, observing: nil) }
}
