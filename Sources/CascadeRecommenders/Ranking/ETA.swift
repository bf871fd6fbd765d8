// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeNN
public import CascadeTorch

/// TWIN whose retrieval goes by the Hamming distance of random projections' signs.
///
/// - Source: Chen et al., End-to-End User Behavior Retrieval in Click-Through Rate Prediction Model, 2021,
///   arXiv:2108.04468.
public struct ETA: TwoStageRanker {
    public static let card = ModelCard(
        name: "eta",
        summary: "lifelong histories, retrieved by the Hamming distance of hashed embeddings",
        paper: "Chen et al., 2021, arXiv:2108.04468"
    )

    public struct Configuration: TwoStageSettings {
        public var history = BehaviorSettings()
        public var stages = StageSettings()
        /// Bits of a signature.
        public var hashBits = 64
        public init() {}

        public static var bounds: [Bound<Self>] {
            [
                .atLeast(1, \.hashBits)
            ]
        }

        public static var formerNames: [String: String] {
            ["bits": "hashBits"]
        }
    }

    public let length: Int
    let network: TwoStage

    public init(_ c: Configuration, for data: DatasetShape, using generator: Generator) throws {
        let shared = try BehaviorEncoder(c.shape(data), using: generator)
        network = try TwoStage(
            c,
            for: data,
            sharing: shared,
            retrieval: HammingRetrieval(hamming: Signature(shared.semanticWidth, bits: c.hashBits, using: generator)),
            using: generator
        )
        length = c.maxSequenceLength
    }
}

/// Keeps behaviors whose signatures agree with the candidate's in most bits; of equal ones the latest.
struct HammingRetrieval: HistoryRetrieval {
    let hamming: Signature

    func ranking(_ b: Behaviors, _ v: TwoStage.Vectors, attention scores: Tensor) throws
        -> (ranking: Tensor, weights: Tensor?)
    {
        let bits = try Signature.agreement(hamming(v.keys), hamming(v.queries))
        let ranking = try bits + b.recency() / Double(4 * b.length)
        return (try ranking.filled(where: b.padding(), with: KeptBehaviors.nothing), nil)
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
    static func agreement(_ behaviors: Tensor, _ candidates: Tensor) throws -> Tensor {
        let bits = Double(behaviors.size(2))
        return try (candidates.matmul(behaviors.transposed()) + bits) / 2
    }
}
