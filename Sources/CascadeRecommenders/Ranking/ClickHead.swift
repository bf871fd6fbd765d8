// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeNN
import CascadeTorch

/// What a CTR model does with the interest it found.
public struct ClickHeadSettings: Settings, Equatable {
    /// How hidden features are bent.
    public enum Activation: String, Codable, Sendable, CaseIterable {
        case prelu, dice
    }

    /// Features of the hidden layers.
    public var hiddenUnits = [200, 80]
    /// The activation function of the hidden layers.
    public var activation = Activation.prelu
    /// Normalizes by the statistics of the batch at inference too, as the released code does.
    public var paperCompatible = false
    /// DARE's.
    public init() {}

    public static var bounds: [Bound<Self>] { [.layers(\.hiddenUnits)] }
    public static var formerNames: [String: String] { ["hidden": "hiddenUnits"] }
}

/// From features of (history, candidate) pairs to the log-odds of a click: batch normalization, then a small network.
///
/// - Source: DARE's released code (layers 200 and 80, PReLU from 0.1); one output instead of a softmax over two, which
///   is the same function.
struct ClickHead: Module {
    let norm: BatchNorm
    let layers: [Linear]
    let rectifiers: [PReLU]
    let dice: [Dice]
    let output: Linear
    let usesBatchStatistics: Bool

    init(_ features: Int, _ c: ClickHeadSettings, hidden: [Int]? = nil, using generator: Generator) throws {
        let sizes = [features] + (hidden ?? c.hiddenUnits)
        norm = try BatchNorm(features, on: generator.device)
        layers = try zip(sizes, sizes.dropFirst()).map { try Linear($0, $1, using: generator) }
        let isDice = c.activation == .dice
        rectifiers = isDice ? [] : try sizes.dropFirst().map { try PReLU($0, initial: 0.1, on: generator.device) }
        dice = isDice ? try sizes.dropFirst().map { try Dice($0, on: generator.device) } : []
        output = try Linear(sizes[sizes.count - 1], 1, using: generator)
        usesBatchStatistics = c.paperCompatible
    }

    /// `[B, C, F]` to `[B, C]`.
    func callAsFunction(_ x: Tensor, _ mode: Mode) throws -> Tensor {
        let shape = [x.size(0), x.size(1)]
        let rows = try x.reshaped(-1, x.size(2))
        let alone = usesBatchStatistics && mode == .inference && rows.size(0) > 1
        var y = alone ? try norm.judgingByBatch(rows) : try norm(rows, mode)
        for (place, layer) in layers.enumerated() {
            y = try layer(y)
            y = dice.isEmpty ? try rectifiers[place](y) : try dice[place](y, mode)
        }
        return try output(y).reshaped(shape)
    }
}

extension BatchNorm {
    /// Normalizes by the rows' own statistics and leaves the running ones alone.
    fileprivate func judgingByBatch(_ x: Tensor) throws(TorchError) -> Tensor {
        try x.batchNorm(
            weight.value,
            bias.value,
            mean: mean.value.copy(),
            variance: variance.value.copy(),
            training: true
        )
    }
}
