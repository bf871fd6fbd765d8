// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeNN
import CascadeTorch

/// Behaviors that the retrieval stage keeps for each candidate, k at most.
struct KeptBehaviors {
    /// Columns of the history, best first: int64 `[B, C, k]`.
    let columns: Tensor
    /// Whether there was anything to keep: bool `[B, C, k]`.
    let mask: Tensor

    /// The best behaviors of each candidate.
    ///
    /// - Parameters:
    ///   - scores: `[B, C, L]`; ``nothing`` where a behavior may not be kept.
    ///   - count: How many to keep.
    init(best count: Int, of scores: Tensor) throws {
        let top = try withoutGradients { try scores.detached().top(min(count, scores.size(2))) }
        columns = top.indices
        mask = try top.values.greater(Self.nothing / 2)
    }

    /// The score of what must not be kept: finite, so that an empty history gives 0 and not NaN (reading A4).
    static let nothing = -1e9
}

/// Softmax over the last dimension among what the mask lets through; 0 elsewhere, also when nothing is let through.
func maskedSoftmax(_ scores: Tensor, _ mask: Tensor) throws -> Tensor {
    try scores.filled(where: mask.not(), with: KeptBehaviors.nothing).softmax() * mask.to(.float32)
}

/// Products of every candidate with every behavior: `[B, C, D]`, `[B, L, D]` to `[B, C, L]`.
///
/// Multiplied the other way round, so that the behaviors' gradient, a step's largest, comes in the layout of the behaviors.
func pairProducts(_ candidates: Tensor, _ behaviors: Tensor) throws -> Tensor {
    try behaviors.matmul(candidates.transposed()).transposed().contiguous()
}

/// Weighs the behaviors of a history for candidates, before the softmax.
protocol HistoryAttention: Module {
    /// `[B, C, L]`; what stands at padding does not matter.
    ///
    /// - Parameters:
    ///   - b: The batch.
    ///   - v: Its vectors.
    ///   - keys: Encodes behaviors.
    ///   - queries: Encodes candidates.
    func scores(_ b: Behaviors, _ v: TwoStage.Vectors, keys: BehaviorEncoder, queries: BehaviorEncoder) throws
        -> Tensor
}

/// Scaled dot products of meaning and of time, each by its own size.
///
/// - Source: TWIN, Chang et al. 2023, arXiv:2302.02352, section 4; DARE, section 3.1.
struct ProductAttention: HistoryAttention {
    func scores(_ b: Behaviors, _ v: TwoStage.Vectors, keys: BehaviorEncoder, queries: BehaviorEncoder) throws
        -> Tensor
    {
        let meaning = try pairProducts(v.queries, v.keys) / Double(keys.semanticWidth).squareRoot()
        let now = try queries.now(on: b.items.device).unsqueezed(1)
        let time = try keys.times(b).matmul(now).squeezed(2) / Double(keys.timeWidth).squareRoot()  // [1 or B, L]
        return try meaning + time.unsqueezed(1)
    }
}

/// The retrieval stage (general search unit): what of a history is kept for each candidate.
protocol HistoryRetrieval: Module {
    /// By what is kept.
    ///
    /// - Parameters:
    ///   - b: The batch.
    ///   - v: Its vectors.
    ///   - scores: The attention's, ``KeptBehaviors/nothing`` at padding: `[B, C, L]`.
    /// - Returns: The ranking `[B, C, L]`, ``KeptBehaviors/nothing`` for what may not be kept; and, for a retrieval that is
    ///   trained beside the model, its weights of the whole history.
    func ranking(_ b: Behaviors, _ v: TwoStage.Vectors, attention scores: Tensor) throws
        -> (ranking: Tensor, weights: Tensor?)
}

/// Keeps what the attention weighs most.
struct AttentionRetrieval: HistoryRetrieval {
    /// What a place nearer to the request adds to a score; nil for an attention that knows time itself.
    ///
    /// With 0 places only order equal scores. An attention that knows no time needs that: an item always ties with itself.
    var recencyWeight: Double?

    func ranking(_ b: Behaviors, _ v: TwoStage.Vectors, attention scores: Tensor) throws
        -> (ranking: Tensor, weights: Tensor?)
    {
        guard let recencyWeight else { return (scores, nil) }
        guard recencyWeight == 0 else { return (try scores + b.recency() * recencyWeight, nil) }
        return (try withoutGradients { try Self.ordered(scores.detached(), b.recency()) }, nil)
    }

    /// Scores that order as the given ones do, and equal ones by place.
    ///
    /// Two different float32 numbers are further apart than what a place takes away, in histories of up to a million.
    ///
    /// - Parameters:
    ///   - scores: float32 `[B, C, L]`.
    ///   - recency: Negative distances from the request: float32 `[1, 1, L]`.
    /// - Returns: float64 `[B, C, L]`.
    static func ordered(_ scores: Tensor, _ recency: Tensor) throws -> Tensor {
        let exact = try scores.to(.float64)
        return try exact + recency.to(.float64) * (exact.abs() * 0x1p-44 + 1e-60)
    }
}

extension Behaviors {
    /// The negative distance from the request: float32 `[1, 1, L]`.
    func recency() throws -> Tensor { try places.to(.float32).reshaped(1, 1, -1) * -1 }

    /// Where there is no behavior: bool `[B, 1, L]`.
    func padding() throws -> Tensor { try mask.not().unsqueezed(1) }
}
