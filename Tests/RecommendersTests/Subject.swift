// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeNN
import CascadeTorch
import Foundation
import TensorTestSupport
import Testing

@testable import CascadeRecommenders

/// A model under contract: an entry of the catalog, made small, perhaps with a part exchanged.
struct Subject: Sendable, CustomTestStringConvertible {
    let entry: ModelEntry
    var variant: [String: String] = [:]
    var testDescription: String { ([entry.card.name] + variant.values).joined(separator: " with ") }

    /// Every model of the catalog, and the one of the guide.
    static let all = (ModelRegistry.builtin.entries + [ModelEntry(AverageOfEmbeddings.self)]).map { Subject(entry: $0) }

    /// Those that learn by gradients, and their variants.
    static let learning =
        all.filter { $0.entry.capabilities.contains(.itemVectors) }
        + ["transformer", "mamba"].map { Subject(entry: ModelEntry(T2Diff.self), variant: ["backbone": $0]) }

    /// Whether a model learns to rebuild the whole set of items, target included, instead of what follows a history.
    private var isAutoencoder: Bool { entry.card == MultVAE.card }

    /// What a model is asked that has learned a history by heart.
    func question(of history: History) -> History {
        guard isAutoencoder else { return history }
        var whole = history
        whole.items.append(history.target)
        whole.times.append(history.times.last ?? 0)
        return whole
    }

    /// The items, from 0, that then come first.
    func answers(to history: History) -> Set<Int> {
        Set(((isAutoencoder ? history.items : []) + [history.target]).map { Int($0) - 1 })
    }

    /// The least that the loss on `History.rows` can be: above 0 where one row has several right answers.
    var leastLoss: Double {
        let losses = History.rows.map { row in
            let count = Double(answers(to: row).count)
            return count * log(count)
        }
        return losses.reduce(0, +) / Double(losses.count)
    }

    /// 20 items, and for models of search a feature of each kind.
    static let data: DatasetShape = {
        var shape = DatasetShape(users: 50, items: 20)
        shape.itemFeatures = [FeatureCodes("kind", (0..<20).map { Int32($0 % 4) })]
        shape.userFeatures = [FeatureCodes("age", (0..<50).map { Int32($0 % 3) })]
        (shape.contextSizes, shape.shownFeatures) = ([2], ["price", "rank"])
        return shape
    }()

    /// What makes a model quick; a model takes those of these settings that it has.
    static let small: [String: JSONValue] = [
        "embedding_size": .integer(16), "max_sequence_length": .integer(12), "ffn_size": .integer(32),
        "max_session_length": .integer(4),
        "window": .integer(8), "channels": .integer(8), "steps": .integer(6), "attention_hidden_size": .integer(32),
        "dropout": .number(0), "num_interests": .integer(2), "backbone_layers": .integer(1), "state_size": .integer(4),
        "unknown_user_rate": .number(0.5), "latent_size": .integer(8),
        "input_dropout": .number(0), "ranking_loss_weight": .number(1), "sampler": .object(["kind": .string("ddpm")]),
    ]

    /// The same for models of search.
    static let smallSearch: [String: JSONValue] = [
        "num_layers": .integer(2), "top_k": .integer(4), "relevant_top_k": .integer(6),
        "tokens": .object([
            "feature_embedding_size": .integer(4), "dropout": .number(0), "text": .object(["buckets": .integer(40)]),
        ]),
        "head": .object(["hidden_units": .array([.integer(16), .integer(8)]), "dropout": .number(0)]),
    ]

    /// The small settings with some replaced, where the model has them.
    func settings(_ changes: [String: JSONValue] = [:]) throws -> JSONValue {
        guard case .object(let defaults) = try entry.specification().settings else { return .object([:]) }
        let own = variant.mapValues(JSONValue.string)
        var small = entry.capabilities.contains(.queries) ? Self.small.merging(Self.smallSearch) { $1 } : Self.small
        // The activation unit of two models, the attention's hidden layer of others.
        if ["t2diff", "din"].contains(entry.card.name) { small["attention_hidden_size"] = .integer(8) }
        return .object(small.merging(own) { $1 }.merging(changes) { $1 }.filter { defaults[$0.key] != nil })
    }

