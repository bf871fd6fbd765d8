// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
import CascadeDiffusion
import CascadeNN
public import CascadeTorch

/// Two towers, each with a vector of its own for every user or item, which learns to be like what the other tower made
/// of the user's items, or of the item's users.
///
/// - Source: Yu et al. 2021, A Dual Augmented Two-tower Model for Online Large-scale Recommendation, DLP-KDD, sections
///   on the adaptive-mimic mechanism and the category alignment loss.
/// - Deviation: V7-V9: see `Documentation/paper-readings.md`.
public struct DAT: VectorRetriever {
    public static let card = ModelCard(
        name: "dat",
        summary: "two towers, each with augmented vectors that mimic the output of the other",
        paper: "Yu et al., DLP-KDD 2021"
    )
    // The mean up to a real position never sees padding on the right.
    public static let padding = Padding.right
    public static let examples = ExampleKind.causal
    public static let readsCategories = true

    public struct Configuration: Settings {
        /// Features of each item and category, of augmented vectors, and of what the towers give.
        public var embeddingSize = 64
        /// Latest events that are read.
        public var maxSequenceLength = 50
        /// Features of the hidden layers of each tower.
        public var hiddenUnits = [256, 128]
        /// Probability that a feature of the history's mean is zeroed while training.
        public var dropout = 0.1
        /// Scores are the towers' cosine, divided by it.
        public var temperature = 0.1
        /// Weight of the loss that makes a user's augmented vector like the vectors of the user's items.
        public var userMimicLossWeight = 0.5
        /// Weight of the loss that makes an item's augmented vector like the vectors of the item's users.
        public var itemMimicLossWeight = 0.5
        /// Weight of the loss that makes categories vary as the largest does, where items have categories.
        public var categoryLossWeight = 1.0
        /// Whether the tables' gradients name rows, for sampled losses on large catalogs.
        public var sparseGradients = false
        public init() {}

        public static var bounds: [Bound<Self>] {
            [
                .atLeast(1, \.embeddingSize, \.maxSequenceLength), .layers(\.hiddenUnits), .unit(\.dropout),
                .above(0, \.temperature),
                .atLeast(0, \.userMimicLossWeight, \.itemMimicLossWeight, \.categoryLossWeight),
            ]
        }
    }

    /// One row in so many stands for an unknown user in training, so that the model knows what to make of one.
    static let unknownEvery = 20

    public let length: Int
    let items: Embedding
    let categories: Embedding?
    let categoryOf: ItemCategories
    let itemAugmentation: Embedding
    /// Row 0 is for unknown users.
    let userAugmentation: Embedding
    let userTower: Tower
    let itemTower: Tower
    let configuration: Configuration

    public init(_ c: Configuration, for data: DatasetShape, using generator: Generator) throws {
        func table(_ count: Int) throws -> Embedding {
            try Embedding(count, c.embeddingSize, .normal(0.02), isRowSparse: c.sparseGradients, using: generator)
        }
        // Row 0 is padding.
        items = try table(data.items + 1)
        categories = data.categoryCount > 0 ? try table(data.categoryCount + 1) : nil
        categoryOf = try ItemCategories(data, on: generator.device)
        itemAugmentation = try table(data.items + 1)
        userAugmentation = try table(data.users + 1)
        userTower = try Tower(2 * c.embeddingSize, c.hiddenUnits, c.embeddingSize, using: generator)
        let inputs = (categories == nil ? 2 : 3) * c.embeddingSize
        itemTower = try Tower(inputs, c.hiddenUnits, c.embeddingSize, using: generator)
        (length, configuration) = (c.maxSequenceLength, c)
    }

    public func itemVectors() throws -> Tensor {
        let table = items.weight.value
        return try itemVectors(Tensor((0..<table.size(0) - 1).map(Int64.init), on: table.device))
    }

    public func itemVectors(_ numbers: Tensor) throws -> Tensor {
        let numbers = try numbers + 1
        var features = [try items(numbers)]
        if let categories, let own = try categoryOf(numbers) { features.append(try categories(own)) }
        return try itemTower(.concatenated(features + [itemAugmentation(numbers)], -1))
    }

    public func userVectors(_ batch: Batch) throws -> Tensor {
        let augmented = try userAugmentation(batch.users + 1)
        return try batch.last(of: encode(batch.items, augmented, .inference)).unsqueezed(1) / configuration.temperature
    }

