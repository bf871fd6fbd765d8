// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeNN
import CascadeTorch

/// How an encoded history becomes the few vectors that guide a diffusion.
protocol GuidanceExtraction: Module {
    /// How many vectors a history becomes, K.
    var count: Int { get }
    /// The history `[B, L, D]`, zero at the padding on the left, where the mask `[B, L]` (float32) is, to `[B, K, D]`.
    func callAsFunction(_ items: Tensor, _ mask: Tensor, _ mode: Mode) throws -> Tensor
}

/// DimeRec's ways to extract guidance.
///
/// - Source: DimeRec, section 4.2 and table 3.
public enum GuidanceKind: String, Codable, Sendable, CaseIterable {
    /// Self-attention with K heads, equations 16-17; the paper's choice.
    case selfAttentive = "self-attentive"
    /// Dynamic routing to K capsules (ComiRec-DR).
    case routed
    /// One vector: the encoder's state at the latest item.
    case sasrec
    /// One vector: a network over the whole history.
    case mlp
    /// The last K items themselves, equation 15; nothing is learned.
    case rule
}

/// A Transformer over the history: the encoding F of section 4.2.
///
/// Every event sees every other, since what is to be predicted comes after them all. Positions count back from the
/// latest event, so that padding on the left changes nothing.
///
/// - Deviation: D9.
struct HistoryEncoder: Module {
    let positions: Embedding
    let blocks: [TransformerBlock]
    let norm: LayerNorm
    let rate: Double

    init(width: Int, length: Int, blocks: Int, heads: Int, dropout rate: Double, using generator: Generator) throws {
        positions = try Embedding(length, width, .normal(0.02), using: generator)
        self.blocks = try (0..<blocks).map { _ in
            try TransformerBlock(width: width, heads: heads, hidden: 4 * width, dropout: rate, using: generator)
        }
        norm = try LayerNorm(width, on: generator.device)
        self.rate = rate
    }

    /// Items `[B, L, D]`, zero where the mask `[B, L]` is, to states of the same shape, zero there too.
    func callAsFunction(_ items: Tensor, _ mask: Tensor, _ mode: Mode) throws -> Tensor {
        let places = try positions.weight.value.sliced(0, from: positions.weight.value.size(0) - items.size(1))
        let x = try dropout(items * Double(items.size(2)).squareRoot() + places, rate, mode)
        let isReal = try mask.greater(0)
        return try norm(blocks.reduce(x) { try $1($0, .keys(isReal), mode) }) * mask.unsqueezed(2)
    }
}

extension SelfAttentiveInterests: GuidanceExtraction {
    var count: Int { output.weight.value.size(0) }

    func callAsFunction(_ items: Tensor, _ mask: Tensor, _: Mode) throws -> Tensor { try self(items, mask) }
}

extension RoutedInterests: GuidanceExtraction {
    var count: Int { interests }

    func callAsFunction(_ items: Tensor, _ mask: Tensor, _: Mode) throws -> Tensor { try self(items, mask) }
}

/// The last items; a history that has fewer repeats its latest.
struct LatestItems: GuidanceExtraction {
    let count: Int

    func callAsFunction(_ items: Tensor, _ mask: Tensor, _: Mode) throws -> Tensor {
        let latest = try items.sliced(1, from: -1)
        let missing = max(0, count - items.size(1))
        let filled = try Tensor.where(mask.unsqueezed(2).greater(0), items, latest).sliced(1, from: -count)
        guard missing > 0 else { return filled }
        return try .concatenated([latest.expanded([-1, missing, -1]), filled], 1)
    }
}

/// A network over all positions of the history at once.
///
/// - Deviation: D9.
struct FlatInterest: GuidanceExtraction {
    var count: Int { 1 }
    let network: FeedForward
    let length: Int

    init(width: Int, length: Int, dropout rate: Double, using generator: Generator) throws {
        network = try FeedForward(length * width, hidden: 4 * width, width, dropout: rate, using: generator)
        self.length = length
    }

    func callAsFunction(_ items: Tensor, _ mask: Tensor, _ mode: Mode) throws -> Tensor {
        let (rows, width) = (items.size(0), items.size(2))
        let flat = try items.reshaped(rows, -1) * Double(width).squareRoot()
        return try network(flat.padded(before: (length - items.size(1)) * width, after: 0), mode).unsqueezed(1)
    }
}
