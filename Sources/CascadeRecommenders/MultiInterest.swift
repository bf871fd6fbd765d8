// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeNN
import CascadeTorch
import Foundation

// What models share that see several interests in one history: the extraction of K vectors and their read-out.
// Histories are padded on the left; positions count back from the latest event, so that padding never changes a vector.

/// A stand-in for minus infinity that stays finite, so that a row of padding alone gives zeros instead of NaN.
private let excluded = -1e9

/// A fresh table of items; row 0 is padding.
func multiInterestItems(_ data: DatasetShape, width: Int, isRowSparse: Bool, using generator: Generator)
    throws(TorchError) -> Embedding
{
    let spread = Initialization.normal(1 / Double(width).squareRoot())
    return try Embedding(data.items + 1, width, spread, isRowSparse: isRowSparse, using: generator)
}

/// The embedded history, zero at padding `[B, L, D]`, and where it is real, float32 `[B, L]`.
func embeddedHistory(_ batch: Batch, _ items: Embedding) throws -> (items: Tensor, mask: Tensor) {
    let mask = try batch.items.notEqual(0).to(.float32)
    return (try items(batch.items) * mask.unsqueezed(2), mask)
}

/// Interests by self-attention: every interest is a weighted mean of the history, with weights of its own.
///
/// - Source: Cen et al. 2020, arXiv:2005.09347, self-attentive method; DimeRec, equations 16-17.
/// - Deviation: M1, M2.
struct SelfAttentiveInterests: Module {
    let hidden: Linear  // W1
    let output: Linear  // W2
    let positions: Parameter  // [L, D]; the last row belongs to the latest event

    /// Creates the block.
    ///
    /// - Parameters:
    ///   - width: D, features per item.
    ///   - hidden: Features of the attention's hidden layer; nil means `4 * width`.
    ///   - interests: K.
    ///   - length: L, the longest history.
    ///   - generator: Where the randomness comes from.
    init(width: Int, hidden: Int? = nil, interests: Int, length: Int, using generator: Generator) throws(TorchError) {
        let hidden = hidden ?? 4 * width
        self.hidden = try Linear(width, hidden, bias: false, using: generator)
        output = try Linear(hidden, interests, bias: false, using: generator)
        positions = try Parameter(.normal([length, width], deviation: 0.02, using: generator))
    }

    /// Items `[B, L, D]`, zero where the mask `[B, L]` (float32) is, to interests `[B, K, D]`.
    func callAsFunction(_ items: Tensor, _ mask: Tensor) throws(TorchError) -> Tensor {
        let places = try positions.value.sliced(0, from: positions.value.size(0) - items.size(1))
        let scores = try output(hidden(items + places).tanh())  // [B, L, K]
        let weights = try scores.filled(where: mask.unsqueezed(2).equal(0), with: excluded).softmax(1)
        return try weights.transposed().matmul(items)  // items are zero at padding, whatever its weight
    }
}

/// Which events and interests have a linear map of their own in dynamic routing (reading M3).
public enum RoutingMaps: String, Codable, Sendable, CaseIterable {
    /// One map for all, as in MIND.
    case shared
    /// One for each interest.
    case interest
    /// One for each interest and position.
    case position
}

/// Interests by dynamic routing: events are shared out among K capsules, which attract what agrees with them.
///
/// - Source: Cen et al. 2020, arXiv:2005.09347, dynamic routing method; Li et al. 2019, arXiv:1904.08030, the
///   multi-interest extractor layer; Sabour et al. 2017, arXiv:1710.09829.
/// - Deviation: M3-M6.
struct RoutedInterests: Module {
    /// How the share of an event in an interest starts, before any agreement is known (reading M4).
    enum Start {
        /// Equal; the interests must then differ by their maps.
        case zero
        /// Normal numbers that are drawn once for each position and interest and saved with the weights.
        case normal
    }

    let maps: Parameter  // [D, D], [K D, D] or [L, K D, D]
    let start: Buffer?  // [K, L]; the last column belongs to the latest event
    let interests: Int
    let iterations: Int
    let isAdaptive: Bool

