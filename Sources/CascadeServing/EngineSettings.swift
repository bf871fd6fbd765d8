// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeConfigurations

/// How a model is served, with defaults.
public struct EngineSettings: Settings {
    /// What scores the candidates of a CTR model.
    public enum Scorer: String, Codable, Sendable, CaseIterable {
        /// The whole model.
        case model
        /// Its attention tables alone: a pre-ranker, for models whose retrieval stage uses dot products.
        case attention
    }

    /// `cpu`, `cuda` or `cuda:1`.
    public var device = "cpu"
    /// Threads of one operation.
    ///
    /// With 1, requests share the processor without waiting for one another.
    public var threads = 1
    /// The maximum number of requests in a batch.
    ///
    /// 0 takes 64 for a retriever and 8 for a ranker, whose requests have hundreds of candidates each.
    public var maxBatchSize = 0
    /// How long a request waits for others at most, in milliseconds.
    public var maxBatchDelayMS = 2.0
    /// What scores candidates.
    public var scorer = Scorer.model

    /// The defaults.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case device, threads, scorer
        case maxBatchSize = "max_batch_size"
        case maxBatchDelayMS = "max_batch_delay_ms"
    }

    /// Keys that had other names before version 0.2.
    public static let formerKeys = FormerKeys([
        "batch": "max_batch_size", "budget": "max_batch_delay_ms", "judge": "scorer",
    ])

    /// Refuses impossible numbers.
    public func validate() throws {
        guard threads >= 1, maxBatchSize >= 0, maxBatchDelayMS >= 0, maxBatchDelayMS.isFinite else {
            throw ConfigurationError(
                """
                found threads \(threads), max_batch_size \(maxBatchSize) and max_batch_delay_ms \(maxBatchDelayMS); \
                expected at least 1, 0 and 0
                """
            )
        }
    }

    /// How requests are batched.
    var batching: Batching {
        Batching(maxBatchSize: max(maxBatchSize, 1), maxBatchDelay: .microseconds(Int64(maxBatchDelayMS * 1_000)))
    }

    /// The same with a maximum where none is set.
    func gathering(upTo maximum: Int) -> EngineSettings {
        var copy = self
        if maxBatchSize == 0 { copy.maxBatchSize = maximum }
        return copy
    }
}
