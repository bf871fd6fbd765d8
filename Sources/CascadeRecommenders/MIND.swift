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
    public static let examples = ExampleKind.cuts

    /// How the target attends to the interests while training (reading M7).
    public enum Attention: String, Codable, Sendable, CaseIterable {
        /// To the nearest alone: a power without bound.
        case hard
        /// To all, with a softmax of products that were raised to a power.
        case soft
    }

    public struct Configuration: Settings {
        public var width = 64  // features per item
        public var length = 10  // latest events that are read
        public var interests = 4  // K
        public var adaptive = true  // n events have at most log2 n interests (reading M6)
        public var iterations = 3  // rounds of routing
        public var attention = Attention.hard
        public var power = 1.0  // p of soft attention
        public var outputLayer = false  // a ReLU layer after the routing (reading M8)
        public var sparseGradients = false  // of the item table: for sampled losses on large catalogues
        public init() {}

        public func validate() throws {
            guard width > 0, length > 0, interests > 0, iterations > 0 else {
                throw ConfigurationError("model: width, length, interests and iterations must be at least 1")
            }
            guard power >= 1, power.isFinite else {
                throw ConfigurationError("model.power: found \(power), expected a number from 1; or attention: hard")
            }
        }
    }

    public let length: Int
    let items: Embedding
    let routing: RoutedInterests
    let output: Linear?
    let attention: Attention
    let power: Double

    public init(_ c: Configuration, for data: DatasetShape, using generator: Generator) throws {
        items = try multiInterestItems(data, width: c.width, isRowSparse: c.sparseGradients, using: generator)
        routing = try RoutedInterests(
            width: c.width,
            interests: c.interests,
            length: c.length,
            maps: .shared,
            start: .normal,
            iterations: c.iterations,
            isAdaptive: c.adaptive,
            using: generator
        )
        output = c.outputLayer ? try Linear(c.width, c.width, using: generator) : nil
        (length, attention, power) = (c.length, c.attention, c.power)
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