    func model(seed: UInt64 = 1, _ changes: [String: JSONValue] = [:]) throws -> any CatalogScorer {
        let model = try entry.specification(settings(changes)).make(for: Self.data, using: Generator(seed: seed))
        try Rounding.disturb(model)
        return try #require(model.catalogScorer)
    }

    func learner(seed: UInt64 = 1, _ changes: [String: JSONValue] = [:]) throws -> Learner {
        try Learner(try #require(try model(seed: seed, changes).vectorRetriever))
    }
}

extension Rounding {
    /// Moves the weights of a model that a test has made.
    static func disturb(_ model: any Module) throws { try disturb(model.parameters().map(\.part.value)) }
}

/// A model with an optimizer.
struct Learner {
    let model: any VectorRetriever
    let adam: Adam

    init(_ model: any VectorRetriever) throws {
        self.model = model
        adam = try Adam(model.parameters())
    }

    /// The histories as a batch of this model's layout.
    func host(_ histories: [History], columns: Int? = nil) -> HostBatch {
        HostBatch(histories, type(of: model).padding, type(of: model).examples, columns: columns)
    }

    /// The loss with all its terms; noise and negatives follow from the seed.
    func loss(_ host: HostBatch, _ objective: Objective = Objective(), seed: UInt64) throws -> Tensor {
        var random = SplitMix64(seed: seed)
        let batch = try Batch(host, noise: .drawn(Generator(seed: seed)))
        let output = try model.trainingOutput(batch)
        let sampler = try objective.sampler(itemCounts: Array(1...Subject.data.items))
        let terms = try objective.terms(output, of: model, targets: batch.targets, sampler: sampler, using: &random)
        return try terms.dropFirst().reduce(terms[0].loss) { try $0 + $1.loss }
    }

    /// One update; gives the loss before it.
    func step(_ host: HostBatch, _ objective: Objective = Objective(), seed: UInt64) throws -> Double {
        try adam.clearGradients()
        let loss = try loss(host, objective, seed: seed)
        try loss.backward()
        try adam.step(rate: 1e-2)
        return try loss.item()
    }

    /// Losses of that many updates on one batch.
    func train(_ histories: [History], _ objective: Objective = Objective(), steps: Int) throws -> [Double] {
        let host = host(histories)
        return try (1...steps).map { try step(host, objective, seed: UInt64($0)) }
    }

    /// Scores `[B, N]` as a table.
    func scores(_ histories: [History], columns: Int? = nil) throws -> [[Double]] {
        let scores = try withoutGradients { try model.scores(Batch(host(histories, columns: columns), noiseSeed: 7)) }
        let flat = try scores.doubles()
        let width = scores.size(1)
        return (0..<scores.size(0)).map { Array(flat[$0 * width..<($0 + 1) * width]) }
    }
}

/// What a user did, and what came next.
struct History {
    var user: Int32
    var items: [Int32]
    var times: [Int64]
    var target: Int32

    /// Rows of different lengths whose first items differ, with short and long gaps in time.
    static let rows: [History] = [1, 2, 5, 12, 7, 12].enumerated().map { row, count in
        var random = SplitMix64(seed: UInt64(row))
        let drawn = (0..<count).map { _ in Int32.random(in: 1...20, using: &random) }
        var time: Int64 = 1_000_000_000
        let times = (0..<count).map { place -> Int64 in
            time += place % 3 == 2 ? 86_400 : 60
            return time
        }
        return History(
            user: Int32(3 * row),
            items: [Int32(row + 1)] + drawn.dropFirst(),
            times: times,
            target: Int32(20 - row)
        )
    }
}

extension HostBatch {
    /// Lays histories out as `BatchPlan` does.
    init(_ histories: [History], _ padding: Padding, _ kind: ExampleKind, columns: Int? = nil) {
        let length = max(columns ?? 0, histories.map(\.items.count).max() ?? 1)
        func padded<T: Numeric>(_ values: [T]) -> [T] {
            let zeros = [T](repeating: 0, count: length - values.count)
            return padding == .left ? zeros + values : values + zeros
        }
        let targets = histories.flatMap { history in
            kind == .prefixes ? [history.target] : padded(history.items.dropFirst() + [history.target])
        }
        self.init(
            rows: histories.count,
            length: length,
            items: histories.flatMap { padded($0.items) },
            times: histories.flatMap { padded($0.times) },
            lengths: histories.map { Int32($0.items.count) },
            targets: targets,
            users: histories.map(\.user)
        )
    }
}
