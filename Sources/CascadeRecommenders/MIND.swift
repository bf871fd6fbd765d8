// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
import CascadeNN
public import CascadeTorch

/// Several interests by dynamic routing with one shared map, as many as the history is long enough for; in training the
/// target attends to them.
///
/// - Source: Li et al. 2019, arXiv:1904.08030.
/// - Deviation: M4-M8: see `Documentation/paper-readings.md`. There is no user profile.
public struct MIND: VectorRetriever {
    public static let card = ModelCard(
        name: "mind",
        summary: "several interests by dynamic routing with a shared map, more of them for longer histories",
        paper: "Li et al., CIKM 2019, arXiv:1904.08030"
    )
    public static let padding = Padding.left
    public static let examples = ExampleKind.prefixes

    /// How the target attends to the interests while training (reading M7).
    public enum Attention: String, Codable, Sendable, CaseIterable {
        /// To the nearest alone: a power without bound.
        case hard
        /// To all, with a softmax of products that were raised to a power.
        case soft
    }

    public struct Configuration: Settings {
        /// Features of each item.
        public var embeddingSize = 64
        /// Latest events that are read.
        public var maxSequenceLength = 10
        /// K: interests of each user.
        public var numInterests = 4
        /// n events have at most log2 n interests (reading M6).
        public var adaptive = true
        /// Rounds of routing.
        public var routingIterations = 3
        /// How interests are weighed for a target in training.
        public var attention = Attention.hard
        /// p of soft attention.
        public var power = 1.0
        /// A ReLU layer after the routing (reading M8).
        public var outputLayer = false
        /// Whether the item table's gradients name rows, for sampled losses on large catalogs.
        public var sparseGradients = false
        public init() {}

        public static var bounds: [Bound<Self>] {
            [
                .atLeast(1, \.embeddingSize, \.maxSequenceLength, \.numInterests, \.routingIterations),
                .atLeast(1, \.power),
            ]
        }

        public static var formerNames: [String: String] {
            [
                "width": "embeddingSize", "length": "maxSequenceLength", "interests": "numInterests",
                "iterations": "routingIterations",
            ]
        }
    }

    public let length: Int
    let items: Embedding
    let routing: RoutedInterests
    let output: Linear?
    let attention: Attention
    let power: Double

    public init(_ c: Configuration, for data: DatasetShape, using generator: Generator) throws {
        items = try multiInterestItems(data, width: c.embeddingSize, isRowSparse: c.sparseGradients, using: generator)
        routing = try RoutedInterests(
            width: c.embeddingSize,
            interests: c.numInterests,
            length: c.maxSequenceLength,
            maps: .shared,
            start: .normal,
            iterations: c.routingIterations,
            isAdaptive: c.adaptive,
            using: generator
        )
        output = c.outputLayer ? try Linear(c.embeddingSize, c.embeddingSize, using: generator) : nil
        (length, attention, power) = (c.maxSequenceLength, c.attention, c.power)
    }

    public func itemVectors() throws -> Tensor { try items.weight.value.sliced(0, from: 1) }

    public func itemVectors(_ numbers: Tensor) throws -> Tensor { try items(numbers + 1) }

    public func userVectors(_ batch: Batch) throws -> Tensor { try interests(batch).vectors }

    public func trainingOutput(_ batch: Batch) throws -> TrainingOutput {
        let (interests, mask) = try interests(batch)
        let targets = try itemVectors(batch.targets)
        guard attention == .soft else {
            return TrainingOutput(vectors: try interest(interests, nearest: targets))
        }
        return TrainingOutput(
            vectors: try labelAwareAttention(interests, targets, among: routing.active(mask), power: power)
        )
    }

    /// The interests `[B, K, D]`, and where the history is real, float32 `[B, L]`.
    private func interests(_ batch: Batch) throws -> (vectors: Tensor, mask: Tensor) {
        let history = try embeddedHistory(batch, items)
        let routed = try routing(history.items, history.mask)
        return (try output.map { try $0(routed).relu() } ?? routed, history.mask)
    }
}

/// Means of interests `[B, K, D]`, weighted by a softmax of their products with targets `[B, D]`, raised to a power:
/// `[B, D]`.
///
/// A product keeps its sign, so that what points away from the target never attracts it. Interests where `present`
/// (bool `[B, K]`) is false do not take part.
///
/// - Source: Li et al. 2019, arXiv:1904.08030, label-aware attention layer.
func labelAwareAttention(_ interests: Tensor, _ targets: Tensor, among present: Tensor, power: Double) throws -> Tensor
{
    let products = try interests.matmul(targets.unsqueezed(2)).squeezed(2)  // [B, K]
    let raised = power == 1 ? products : try products.sign() * products.abs().pow(power)
    let weights = try raised.filled(where: present.not(), with: -.infinity).softmax(1)
    return try weights.unsqueezed(1).matmul(interests).squeezed(1)
}
