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
    public static let examples = ExampleKind.cuts

    public struct Configuration: Settings {
        public var width = 64  // features per item
        public var length = 10  // latest events that are read
        public var interests = 4  // K
        public var hidden = 256  // features of the attention's hidden layer
        public var sparseGradients = false  // of the item table: for sampled losses on large catalogues
        public init() {}

        public func validate() throws {
            guard width > 0, length > 0, interests > 0, hidden > 0 else {
                throw ConfigurationError("model: width, length, interests and hidden must be at least 1")
            }
        }
    }

    public let length: Int
    let items: Embedding
    let attention: SelfAttentiveInterests

    public init(_ c: Configuration, for data: DatasetShape, using generator: Generator) throws {
        items = try multiInterestItems(data, width: c.width, isRowSparse: c.sparseGradients, using: generator)
        attention = try SelfAttentiveInterests(
            width: c.width,
            hidden: c.hidden,
            interests: c.interests,
            length: c.length,
            using: generator
        )
        length = c.length
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
    public static let examples = ExampleKind.cuts

    public struct Configuration: Settings {
        public var width = 64  // features per item
        public var length = 10  // latest events that are read
        public var interests = 4  // K
        public var maps = RoutingMaps.interest  // what has a linear map of its own (reading M3)
        public var iterations = 3  // rounds of routing
        public var sparseGradients = false  // of the item table: for sampled losses on large catalogues
        public init() {}

        public func validate() throws {
            guard width > 0, length > 0, interests > 0, iterations > 0 else {
                throw ConfigurationError("model: width, length, interests and iterations must be at least 1")
            }
            guard maps != .shared || interests == 1 else {
                throw ConfigurationError(
                    "model.maps: found 'shared', expected 'interest' or 'position': with one map for all, "
                        + "\(interests) interests would stay equal"
                )
            }
        }
    }

    public let length: Int
    let items: Embedding
    let routing: RoutedInterests

    public init(_ c: Configuration, for data: DatasetShape, using generator: Generator) throws {
        items = try multiInterestItems(data, width: c.width, isRowSparse: c.sparseGradients, using: generator)
        routing = try RoutedInterests(
            width: c.width,
            interests: c.interests,
            length: c.length,
            maps: c.maps,
            start: .zero,
            iterations: c.iterations,
            using: generator
        )
        length = c.length
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