    /// Creates the block.
    ///
    /// - Parameters:
    ///   - width: D, features per item.
    ///   - interests: K.
    ///   - length: L, the longest history.
    ///   - maps: What has a linear map of its own.
    ///   - start: How routing starts.
    ///   - iterations: Rounds of routing, at least 1.
    ///   - isAdaptive: Whether a history of n events has only `max(1, min(K, floor(log2 n)))` interests.
    ///   - generator: Where the randomness comes from.
    init(
        width: Int,
        interests: Int,
        length: Int,
        maps: RoutingMaps,
        start: Start,
        iterations: Int = 3,
        isAdaptive: Bool = false,
        using generator: Generator
    ) throws {
        precondition(maps != .shared || start != .zero || interests == 1, "equal interests would stay equal")
        let deviation = (1 / Double(width)).squareRoot()
        let shape =
            switch maps {
            case .shared: [width, width]
            case .interest: [interests * width, width]
            case .position: [length, interests * width, width]
            }
        self.maps = try Parameter(.normal(shape, deviation: deviation, using: generator))
        self.start = start == .normal ? Buffer(try .normal([interests, length], using: generator)) : nil
        (self.interests, self.iterations, self.isAdaptive) = (interests, iterations, isAdaptive)
    }

    /// Items `[B, L, D]`, zero where the mask `[B, L]` (float32) is, to interests `[B, K, D]` no longer than 1.
    ///
    /// An interest that an adaptive history does not have repeats the first, which leaves the best of all products as
    /// it is.
    func callAsFunction(_ items: Tensor, _ mask: Tensor) throws -> Tensor {
        let (rows, length, width) = (items.size(0), items.size(1), items.size(2))
        let mapped = try mapped(items)  // [B, G, L, D]
        let groups = [rows, mapped.size(1), interests / mapped.size(1)]
        let active = try isAdaptive ? active(mask).unsqueezed(2) : nil  // [B, K, 1]
        var logits =
            try start.map { try $0.value.sliced(1, from: $0.value.size(1) - length).unsqueezed(0) }
            ?? .zeros([1, interests, length], on: items.device)
        func capsules(_ mapped: Tensor) throws -> Tensor {  // [B, G, K / G, D]
            let open = try active.map { try logits.filled(where: $0.not(), with: excluded) }
            let shares = try (open ?? logits).softmax(1) * mask.unsqueezed(1)
            return try squashed(shares.reshaped(groups + [length]).matmul(mapped))
        }
        try withoutGradients {
            let fixed = try mapped.detached()
            let back = try fixed.transposed()
            for _ in 1..<iterations {
                logits = try logits + capsules(fixed).matmul(back).reshaped(rows, interests, length)
            }
        }
        let found = try capsules(mapped).reshaped(rows, interests, width)
        guard let active else { return found }
        return try .where(active, found, found.sliced(1, to: 1))
    }

    /// Which interests a history has: the mask `[B, L]` to bool `[B, K]`; all of them unless adaptive.
    ///
    /// Interest j of 1... exists when `floor(log2 n) >= j`, that is when there are at least 2^j events; the first
    /// always does.
    func active(_ mask: Tensor) throws -> Tensor {
        let needed: [Float] = (1...interests).map { isAdaptive && $0 > 1 ? exp2(Float($0)) : 0 }
        return try mask.sum(1, keep: true).greaterOrEqual(Tensor(needed, on: mask.device))
    }

    /// `[B, L, D]` to `[B, G, L, D]`: G is 1 where all interests share a map, else K.
    private func mapped(_ items: Tensor) throws -> Tensor {
        let (rows, length, width) = (items.size(0), items.size(1), items.size(2))
        guard maps.value.rank == 3 else {
            return try items.linear(maps.value).reshaped(rows, length, -1, width).transposed(1, 2)
        }
        let own = try maps.value.sliced(0, from: maps.value.size(0) - length).transposed()  // [L, D, K D]
        return try items.transposed(0, 1).matmul(own).reshaped(length, rows, -1, width).permuted(1, 2, 0, 3)
    }
}

/// Vectors of the last dimension with their direction kept and their length n brought below 1, to `n^2 / (1 + n^2)`.
///
/// - Source: Sabour et al. 2017, arXiv:1710.09829, equation 1, with 1e-9 under the root against a division by zero.
func squashed(_ x: Tensor) throws(TorchError) -> Tensor {
    let square = try x.square().sum(-1, keep: true)
    return try x * (square / ((square + 1) * (square + 1e-9).sqrt()))
}

/// The interest of each row whose product with the row's target is largest: `[B, K, D]`, `[B, D]` to `[B, D]`.
///
/// - Source: Cen et al. 2020, arXiv:2005.09347, model training; DimeRec, equation 18.
func interest(_ interests: Tensor, nearest targets: Tensor) throws(TorchError) -> Tensor {
    let best = try interests.matmul(targets.unsqueezed(2)).argMax(1)  // [B, 1]
    return try interests.gathered(1, best.unsqueezed(2).expanded([-1, -1, interests.size(2)])).squeezed(1)
}