    public func trainingOutput(_ batch: Batch) throws -> TrainingOutput {
        let c = configuration
        let isKnown = try batch.noise.integers(rows: batch.rows, in: 0..<Self.unknownEvery).notEqual(0)
        let augmented = try userAugmentation((batch.users + 1) * isKnown.to(.int64))
        func targeted(_ x: Tensor) throws -> Tensor { try x.reshaped(-1, c.embeddingSize).rows(batch.positions) }
        let users = try targeted(encode(batch.items, augmented, .training))  // [M, D]
        var terms: [(name: String, loss: Tensor)] = []
        if c.userMimicLossWeight > 0 {
            let own = try targeted(augmented.unsqueezed(1).expanded([-1, batch.length, -1]))
            let loss = try (own - itemVectors(batch.targets).detached()).square().sum(1).mean()
            terms.append(("mimic-user", try loss * c.userMimicLossWeight))
        }
        if c.itemMimicLossWeight > 0 {
            let own = try itemAugmentation(batch.targets + 1)
            terms.append(("mimic-item", try (own - users.detached()).square().sum(1).mean() * c.itemMimicLossWeight))
        }
        if c.categoryLossWeight > 0, categories != nil {
            let distinct = try batch.targets.unique().values
            if let own = try categoryOf(distinct + 1) {
                let loss = try categoryAlignment(itemVectors(distinct), own)
                terms.append(("categories", try loss * c.categoryLossWeight))
            }
        }
        return TrainingOutput(vectors: try users / c.temperature, terms: terms)
    }

    /// int32 `[B, L]` and the users' augmented vectors `[B, D]` to unit vectors after every item, `[B, L, D]`.
    func encode(_ history: Tensor, _ augmented: Tensor, _ mode: Mode) throws -> Tensor {
        let length = history.size(1)
        let counts = try Tensor((1...length).map(Float.init), shape: [1, length, 1], on: history.device)
        let means = try dropout(items(history).cumulativeSum(1) / counts, configuration.dropout, mode)
        return try userTower(.concatenated([means, augmented.unsqueezed(1).expanded([-1, length, -1])], -1))
    }
}

/// Linear maps with rectifiers between them, to a unit vector.
struct Tower: Module {
    let layers: [Linear]

    init(_ inputs: Int, _ hidden: [Int], _ outputs: Int, using generator: Generator) throws {
        let sizes = [inputs] + hidden + [outputs]
        layers = try zip(sizes, sizes.dropFirst()).map { try Linear($0, $1, using: generator) }
    }

    /// `[..., inputs]` to `[..., outputs]`.
    func callAsFunction(_ x: Tensor) throws -> Tensor {
        let last = try layers.dropLast().reduce(x) { try $1($0).relu() }
        return try layers[layers.count - 1](last).onUnitSphere()
    }
}

/// How much the covariances of categories differ from that of the category with the most items: a scalar.
///
/// These are the squared Frobenius norms of the differences, summed. Categories of a single item have no covariance and
/// do not count.
///
/// - Parameters:
///   - vectors: `[n, D]`, one for each item.
///   - categories: int64 `[n]`.
/// - Source: Yu et al. 2021, category alignment loss.
func categoryAlignment(_ vectors: Tensor, _ categories: Tensor) throws -> Tensor {
    let (count, width) = (vectors.size(0), vectors.size(1))
    let (values, own, sizes) = try categories.unique()
    func sums(_ x: Tensor) throws -> Tensor {
        try Tensor.zeros([values.size(0), x.size(1)], on: x.device).addingRows(own, x)
    }
    let sizesByRow = try sizes.to(.float32).unsqueezed(1)  // [K, 1]
    let centered = try vectors - (sums(vectors) / sizesByRow).rows(own)
    let products = try (centered.unsqueezed(2) * centered.unsqueezed(1)).reshaped(count, width * width)
    let covariances = try sums(products) / (sizesByRow - 1).clamped(from: 1)  // [K, D D]
    let largest = try covariances.rows(sizes.argMax(0).reshaped(1))
    return try ((covariances - largest).square().sum(1, keep: true) * sizesByRow.greater(1).to(.float32)).sum()
}
