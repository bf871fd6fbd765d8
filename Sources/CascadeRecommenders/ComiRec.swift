// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
import CascadeNN
public import CascadeTorch

/// Several interests by self-attention over the history; the one nearest to the target is trained.
///
/// - Source: Cen et al. 2020, arXiv:2005.09347, self-attentive method. The controllable diversity of its lists
///   serves every model: see `Diversity` in Evaluation.
/// - Deviation: M1, M2, M7: see `Documentation/paper-readings.md`.
public struct ComiRecSA: VectorRetriever {
    public static let card = ModelCard(
        name: "comirec-sa",
        summary: "several interests by self-attention over the history",
        paper: "Cen et al., KDD 2020, arXiv:2005.09347"
    )
    public static let padding = Padding.left
    public static let examples = ExampleKind.prefixes

    public struct Configuration: Settings {
        public var base = MultiInterestSettings()
        /// Features of the attention's hidden layer.
        public var attentionHiddenSize = 256
        public init() {}

        public static var bounds: [Bound<Self>] {
            [.atLeast(1, \.attentionHiddenSize)]
        }

        public static var formerNames: [String: String] { ["hidden": "attentionHiddenSize"] }
    }

    public let length: Int
    let items: Embedding
    let attention: SelfAttentiveInterests

    public init(_ c: Configuration, for data: DatasetShape, using generator: Generator) throws {
        items = try multiInterestItems(
            data,
            width: c.base.embeddingSize,
            isRowSparse: c.base.sparseGradients,
            using: generator
        )
        attention = try SelfAttentiveInterests(
            width: c.base.embeddingSize,
            hidden: c.attentionHiddenSize,
            interests: c.base.numInterests,
            length: c.base.maxSequenceLength,
            using: generator
        )
        length = c.base.maxSequenceLength
    }

    public func itemVectors() throws -> Tensor { try items.weight.value.sliced(0, from: 1) }

    public func itemVectors(_ numbers: Tensor) throws -> Tensor { try items(numbers + 1) }

    public func userVectors(_ batch: Batch) throws -> Tensor {
        let history = try embeddedHistory(batch, items)
        return try attention(history.items, history.mask)
    }

    public func trainingOutput(_ batch: Batch) throws -> TrainingOutput {
        TrainingOutput(vectors: try interest(userVectors(batch), nearest: itemVectors(batch.targets)))
    }
}

/// Several interests by dynamic routing of the history; the one nearest to the target is trained.
///
/// - Source: Cen et al. 2020, arXiv:2005.09347, dynamic routing method.
/// - Deviation: M3-M5, M7: see `Documentation/paper-readings.md`.
public struct ComiRecDR: VectorRetriever {
    public static let card = ModelCard(
        name: "comirec-dr",
        summary: "several interests by dynamic routing of the history",
        paper: "Cen et al., KDD 2020, arXiv:2005.09347"
    )
    public static let padding = Padding.left
    public static let examples = ExampleKind.prefixes

    public struct Configuration: Settings {
        public var base = MultiInterestSettings()
        /// What has a linear map of its own (reading M3).
        public var maps = RoutingMaps.interest
        /// Rounds of routing.
        public var routingIterations = 3
        public init() {}

        public static var bounds: [Bound<Self>] {
            [.atLeast(1, \.routingIterations)]
        }

        public static var formerNames: [String: String] { ["iterations": "routingIterations"] }

        public func validate() throws {
            guard maps != .shared || base.numInterests == 1 else {
                throw ConfigurationError(
                    "model.maps: found 'shared', expected 'interest' or 'position': with one map for all, "
                        + "\(base.numInterests) interests would stay equal"
                )
            }
        }
    }

    public let length: Int
    let items: Embedding
    let routing: RoutedInterests

    public init(_ c: Configuration, for data: DatasetShape, using generator: Generator) throws {
        items = try multiInterestItems(
            data,
            width: c.base.embeddingSize,
            isRowSparse: c.base.sparseGradients,
            using: generator
        )
        routing = try RoutedInterests(
            width: c.base.embeddingSize,
            interests: c.base.numInterests,
            length: c.base.maxSequenceLength,
            maps: c.maps,
            start: .zero,
            iterations: c.routingIterations,
            using: generator
        )
        length = c.base.maxSequenceLength
    }

    public func itemVectors() throws -> Tensor { try items.weight.value.sliced(0, from: 1) }

    public func itemVectors(_ numbers: Tensor) throws -> Tensor { try items(numbers + 1) }

    public func userVectors(_ batch: Batch) throws -> Tensor {
        let history = try embeddedHistory(batch, items)
        return try routing(history.items, history.mask)
    }

    public func trainingOutput(_ batch: Batch) throws -> TrainingOutput {
        TrainingOutput(vectors: try interest(userVectors(batch), nearest: itemVectors(batch.targets)))
    }
}

/// The settings of both models; in files beside their own.
public struct MultiInterestSettings: InlinedSettings, Equatable {
    /// Features of each item.
    public var embeddingSize = 64
    /// Latest events that are read.
    public var maxSequenceLength = 10
    /// K: interests of each user.
    public var numInterests = 4
    /// Whether the item table's gradients name rows, for sampled losses on large catalogs.
    public var sparseGradients = false
    /// The defaults.
    public init() {}

    public static var bounds: [Bound<Self>] {
        [.atLeast(1, \.embeddingSize, \.maxSequenceLength, \.numInterests)]
    }

    public static var formerNames: [String: String] {
        ["width": "embeddingSize", "length": "maxSequenceLength", "interests": "numInterests"]
    }
}
