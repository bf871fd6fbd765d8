// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeNN
public import CascadeTorch

/// Attention by collisions: behaviors whose hashes equal the candidate's are added up, hash by hash, with no search.
///
/// - Source: Cao et al., Sampling Is All You Need on Modeling Long-Term User Behaviors, CIKM 2022, arXiv:2205.10249,
///   section 4.
public struct SDIM: CTRRanker {
    public static let card = ModelCard(
        name: "sdim",
        summary: "lifelong histories, added up where their hashes collide with the candidate's",
        paper: "Cao et al., CIKM 2022, arXiv:2205.10249"
    )

    public struct Configuration: LifelongSettings {
        public var history = BehaviorSettings()
        /// Hashes of each behavior.
        public var numHashes = 12
        /// Bits of each hash.
        public var bitsPerHash = 3
        public init() {}

        public static var bounds: [Bound<Self>] {
            [
                .atLeast(1, \.numHashes), .within(1...20, \.bitsPerHash),
            ]
        }

        public static var formerNames: [String: String] {
            ["hashes": "numHashes", "bits": "bitsPerHash"]
        }
    }

    public let length: Int
    let categoryOf: ItemCategories
    let encoder: BehaviorEncoder
    let signature: Signature
    let head: ClickHead
    let hashes: Int

    public var itemCount: Int { encoder.items.table.weight.value.size(0) - 1 }

    public init(_ c: Configuration, for data: DatasetShape, using generator: Generator) throws {
        categoryOf = try ItemCategories(data, on: generator.device)
        encoder = try BehaviorEncoder(c.shape(data), using: generator)
        signature = try Signature(encoder.semanticWidth, bits: c.numHashes * c.bitsPerHash, using: generator)
        head = try ClickHead(3 * (encoder.semanticWidth + encoder.timeWidth), c.head, using: generator)
        (length, hashes) = (c.maxSequenceLength, c.numHashes)
    }

    public func logits(_ batch: CTRBatch) throws -> Tensor { try forward(batch, .inference) }

    public func trainingOutput(_ batch: CTRBatch) throws -> CTROutput {
        CTROutput(logits: try forward(batch, .training))
    }

    private func forward(_ batch: CTRBatch, _ mode: Mode) throws -> Tensor {
        let b = try Behaviors(batch, categoryOf)
        let behaviors = try encoder.semantics(b.items, b.categories)
        let candidates = try encoder.semantics(b.candidates, b.candidateCategories)
        let collide = try collisions(behaviors, candidates) * b.mask.to(.float32).reshaped(b.rows, 1, 1, b.length)
        let times = try encoder.times(b).expanded([b.rows, b.length, encoder.timeWidth])
        let values = try Tensor.concatenated([behaviors, times], -1)
        let sums = try collide.reshaped([b.rows, b.width * hashes, b.length]).matmul(values)
        let lengths = try (sums.square().sum(2, keep: true) + 1e-12).sqrt()
        let interest = try (sums / lengths).reshaped([b.rows, b.width, hashes, -1]).mean(2)
        let now = try encoder.now(on: b.items.device).reshaped(1, 1, -1)
        let target = try Tensor.concatenated([candidates, now.expanded([b.rows, b.width, encoder.timeWidth])], -1)
        return try head(.concatenated([target, interest, interest * target], -1), mode)
    }

    /// Which hashes agree: `[B, L, D]`, `[B, C, D]` to `[B, C, hashes, L]` of 0 and 1.
    private func collisions(_ behaviors: Tensor, _ candidates: Tensor) throws -> Tensor {
        try withoutGradients {
            let bits = signature.directions.value.size(1) / hashes
            let places = try Tensor((0..<bits).map { Float(1 << $0) }, on: behaviors.device)
            func codes(_ x: Tensor) throws -> Tensor {
                let signs = try signature(x).reshaped([x.size(0), x.size(1), hashes, bits])
                return try (signs * places).sum(3).transposed(1, 2)  // [B, hashes, L or C]
            }
            let (own, wanted) = (try codes(behaviors), try codes(candidates))
            return try wanted.unsqueezed(3).equal(own.unsqueezed(2)).to(.float32).permuted(0, 2, 1, 3)
        }
    }
}
