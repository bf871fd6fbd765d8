// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeTorch

/// How fresh weights are drawn.
public enum Initialization: Sendable {
    /// Normal with mean 0 and this standard deviation.
    case normal(Double)
    /// Uniform in ±sqrt(6 / (fan in + fan out)). Source: Glorot & Bengio 2010, eq 16.
    case xavierUniform
    /// Uniform in ±1 / sqrt(fan in), libtorch's default for linear layers and convolutions.
    case fanIn
    case zeros
    case ones

    /// Draws a tensor: `[out, in, ...]`, float32.
    ///
    /// - Throws: ``TorchError`` when memory is short.
    public func callAsFunction(_ shape: [Int], using generator: Generator) throws(TorchError) -> Tensor {
        let receptive = shape.dropFirst(2).reduce(1, *)
        let fanOut = Double((shape.first ?? 1) * receptive)
        let fanIn = Double((shape.count > 1 ? shape[1] : 1) * receptive)
        switch self {
        case .normal(let deviation): return try .normal(shape, deviation: deviation, using: generator)
        case .xavierUniform:
            let limit = (6 / (fanIn + fanOut)).squareRoot()
            return try .uniform(shape, from: -limit, to: limit, using: generator)
        case .fanIn:
            let limit = 1 / fanIn.squareRoot()
            return try .uniform(shape, from: -limit, to: limit, using: generator)
        case .zeros: return try .zeros(shape, on: generator.device)
        case .ones: return try .ones(shape, on: generator.device)
        }
    }
}
