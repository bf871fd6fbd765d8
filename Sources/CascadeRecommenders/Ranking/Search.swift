// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeNN
import CascadeTorch

/// Behaviours that the search stage keeps for each candidate, k at most.
struct KeptBehaviours {
    /// Columns of the history, best first: int64 `[B, C, k]`.
    let columns: Tensor
    /// Whether there was anything to keep: bool `[B, C, k]`.
    let mask: Tensor

    /// The best behaviours of each candidate.
    ///
    /// - Parameters:
    ///   - scores: `[B, C, L]`; ``nothing`` where a behaviour may not be kept.
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
    try scores.filled(where: mask.not(), with: KeptBehaviours.nothing).softmax() * mask.to(.float32)
}

/// By what the search stage chooses.
enum SearchStage: Module {
    /// The attention's own scores.
    case attention
    /// Behaviours of the candidate's category, the latest first.
    case category
    /// A product of its own, behind maps that an auxiliary loss trains.
    case product(SoftSearch)
    /// The number of equal bits of random projections' signs.
    case hamming(Signature)
}

/// Products of every candidate with every behaviour: `[B, C, D]`, `[B, L, D]` to `[B, C, L]`.
///
/// Multiplied the other way round, so that the behaviours' gradient, a step's largest, comes in the layout of the behaviours.
func pairProducts(_ candidates: Tensor, _ behaviours: Tensor) throws -> Tensor {
    try behaviours.matmul(candidates.transposed()).transposed().contiguous()
}

/// A search score of its own: `(W_b e_i) . (W_a e_t)`.
///
/// - Source: SIM, Pi et al. 2020, arXiv:2006.05639, section 3.1, eq 1.
struct SoftSearch: Module {
    let behaviour: Linear
    let candidate: Linear

    init(_ width: Int, using generator: Generator) throws {
        behaviour = try Linear(width, width, bias: false, using: generator)
        candidate = try Linear(width, width, bias: false, using: generator)
        // Equal at first: what resembles the candidate is found from the start (A8).
        try candidate.weight.value.assign(behaviour.weight.value)
    }

    /// `[B, L, D]`, `[B, C, D]` to `[B, C, L]`.
    func callAsFunction(_ behaviours: Tensor, _ candidates: Tensor) throws -> Tensor {
        // Both maps on the candidates' side: there are fewer of them.
        try pairProducts(candidate(candidates).matmul(behaviour.weight.value), behaviours)
    }
}

/// Signs of random projections.
///
/// - Source: Charikar 2002; ETA, Chen et al. 2021, arXiv:2108.04468, section 3.2; SDIM, Cao et al. 2022,
///   arXiv:2205.10249, section 4.
struct Signature: Module {
    /// `[D, bits]`, never trained.
    let directions: Buffer

    init(_ width: Int, bits: Int, using generator: Generator) throws {
        directions = Buffer(try .normal([width, bits], deviation: 1, using: generator))
    }

    /// `[..., D]` to `[..., bits]` of 1 and -1.
    func callAsFunction(_ x: Tensor) throws -> Tensor {
        try withoutGradients {
            try x.detached().matmul(directions.value).greaterOrEqual(0).to(.float32) * 2 - 1
        }
    }

    /// Equal bits of every pair: `[B, L, bits]`, `[B, C, bits]` to `[B, C, L]`; bits minus the Hamming distance.
    static func agreement(_ behaviours: Tensor, _ candidates: Tensor) throws -> Tensor {
        let bits = Double(behaviours.size(2))
        return try (candidates.matmul(behaviours.transposed()) + bits) / 2
    }
}
