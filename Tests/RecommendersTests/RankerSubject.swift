// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeNN
import CascadeTorch
import Foundation
import TensorTestSupport
import Testing

@testable import CascadeRecommenders

/// A CTR model under contract: an entry of the catalog, made small, perhaps with a part exchanged.
struct RankerSubject: Sendable, CustomTestStringConvertible {
    let entry: ModelEntry
    var variant: [String: JSONValue] = [:]
    var testDescription: String { variant.isEmpty ? entry.card.name : "\(entry.card.name) with \(variant)" }

    /// Every CTR model of the catalog, and its variants.
    static let all: [RankerSubject] =
        ModelRegistry.builtin.entries.filter { $0.capabilities.contains(.clickThroughRate) }.map {
            RankerSubject(entry: $0)
        }
        + Projection.allCases.dropFirst().map { twin(["projection": .string($0.rawValue)]) }
        + [
            twin(["retrieval": .string("hard")]), twin(["target_aware": .bool(false)]),
            twin(["balanced_gradients": .bool(true)]),
            twin(["projection": .string("linear"), "table_embedding_size": .integer(12)]),
            twin(["auxiliary_loss": .bool(false)]),
            RankerSubject(
                entry: ModelEntry(DARE.self),
                variant: ["attention_embedding_size": .integer(4), "time_deltas": .bool(true)]
            ),
            RankerSubject(entry: ModelEntry(DARE.self), variant: ["head": .object(["activation": .string("dice")])]),
            RankerSubject(entry: ModelEntry(SIM.self), variant: ["retrieval": .string("hard")]),
        ]

    private static func twin(_ variant: [String: JSONValue]) -> RankerSubject {
        RankerSubject(entry: ModelEntry(TWIN.self), variant: variant)
    }

    /// 20 items of 4 categories.
    static let data = DatasetShape(users: 50, items: 20, categories: (0..<20).map { Int32($0 % 4) })

    static let small: [String: JSONValue] = [
        "embedding_size": .integer(8), "attention_embedding_size": .integer(8), "max_sequence_length": .integer(12),
        "top_k": .integer(4),
        "attention_hidden_size": .integer(8), "hash_bits": .integer(16), "bits_per_hash": .integer(2),
        "num_hashes": .integer(4), "cluster_span": .integer(5), "initializer_std": .number(0.3),
        "head": .object(["hidden_units": .array([.integer(16), .integer(8)])]),
    ]

    func model(seed: UInt64 = 1, _ changes: [String: JSONValue] = [:], data: DatasetShape = Self.data) throws
        -> any CTRRanker
    {
        guard case .object(let defaults) = try entry.specification().settings else {
            throw ConfigurationError("no settings")
        }
        var own = variant
        if let head = variant["head"], case .object(let fields) = head {
            own["head"] = .object(["hidden_units": .array([.integer(16), .integer(8)])].merging(fields) { $1 })
        }
        var settings = Self.small.merging(own) { $1 }.merging(changes) { $1 }
        settings = settings.filter { defaults[$0.key] != nil }
        let model = try #require(
            try entry.specification(.object(settings)).make(for: data, using: Generator(seed: seed)).ctrRanker
        )
        try Rounding.disturb(model)
        return model
    }
}

extension CTRHostBatch {
    /// Each history with its target and two other items.
    init(_ histories: [History], columns: Int? = nil) {
        let host = HostBatch(histories, .left, .prefixes, columns: columns)
        let candidates = histories.flatMap { history -> [Int32] in
            let others = (1...20).map(Int32.init).filter { $0 != history.target && !history.items.contains($0) }
            return [history.target, others[0], others[others.count - 1]]
        }
        self.init(
            history: host,
            width: 3,
            candidates: candidates,
            labels: histories.flatMap { _ in [Float(1), 0, 0] },
            times: histories.map { ($0.times.last ?? 0) + 60 }
        )
    }

    func batch() throws -> CTRBatch { try CTRBatch(self, noise: .drawn(Generator(seed: 1))) }
}

extension CTRRanker {
    /// Log-odds `[B][C]` in inference mode.
    func scored(_ host: CTRHostBatch) throws -> [[Double]] {
        let flat = try withoutGradients { try logits(host.batch()).doubles() }
        return (0..<host.history.rows).map { Array(flat[$0 * host.width..<($0 + 1) * host.width]) }
    }

    /// The whole loss of a batch.
    func loss(_ host: CTRHostBatch) throws -> Tensor {
        let batch = try host.batch()
        let terms = try trainingOutput(batch).terms(batch)
        return try terms.dropFirst().reduce(terms[0].loss) { try $0 + $1.loss }
    }
}
