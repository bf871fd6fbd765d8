// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeConfigurations
import CascadeNN
public import CascadeTorch

/// Attention by a small network over each pair of behavior and candidate, with a retrieval stage before it.
///
/// - Source: Zhou et al., Deep Interest Network, KDD 2018, arXiv:1706.06978; the retrieval stage as in DARE, appendix A.2.
/// - Deviation: A7: see `Documentation/paper-readings.md`.
public struct DIN: TwoStageRanker {
    public static let card = ModelCard(
        name: "din",
        summary: "a small network weighs each behavior for the candidate; the heaviest are kept",
        paper: "Zhou et al., KDD 2018, arXiv:1706.06978"
    )

    public struct Configuration: TwoStageSettings {
        public var history = BehaviorSettings()
        public var stages = StageSettings()
        /// Hidden features of the activation unit.
        public var attentionHiddenSize = 36
        /// What a place nearer to the request adds to a score in the retrieval stage; 0: it only orders equal scores.
        public var recencyWeight = 0.0
        public init() {}

        public static var bounds: [Bound<Self>] {
            [
                .atLeast(1, \.attentionHiddenSize), .atLeast(0, \.recencyWeight),
            ]
        }

        public static var formerDefaults: [String: JSONValue] { ["recencyWeight": 1e-6] }

        public static var formerNames: [String: String] {
            ["unit": "attentionHiddenSize"]
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
            attention: UnitAttention(
                unit: TargetUnit(shared.semanticWidth, hidden: c.attentionHiddenSize, using: generator)
            ),
            retrieval: AttentionRetrieval(recencyWeight: c.recencyWeight),
            using: generator
        )
        length = c.maxSequenceLength
    }
}

/// Attention by a small network over each pair.
struct UnitAttention: HistoryAttention {
    let unit: TargetUnit

    func scores(_ b: Behaviors, _ v: TwoStage.Vectors, keys: BehaviorEncoder, queries: BehaviorEncoder) throws
        -> Tensor
    { try unit(v.keys, v.queries) }
}

/// Weighs behaviors by a small network over the pair, its difference and its product.
///
/// The first layer is applied without building its `4 D` wide input: its column blocks act on the candidate, the
/// behavior, their difference and their product, so that one batched product does the work of each pair.
///
/// - Source: DIN, Zhou et al. 2018, arXiv:1706.06978, figure 2; DARE's released code (36 features, PReLU, over D).
struct TargetUnit: Module {
    let hidden: Linear
    let rectifier: PReLU
    let output: Linear

    init(_ width: Int, hidden size: Int, using generator: Generator) throws {
        hidden = try Linear(4 * width, size, using: generator)
        rectifier = try PReLU(size, initial: 0.1, on: generator.device)
        output = try Linear(size, 1, using: generator)
    }

    /// `[B, L, D]`, `[B, C, D]` to `[B, C, L]`.
    func callAsFunction(_ behaviors: Tensor, _ candidates: Tensor) throws -> Tensor {
        let (width, weight) = (behaviors.size(2), hidden.weight.value)
        func block(_ i: Int) throws -> Tensor { try weight.sliced(1, from: i * width, to: (i + 1) * width) }
        // [B C, U, D]
        let perPair = try (block(1) - block(2)).scaledWeights(block(3), by: candidates.reshaped(-1, width))
        let fixed = try candidates.linear(block(0) + block(2), hidden.bias?.value)  // [B, C, U]
        let shape = [candidates.size(0), behaviors.size(1), candidates.size(1), weight.size(0)]
        let flat = try perPair.reshaped([shape[0], shape[2] * shape[3], width])
        let products = try behaviors.matmul(flat.transposed()).reshaped(shape)  // [B, L, C, U]
        let scores = try products.pairScores(
            fixed,
            slope: rectifier.slope.value,
            weight: output.weight.value.squeezed(0)
        )
        return try (output.bias.map { try scores + $0.value } ?? scores) / Double(width)
    }
}
