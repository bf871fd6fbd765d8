// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeConfigurations

/// How a model is served, with defaults.
public struct EngineSettings: Settings {
    /// What a click model's candidates are judged by.
    public enum Judge: String, Codable, Sendable, CaseIterable {
        /// The whole model.
        case model
        /// Its attention's tables alone: a pre-ranker, for models whose search is made of dot products.
        case attention
    }

    /// `cpu`, `cuda` or `cuda:1`.
    public var device = "cpu"
    /// Threads of one operation.
    ///
    /// With 1, requests share the processor without waiting for one another.
    public var threads = 1
    /// The most requests of one pass.
    ///
    /// 0 takes 64 for a retriever and 8 for a ranker, whose requests have hundreds of candidates each.
    public var batch = 0
    /// Milliseconds that a request waits for others at most.
    public var budget = 2.0
    /// What judges candidates.
    public var judge = Judge.model
    /// The defaults.
    public init() {}

    /// Refuses impossible numbers.
    public func validate() throws {
        guard threads >= 1, batch >= 0, budget >= 0, budget.isFinite else {
            throw ConfigurationError(
                "found threads \(threads), batch \(batch) and budget \(budget); expected at least 1, 0 and 0"
            )
        }
    }

    /// When requests are gathered, and how many.
    var batching: Batching { Batching(maximum: max(batch, 1), budget: .microseconds(Int64(budget * 1_000))) }

    /// The same with a maximum where none is set.
    func gathering(upTo maximum: Int) -> EngineSettings {
        var copy = self
        if batch == 0 { copy.batch = maximum }
        return copy
    }
}
